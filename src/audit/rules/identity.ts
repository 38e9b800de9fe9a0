import { flagList } from '../command-line.js'
import type { Estate } from '../estate.js'
import { adminGroup, identityText } from '../identities.js'
import { shortPath } from '../paths.js'
import type { Identity, Rule } from '../types.js'
import { launchOf, nodeNameOf } from './facts-of-cluster.js'
import { grouped, indexOf, type Use } from './index-of-estate.js'
import { each, finding, GENERATE, listed, quoted, rule } from './row.js'

const uses = (estate: Estate) => indexOf(estate).uses
const kubelets = (estate: Estate) => uses(estate).filter(({ role }) => role === 'kubelet-client')

export function identityOf({ certificate: { facts } }: Use): Identity {
  return { user: facts.subject.commonNames[0] ?? '', groups: facts.subject.organizations }
}

/** The last part of a kubeconfig's path. */
export function fileOf({ pem }: Use): string {
  return pem.place.path.split('/').at(-1) ?? ''
}

const BREAK_GLASS = /^super-admin\.conf$/
/** kubeadm up to 1.28 made these members of system:masters. */
const LEGACY = new Set([
  'apiserver-kubelet-client',
  'apiserver-etcd-client',
  'etcd-healthcheck-client',
])
const COMPONENT_FILES: Readonly<Record<string, string>> = {
  'scheduler.conf': 'system:kube-scheduler',
  'controller-manager.conf': 'system:kube-controller-manager',
  'kube-proxy.conf': 'system:kube-proxy',
}
const KNOWN_GROUPS =
  /^(system:(masters|nodes|node-proxier|authenticated|monitoring)|kubeadm:cluster-admins)$/
const isUser = ({ role }: Use) => role === 'user'

function isLegacyAdmin({ certificate: { facts } }: Use): boolean {
  return facts.subject.commonNames[0] === 'kubernetes-admin'
}

