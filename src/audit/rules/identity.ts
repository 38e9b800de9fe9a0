import { commonNameOf } from '../../ca/certificate/names.js'
import { TAG } from '../../ca/der/der.js'
import { flagList } from '../../values/command-line.js'
import { groupBy } from '../../values/lists.js'
import { listed, quoted } from '../../values/text.js'
import { DAY } from '../../values/time.js'
import { COMPONENT_USERS, roleOfFile } from '../graph/clients.js'
import { adminGroup, identityText } from '../graph/edges.js'
import { identityOf } from '../graph/judge.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import { certificateAt } from '../read/layouts.js'
import type { Rule } from '../types.js'
import { indexOf, launchOf, nodeNameOf, reaches, releaseIn, trustsIn } from './by-evidence.js'
import { after, byOwner, REISSUE, unlessMadeSo } from './remedies.js'
import type { Use } from './roles.js'
import { about, HARDENING, rule } from './rule.js'
import { certificates, kubeconfigs, leaves, only, uses, usesAs } from './subjects.js'

const kubelets = usesAs('kubelet-client')

/** The last part of a path. */
const expectedUser = ({ pem }: Use) => COMPONENT_USERS[roleOfFile(pem.place.path)]

/** kubeadm up to 1.28 made these members of system:masters. */
const LEGACY = new Set([
  'apiserver-kubelet-client',
  'apiserver-etcd-client',
  'etcd-healthcheck-client',
])
const KNOWN_GROUPS =
  /^(system:(masters|nodes|node-proxier|authenticated|monitoring)|kubeadm:cluster-admins)$/
const isMaster = ({ certificate }: Use) => identityOf(certificate).groups.includes('system:masters')
const whoIs = ({ certificate }: Use) => identityText(identityOf(certificate))

const clients = only(
  leaves,
  ({ facts }) => facts.extendedKeyUsage?.usages.includes('clientAuth') !== false,
)

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const INJECTED = /[\u0000-\u001f\u007f]|[,+/;]\s*(CN|O|OU)\s*=/i
/** Values of the subject that are odd in this way, in words. */
const oddValues = ({ facts }: Certificate, isOdd: (value: string) => boolean) =>
  facts.subject.rdns
    .flat()
    .flatMap(({ type, value }) => (isOdd(value) ? `${type} ${quoted(value)}` : []))