export const IDENTITY_RULES: readonly Rule[] = [
  rule('I01', 'system-masters', 'H', 'warning', {
    title: 'a certificate of system:masters',
    citation: 'kubernetes/kubeadm#2414; CIS 3.1.1',
    why: 'The group passes by RBAC and cannot be taken away from a certificate: only a new authority revokes it. Kubernetes 1.29 keeps it to super-admin.conf.',
    fix: 'use the group kubeadm:cluster-admins (kubeadm 1.29 and later), or one of your own with a binding',
    check: each(uses, (use) => {
      if (!identityOf(use).groups.includes('system:masters')) return undefined
      if (LEGACY.has(use.role) || BREAK_GLASS.test(fileOf(use)) || use.node.kind === 'operator')
        return undefined
      const worker = use.node.role === 'worker'
      const serving = use.row.usages.includes('serverAuth')
      const severe = worker || serving || use.role === 'kubelet-client'
      const severity = severe ? 'error' : isLegacyAdmin(use) ? 'info' : 'warning'
      return finding(use.pem.place, `is ${identityText(identityOf(use))}, whom RBAC cannot stop`, {
        certificate: use.certificate,
        severity,
      })
    }),
  }),
  rule('I02', 'super-admin-on-node', 'M', 'info', {
    title: 'the break-glass kubeconfig lies on a node',
    citation: 'KEP-4214; https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/',
    why: 'Who reads super-admin.conf owns the cluster past RBAC. kubeadm leaves it where init ran; it belongs in a safe.',
    fix: 'mv /etc/kubernetes/super-admin.conf to a safe place off the node',
    check: each(
      ({ nodes }) => nodes.filter(({ kubeconfigs }) => kubeconfigs.size > 0),
      function* (node) {
        for (const path of node.kubeconfigs.keys())
          if (BREAK_GLASS.test(path.split('/').at(-1) ?? ''))
            yield { node: node.name, path, message: `${shortPath(path)} lies on ${node.name}` }
      },
    ),
  }),
  rule('I03', 'admin-on-worker', 'H', 'error', {
    title: 'an administrator’s kubeconfig on a worker',
    citation: 'https://kubernetes.io/docs/concepts/security/rbac-good-practices/',
    why: 'Whoever breaks into that worker owns the cluster.',
    fix: 'remove the file from the worker, and replace the administrator’s certificate',
    check: each(
      (estate) => uses(estate).filter(({ node }) => node.role === 'worker'),
      (use) =>
        use.role !== 'kubelet-client' && adminGroup(identityOf(use)) !== undefined
          ? finding(use.pem.place, `is ${identityText(identityOf(use))}, on a worker`, {
              certificate: use.certificate,
            })
          : undefined,
    ),
  }),
  rule('I04', 'node-identity-shape', 'C', 'error', {
    title: 'a kubelet’s identity is not that of a node',
    citation:
      'k8s.io/apiserver nodeidentifier; https://kubernetes.io/docs/reference/access-authn-authz/node/',
    why: 'The node authorizer wants CN system:node:<name> and O system:nodes; with anything else the kubelet gets 403 for everything.',
    fix: GENERATE,
    check: each(kubelets, (use) => {
      const { user, groups } = identityOf(use)
      return /^system:node:./.test(user) && groups.includes('system:nodes')
        ? undefined
        : finding(
            use.pem.place,
            `is ${quoted(identityText({ user, groups }))}; system:node:<name> in system:nodes is expected`,
            { certificate: use.certificate },
          )
    }),
  }),
  rule('I05', 'node-name-mismatch', 'H', 'error', {
    title: 'a kubelet has the identity of another node name',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/node/; canonical/microk8s#3753',
    why: 'The node cannot register, or acts as somebody else.',
    fix: GENERATE,
    check: each(
      (estate) =>
        kubelets(estate).filter(
          ({ node }) => estate.cluster || node.kubelet?.hostnameOverride !== undefined,
        ),
      (use, { cluster }) => {
        const name = /^system:node:(.+)$/.exec(identityOf(use).user)?.[1]
        const expected = nodeNameOf(use.node)
        const known =
          use.node.kubelet?.hostnameOverride !== undefined ||
          cluster?.nodes.some((node) => node.name === use.node.name) === true
        return name !== undefined && known && name !== expected
          ? finding(use.pem.place, `is the identity of node ${quoted(name)}, on ${expected}`, {
              certificate: use.certificate,
            })
          : undefined
      },
    ),
  }),
  rule('I06', 'node-identity-duplicate', 'H', 'error', {
    title: 'two hosts have the identity of one node',
    citation: 'https://kubernetes.io/docs/concepts/architecture/nodes/#node-name-uniqueness',
    why: 'They overwrite each other’s status and receive each other’s Secrets.',
    fix: GENERATE,
    check: (estate) => {
      const found = kubelets(estate)
      if (found.length < 2) return 'not-applicable'
      return [...grouped(found, (use) => identityOf(use).user).values()].flatMap((same) => {
        const nodes = [...new Set(same.map(({ node }) => node.name))]
        const [first] = same
        return first && nodes.length > 1 && identityOf(first).user.startsWith('system:node:')
          ? [
              finding(
                first.pem.place,
                `is ${quoted(identityOf(first).user)}, on ${listed(nodes)}`,
                { certificate: first.certificate },
              ),
            ]
          : []
      })
    },
  }),
  rule('I07', 'kubelet-is-admin', 'C', 'error', {
    title: 'a kubelet’s kubeconfig is an administrator’s',
    citation: 'kubernetes/kubeadm#2354',
    why: 'One broken node is the whole cluster; kubeadm upgrades then look for a node of the administrator’s name.',
    fix: GENERATE,
    check: each(kubelets, (use) => {
      const identity = identityOf(use)
      return adminGroup(identity) !== undefined || /^kubernetes-(super-)?admin$/.test(identity.user)
        ? finding(use.pem.place, `is ${identityText(identity)}: the kubelet is an administrator`, {
            certificate: use.certificate,
          })
        : undefined
    }),
  }),
  rule('I08', 'component-cn', 'C', 'error', {
    title: 'a component’s kubeconfig has another user name',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'RBAC knows the component by its name; with another it gets 403 for everything.',
    fix: GENERATE,
    check: each(
      (estate) =>
        uses(estate).filter((use) => isUser(use) && COMPONENT_FILES[fileOf(use)] !== undefined),
      (use) => {
        const { user, groups } = identityOf(use)
        const expected = COMPONENT_FILES[fileOf(use)]
        const proxier = expected === 'system:kube-proxy' && groups.includes('system:node-proxier')
        return user === expected || proxier
          ? undefined
          : finding(use.pem.place, `is the user ${quoted(user)}; ${expected} is expected`, {
              certificate: use.certificate,
            })
      },
    ),
  }),
  rule('I09', 'component-group-odd', 'L', 'info', {
    title: 'a group that RBAC does not know',
    citation: 'kelseyhightower/kubernetes-the-hard-way#931',
    why: 'A typo hides behind a right user name, until somebody binds to the group.',
    fix: GENERATE,
    check: each(
      (estate) => uses(estate).filter(({ row }) => row.usages.includes('clientAuth')),
      (use) => {
        const { user, groups } = identityOf(use)
        const odd = groups.filter(
          (group) => group.startsWith('system:') && !KNOWN_GROUPS.test(group),
        )
        return user.startsWith('system:') && odd.length > 0
          ? finding(
              use.pem.place,
              `is in groups that nothing is bound to: ${listed(odd.map(quoted))}`,
              { certificate: use.certificate },
            )
          : undefined
      },
    ),
  }),
  rule('I10', 'reserved-prefix', 'H', 'warning', {
    title: 'a person’s certificate has a reserved name',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects',
    why: 'Names beginning with system: belong to Kubernetes; the holder takes the part of a built-in user or group.',
    fix: 'name the user without system:, then kpki gen -o OUT',
    check: each(
      (estate) =>
        uses(estate).filter((use) => isUser(use) && COMPONENT_FILES[fileOf(use)] === undefined),
      (use) => {
        const { user, groups } = identityOf(use)
        const odd = [user, ...groups].filter(
          (name) => name.startsWith('system:') && name !== 'system:masters',
        )
        // Another component, in a file of another name.
        const component = Object.values(COMPONENT_FILES).includes(user) || use.node.kind === 'node'
        return odd.length > 0 && !component
          ? finding(use.pem.place, `has reserved names: ${listed(odd.map(quoted))}`, {
              certificate: use.certificate,
            })
          : undefined
      },
    ),
  }),
  rule('I11', 'cn-empty', 'H', 'error', {
    title: 'a client certificate has no common name',
    citation: 'k8s.io/apiserver/pkg/authentication/request/x509',
    why: 'The common name is the user. Without one the API server answers 401.',
    fix: GENERATE,
    check: each(
      (estate) => uses(estate).filter(({ role }) => role === 'user' || role === 'kubelet-client'),
      (use) =>
        identityOf(use).user === ''
          ? finding(use.pem.place, 'has no common name, so the API server sees no user', {
              certificate: use.certificate,
            })
          : undefined,
    ),
  }),
  rule('I12', 'frontproxy-cn', 'C', 'error', {
    title: 'the front proxy’s name is not allowed',
    citation: 'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Extension API servers ignore the identity headers: kubectl top and every aggregated API fail.',
    fix: 'set --requestheader-allowed-names to the common name of the front proxy’s certificate',
    check: each(
      (estate) => uses(estate).filter(({ role }) => role === 'front-proxy-client'),
      (use) => {
        const launch = launchOf(use.node, 'kube-apiserver')
        const allowed = launch ? flagList(launch.flags, 'requestheader-allowed-names') : []
        const { user } = identityOf(use)
        return allowed.length > 0 && !allowed.includes(user)
          ? finding(
              use.pem.place,
              `is ${quoted(user)}; --requestheader-allowed-names has ${listed(allowed)}`,
              { certificate: use.certificate },
            )
          : undefined
      },
    ),
  }),
]