export const IDENTITY_RULES: readonly Rule[] = [
  rule('I01', 'system-masters', 'H', 'warning', {
    title: 'a certificate of system:masters',
    citation: 'kubernetes/kubeadm#2414; CIS 3.1.1',
    why: 'The group passes by RBAC and cannot be taken away from a certificate: only a new authority revokes it. Kubernetes 1.29 keeps it to super-admin.conf.',
    fix: unlessMadeSo(
      ['k3s', 'rke2', 'microk8s', 'minikube'],
      'use the group kubeadm:cluster-admins (kubeadm 1.29 and later), or one of your own with a binding',
    ),
    of: uses,
    when: (use) =>
      isMaster(use) &&
      !LEGACY.has(use.role) &&
      // What it logs in to is not seen: perhaps etcd.
      use.role !== 'by-itself' &&
      roleOfFile(use.pem.place.path) !== 'super-admin' &&
      (use.node.kind !== 'operator' || roleOfFile(use.pem.place.path) === 'user'),
    say: (use) => {
      const { role, row, node, certificate } = use
      const severe =
        node.role === 'worker' || row.usages.includes('serverAuth') || role === 'kubelet-client'
      const legacy = identityOf(certificate).user === 'kubernetes-admin'
      return {
        message: `is ${whoIs(use)}, whom RBAC cannot stop`,
        severity: severe ? 'error' : legacy ? 'info' : 'warning',
      }
    },
  }),
  rule('I02', 'super-admin-on-node', 'L', 'info', {
    title: 'the break-glass kubeconfig lies on a node',
    citation: 'KEP-4214; https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/',
    why: 'Who reads super-admin.conf owns the cluster past RBAC. kubeadm leaves it where init ran; it belongs in a safe.',
    fix: 'mv /etc/kubernetes/super-admin.conf to a safe place off the node',
    of: kubeconfigs,
    where: ({ node }) => node.kind === 'node',
    when: ({ config }) => roleOfFile(config.path) === 'super-admin',
    say: ({ node }) => `lies on ${node.name}`,
  }),
  rule('I03', 'admin-on-worker', 'H', 'error', {
    title: 'an administrator’s kubeconfig on a worker',
    citation: 'https://kubernetes.io/docs/concepts/security/rbac-good-practices/',
    why: 'Whoever breaks into that worker owns the cluster.',
    fix: 'remove the file from the worker, and replace the administrator’s certificate',
    of: uses,
    where: ({ node }) => node.role === 'worker',
    when: (use) =>
      use.role !== 'kubelet-client' && adminGroup(identityOf(use.certificate)) !== undefined,
    say: (use) => `is ${whoIs(use)}, on a worker`,
  }),
  rule('I04', 'node-identity-shape', 'C', 'error', {
    title: 'a kubelet’s identity is not that of a node',
    citation:
      'k8s.io/apiserver nodeidentifier; https://kubernetes.io/docs/reference/access-authn-authz/node/',
    why: 'The node authorizer wants CN system:node:<name> and O system:nodes; with anything else the kubelet gets 403 for everything.',
    fix: REISSUE,
    of: kubelets,
    say: (use) => {
      const { user, groups } = identityOf(use.certificate)
      return (
        !(/^system:node:./.test(user) && groups.includes('system:nodes')) &&
        `is ${quoted(whoIs(use))}; system:node:<name> in system:nodes is expected`
      )
    },
  }),
  rule('I05', 'node-name-mismatch', 'H', 'error', {
    title: 'a kubelet has the identity of another node name',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/node/; canonical/microk8s#3753',
    why: 'The node cannot register, or acts as somebody else.',
    fix: REISSUE,
    of: kubelets,
    where: ({ node }, evidence) => evidence.cluster || node.kubelet?.hostnameOverride !== undefined,
    say: (use, { cluster }) => {
      const name = /^system:node:(.+)$/.exec(identityOf(use.certificate).user)?.[1]
      const expected = nodeNameOf(use.node)
      const known =
        use.node.kubelet?.hostnameOverride !== undefined ||
        cluster?.nodes.some((node) => node.name === use.node.name) === true
      return (
        name !== undefined &&
        known &&
        name !== expected &&
        `is the identity of node ${quoted(name)}, on ${expected}`
      )
    },
  }),
  rule('I06', 'node-identity-duplicate', 'H', 'error', {
    title: 'two hosts have the identity of one node',
    citation: 'https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness',
    why: 'They overwrite each other’s status and receive each other’s Secrets.',
    fix: REISSUE,
    check: (evidence) => {
      const found = kubelets(evidence)
      if (found.length < 2) return 'not-applicable'
      const byUser = groupBy(found, ({ certificate }) => identityOf(certificate).user)
      return [...byUser].flatMap(([user, same]) => {
        const names = [...new Set(same.map(({ node }) => node.name))]
        if (names.length < 2 || !user.startsWith('system:node:')) return []
        const owner = same.filter(({ node }) => user === `system:node:${nodeNameOf(node)}`)
        // Without its owner among them nobody can tell whose it is.
        const wrong = owner.length > 0 ? same.filter((one) => !owner.includes(one)) : same
        return wrong.flatMap((one) => about(one, `is ${quoted(user)}, on ${listed(names)}`) ?? [])
      })
    },
  }),
  rule('I07', 'kubelet-is-admin', 'C', 'error', {
    title: 'a kubelet’s kubeconfig is an administrator’s',
    citation: 'kubernetes/kubeadm#2354',
    why: 'One broken node is the whole cluster; kubeadm upgrades then look for a node of the administrator’s name.',
    fix: REISSUE,
    of: kubelets,
    say: (use) => {
      const identity = identityOf(use.certificate)
      return (
        (adminGroup(identity) !== undefined || /^kubernetes-(super-)?admin$/.test(identity.user)) &&
        `is ${identityText(identity)}: the kubelet is an administrator`
      )
    },
  }),
  rule('I08', 'component-cn', 'C', 'error', {
    title: 'a component’s kubeconfig has another user name',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'RBAC knows the component by its name; with another it gets 403 for everything.',
    fix: REISSUE,
    of: uses,
    where: (use) => use.role === 'user' && expectedUser(use) !== undefined,
    say: (use) => {
      const { user, groups } = identityOf(use.certificate)
      const expected = expectedUser(use)
      const proxier = expected === 'system:kube-proxy' && groups.includes('system:node-proxier')
      return user !== expected && !proxier && `is the user ${quoted(user)}; ${expected} is expected`
    },
  }),
  rule('I09', 'component-group-odd', 'L', 'info', {
    title: 'a group that RBAC does not know',
    citation: 'kelseyhightower/kubernetes-the-hard-way#931',
    why: 'A typo hides behind a right user name, until somebody binds to the group.',
    fix: REISSUE,
    of: uses,
    where: ({ row }) => row.usages.includes('clientAuth'),
    say: (use) => {
      const { user, groups } = identityOf(use.certificate)
      const odd = groups.filter((group) => group.startsWith('system:') && !KNOWN_GROUPS.test(group))
      return (
        user.startsWith('system:') &&
        odd.length > 0 &&
        `is in groups that nothing is bound to: ${listed(odd.map(quoted))}`
      )
    },
  }),
  rule('I10', 'reserved-prefix', 'H', 'warning', {
    title: 'a person’s certificate has a reserved name',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects',
    why: 'Names beginning with system: belong to Kubernetes; the holder takes the part of a built-in user or group.',
    fix: after('name the user without system:', REISSUE),
    of: uses,
    where: (use) => use.role === 'user' && expectedUser(use) === undefined,
    say: (use) => {
      const { user, groups } = identityOf(use.certificate)
      const odd = [user, ...groups].filter(
        (name) => name.startsWith('system:') && name !== 'system:masters',
      )
      // Another component, in a file of another name.
      const component = Object.values(COMPONENT_USERS).includes(user) || use.node.kind === 'node'
      return odd.length > 0 && !component && `has reserved names: ${listed(odd.map(quoted))}`
    },
  }),
  rule('I11', 'cn-empty', 'H', 'error', {
    title: 'a client certificate has no common name',
    citation: 'k8s.io/apiserver/pkg/authentication/request/x509',
    why: 'The common name is the user. Without one the API server answers 401.',
    fix: REISSUE,
    of: usesAs('user', 'kubelet-client'),
    when: (use) => identityOf(use.certificate).user === '',
    say: 'has no common name, so the API server sees no user',
  }),
  rule('I12', 'frontproxy-cn', 'C', 'error', {
    title: 'the front proxy’s name is not allowed',
    citation: 'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Extension API servers ignore the identity headers: kubectl top and every aggregated API fail.',
    fix: 'set --requestheader-allowed-names to the common name of the front proxy’s certificate',
    of: usesAs('front-proxy-client'),
    say: (use) => {
      const launch = launchOf(use.node, 'kube-apiserver')
      const allowed = launch ? flagList(launch.flags, 'requestheader-allowed-names') : []
      const { user } = identityOf(use.certificate)
      return (
        allowed.length > 0 &&
        !allowed.includes(user) &&
        `is ${quoted(user)}; --requestheader-allowed-names has ${listed(allowed)}`
      )
    },
  }),
  rule('I13', 'frontproxy-cn-from-client-ca', 'H', 'warning', {
    title: 'a client certificate with the front proxy’s name',
    citation: 'kubernetes/kubernetes#119267',
    why: 'Where the request-header authority accepts it, its holder may claim any identity in headers; elsewhere somebody has tried.',
    fix: 'remove the certificate; keep the front proxy’s authority apart from the client authority',
    of: (evidence) =>
      allowedNames(evidence).size > 0 && trustsIn(evidence, 'client-ca').length > 0
        ? leaves(evidence)
        : [],
    say: (leaf, evidence) => {
      const user = commonNameOf(leaf.facts.subject)
      const [clientCa] = trustsIn(evidence, 'client-ca')
      const isProxy = indexOf(evidence)
        .usesOf.get(leaf)
        ?.some(({ role }) => role === 'front-proxy-client')
      if (!allowedNames(evidence).has(user) || isProxy) return undefined
      if (!clientCa || !reaches(leaf, clientCa.anchors)) return undefined
      const message = `has the front proxy’s name ${quoted(user)} and is signed by the client authority`
      const accepted = trustsIn(evidence, 'requestheader-ca').some((trust) =>
        reaches(leaf, trust.anchors),
      )
      return accepted
        ? {
            message: `${message}: its holder may claim any identity, system:masters included`,
            severity: 'error',
          }
        : message
    },
  }),
  rule('I14', 'sa-shaped-cn', 'H', 'warning', {
    title: 'a certificate poses as a service account',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens',
    why: 'It has that service account’s rights, without its token’s end and audit trail.',
    fix: 'use a token of the service account, or a user of its own',
    of: clients,
    say: (one) => {
      const user = commonNameOf(one.facts.subject)
      return user.startsWith('system:serviceaccount:') && `is the user ${quoted(user)}`
    },
  }),
  rule('I15', 'dn-injection', 'H', 'warning', {
    title: 'a subject with separators or control characters in a value',
    citation: 'RFC 4514 §2.4',
    why: 'A name that a user chose was pasted into a subject: in some tools it becomes a group, in logs it forges lines.',
    fix: REISSUE,
    of: leaves,
    say: (one) => {
      const odd = oddValues(one, (value) => INJECTED.test(value))
      return odd.length > 0 && `has separators in its subject: ${listed(odd)}`
    },
  }),
  rule('I16', 'multi-o', 'I', 'info', {
    title: 'a certificate with several groups',
    citation: 'k8s.io/apiserver/pkg/authentication/request/x509',
    why: 'Every O is a group; each adds its own bindings.',
    fix: 'keep the groups that are needed',
    of: clients,
    say: (one) => {
      const { organizations } = one.facts.subject
      return (
        organizations.length > 1 &&
        `is in ${organizations.length} groups: ${listed(organizations.map(quoted))}`
      )
    },
  }),
  rule('I17', 'kubelet-client-group', 'L', 'info', {
    title: 'the API server’s kubelet client is an administrator',
    citation: 'KEP-4214; kubernetes/kubernetes#121837, #138957',
    why: 'It only has to reach kubelets. kubeadm up to 1.28 makes it system:masters; 1.29 puts it into kubeadm:cluster-admins, 1.37 into no group.',
    fix: unlessMadeSo(['k3s', 'rke2', 'microk8s'], after('upgrade to 1.29 or later', REISSUE)),
    of: usesAs('apiserver-kubelet-client'),
    when: isMaster,
    say: (use) => `is ${whoIs(use)}; kubeadm 1.29 and later give it fewer rights`,
  }),
  rule('I18', 'etcd-client-masters', 'L', 'info', {
    title: 'an etcd client carries system:masters',
    citation: 'kubernetes/kubernetes#119859, #120521',
    why: 'etcd reads no groups. If the authorities are ever shared, the certificate opens the API as well. kubeadm up to 1.28 writes it.',
    fix: after('upgrade to 1.29 or later', REISSUE),
    of: usesAs('apiserver-etcd-client', 'etcd-healthcheck-client'),
    when: isMaster,
    say: (use) => `is ${whoIs(use)}, although etcd reads no groups`,
  }),
  rule('I19', 'user-long-lived', 'M', 'warning', {
    title: 'a person’s certificate lives long',
    citation: 'CIS 3.1.1',
    why: 'Client certificates cannot be revoked one by one; 90 days limit what a lost laptop costs.',
    fix: after(
      byOwner({
        kpki: 'set spec.pki.users[].validity to 2160h',
        others: 'choose an end within 90 days',
      }),
      REISSUE,
    ),
    profiles: HARDENING,
    of: uses,
    where: ({ role, node }) => role === 'user' && node.kind === 'operator',
    say: (use) => {
      const { notBefore, notAfter } = use.certificate.facts
      const days = Math.round((notAfter.getTime() - notBefore.getTime()) / DAY)
      return (
        days > 90 &&
        !roleOfFile(use.pem.place.path).endsWith('admin') &&
        `is valid for ${days} days; 90 are enough for a person`
      )
    },
  }),
  rule('I20', 'subject-whitespace', 'M', 'warning', {
    title: 'a subject with spaces around a value',
    citation: 'zlint w_subject_dn_leading_whitespace, w_subject_dn_trailing_whitespace',
    why: 'RBAC compares names literally, so it is another user or group than it looks.',
    fix: REISSUE,
    of: leaves,
    say: (one) => {
      const odd = oddValues(one, (value) => value.trim() !== value)
      return odd.length > 0 && `has spaces around ${listed(odd)}`
    },
  }),
  rule('I22', 'stray-admin-certificate', 'C', 'error', {
    title: 'a certificate that nothing uses is an administrator’s',
    citation:
      'https://kubernetes.io/docs/setup/best-practices/certificates/; kubernetes/kubeadm#2414',
    why: 'Whoever copies the pair is administrator until it ends; nobody renews, misses or revokes it.',
    fix: 'remove the pair; a certificate of system:masters is revoked only by a new authority',
    of: strayAdmins,
    when: ({ leaf }, _evidence, { at }) => leaf.facts.notAfter >= at,
    say: ({ leaf, identity }, evidence) => {
      const keys = indexOf(evidence).privateKeys.get(leaf.keyId) ?? []
      const beside = keys.some(({ node }) => node.kind === 'node')
      return {
        message: `is ${identityText(identity)}, and no component uses it${beside ? '; its key lies on a node too' : ''}`,
        severity: beside ? 'error' : 'warning',
        certificate: leaf,
      }
    },
  }),
  rule('I23', 'admin-without-rights', 'H', 'error', {
    title: 'an administrator’s kubeconfig has no rights',
    citation:
      'kubeadm cmd/phases/init/kubeconfig.go, app/phases/kubeconfig (EnsureAdminClusterRoleBinding)',
    why: 'Rights come by the group: system:masters passes RBAC by, kubeadm:cluster-admins is bound by kubeadm 1.29 and later. The user’s name is bound to nothing.',
    fix: REISSUE,
    of: uses,
    where: ({ pem, role }) => role === 'user' && roleOfFile(pem.place.path).endsWith('admin'),
    say: (use, evidence) => {
      const { user, groups } = identityOf(use.certificate)
      if (groups.length === 0 && /^kubernetes-(super-)?admin$/.test(user))
        return `is ${quoted(user)} without a group, to whom nothing is bound`
      const release = releaseIn(evidence)
      return (
        release?.adminGroup === 'system:masters' &&
        groups.includes('kubeadm:cluster-admins') &&
        !groups.includes('system:masters') && {
          message: `is in kubeadm:cluster-admins, which kubeadm binds since 1.29; the cluster is ${release.version.text}`,
          severity: 'warning',
        }
      )
    },
  }),
  rule('I24', 'kubelet-client-unbound', 'H', 'error', {
    title: 'the API server has no rights at its kubelets',
    citation: 'kubernetes/kubernetes#121837, #138957; kubeadm app/phases/certs/certlist.go',
    why: 'Kubelets ask the API server what its own client may do. Without a group that is bound it is 403: no logs, no exec, no metrics.',
    fix: REISSUE,
    of: usesAs('apiserver-kubelet-client'),
    where: ({ node }) =>
      node.layout === 'kubeadm' && node.launches.some(({ source }) => source === 'static-pod'),
    say: (use, evidence) => {
      const identity = identityOf(use.certificate)
      const release = releaseIn(evidence)
      if (!release || adminGroup(identity) !== undefined) return undefined
      const isBound =
        release.kubeletClientGroup === undefined &&
        identity.user === 'kube-apiserver-kubelet-client'
      return (
        !isBound &&
        `is ${identityText(identity)}, to whom ${release.version.text} binds nothing: kubelets answer 403`
      )
    },
  }),
  rule('I21', 'encoding-odd', 'L', 'info', {
    title: 'a subject in an outdated string type',
    citation: 'RFC 5280 §4.1.2.4',
    why: 'TeletexString and BMPString read differently in different programs, and Go chains names by their bytes.',
    fix: REISSUE,
    of: certificates,
    when: hasOldString,
    say: 'has a TeletexString or BMPString in its subject',
  }),
]

/** Certificates below a node’s own folders that open the API as an administrator, and that nothing there uses. */
function strayAdmins(evidence: Evidence) {
  const doors = trustsIn(evidence, 'client-ca')
  return leaves(evidence).flatMap((leaf) => {
    const identity = identityOf(leaf)
    const usages = leaf.facts.extendedKeyUsage?.usages
    const opens =
      adminGroup(identity) !== undefined &&
      (usages === undefined ||
        usages.includes('clientAuth') ||
        usages.includes('anyExtendedKeyUsage')) &&
      !indexOf(evidence).usesOf.has(leaf) &&
      doors.some((door) => reaches(leaf, door.anchors, leaf.issuers))
    if (!opens) return []
    return leaf.places.flatMap((place) => {
      const node = evidence.nodes.find(({ name }) => name === place.node)
      // Other layouts keep administrators’ certificates beside the others.
      const isOurs = node?.layout === 'kubeadm' || node?.layout === 'kubespray'
      const isOwn =
        node?.role === 'control-plane' &&
        certificateAt(node, place.path) === 'apiserver-kubelet-client'
      return node && isOurs && !isOwn && /^(etc|var)\//.test(place.path)
        ? [{ leaf, place, identity }]
        : []
    })
  })
}

function allowedNames(evidence: Evidence): ReadonlySet<string> {
  return new Set(
    indexOf(evidence).launches.flatMap(({ launch }) =>
      flagList(launch.flags, 'requestheader-allowed-names'),
    ),
  )
}

/** Whether a name has a value of one of the string types that Go reads byte by byte. */
function hasOldString({ facts }: Certificate): boolean {
  const { raw } = facts.subject
  const values = facts.subject.rdns.flat()
  // Each value is an element of its own; the tag stands two octets before a short value.
  for (let at = 0; at + 2 < raw.length; at++)
    if ((raw[at] === TAG.t61String || raw[at] === TAG.bmpString) && isValueAt(raw, at, values))
      return true
  return false
}

function isValueAt(
  raw: Uint8Array,
  at: number,
  values: readonly { readonly value: string }[],
): boolean {
  const length = raw[at + 1] ?? 0
  const content = raw.subarray(at + 2, at + 2 + length)
  const wide = raw[at] === TAG.bmpString
  return values.some(({ value }) => {
    if (value.length * (wide ? 2 : 1) !== length) return false
    const last = value.charCodeAt(value.length - 1)
    return content[content.length - 1] === (last & 0xff)
  })
}
