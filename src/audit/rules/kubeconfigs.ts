import { commonNameOf } from '../../ca/certificate/names.js'
import { matchesName } from '../../ca/verify/names.js'
import { fileAt } from '../../files/tree.js'
import { flagOf } from '../../values/command-line.js'
import { isLocalHost, parseHost } from '../../values/hosts.js'
import { once } from '../../values/once.js'
import { listed, quoted } from '../../values/text.js'
import { isoDay } from '../../values/time.js'
import { COMPONENT_USERS, roleOfFile } from '../graph/clients.js'
import { privateKeyOf } from '../graph/credentials.js'
import type { Evidence, KubeconfigUser } from '../read/evidence.js'
import { isCovered, shortPath } from '../read/paths.js'
import type { Rule } from '../types.js'
import { endpointHost, reaches, trustsIn } from './by-evidence.js'
import { ADD_NAMES, after, byOwner, REISSUE, RENEW, unlessMadeSo } from './remedies.js'
import type { TrustUse, Use } from './roles.js'
import { finding, rule } from './rule.js'
import { kubeconfigs, launchesAs, only, placeIn, uses, usesAs } from './subjects.js'

const readable = only(kubeconfigs, ({ config }) => !config.failure)
const users = only(uses, ({ kubeconfig }) => kubeconfig !== undefined)

const apiServers = usesAs('apiserver')

/** Kubeconfigs with the API servers that they may mean. */
function doors(evidence: Evidence) {
  if (apiServers(evidence).length === 0) return []
  return readable(evidence).flatMap((entry) => {
    const { cluster } = entry.config
    const host = cluster && parseHost(cluster.server)?.host
    if (!cluster || host === undefined) return []
    return [{ ...entry, cluster, servers: meant(evidence, host) }]
  })
}

const usersOf = (evidence: Evidence) =>
  readable(evidence).flatMap((entry) => entry.config.users.map((user) => ({ ...entry, user })))

const kubeletFiles = only(
  readable,
  ({ node, config }) => `/${config.path}` === node.kubelet?.kubeconfigPath,
)
const operators = only(readable, ({ node }) => node.kind === 'operator')

const launched = once(launchesAs('kube-apiserver'))

export const KUBECONFIG_RULES: readonly Rule[] = [
  rule('F01', 'kubeconfig-parse', 'C', 'error', {
    title: 'a kubeconfig that is none',
    citation:
      'https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/',
    why: 'kubectl and components refuse to start with it.',
    fix: REISSUE,
    of: kubeconfigs,
    when: ({ config }) => config.failure,
    say: ({ config }) => `cannot be read: ${config.failure?.message}`,
  }),
  rule('F02', 'context-refs', 'C', 'error', {
    title: 'a kubeconfig’s context leads nowhere',
    citation:
      'https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/',
    why: 'The client finds no server or no credential: "context does not exist", or it asks localhost:8080.',
    fix: REISSUE,
    of: readable,
    say: function* ({ config }) {
      const current = config.contexts.find(({ name }) => name === config.currentContext)
      if (config.currentContext === '') yield 'has no current-context'
      else if (!current)
        yield `has the current-context ${quoted(config.currentContext)}, which it does not define`
      for (const { name, cluster, user } of config.contexts) {
        const severity = name === config.currentContext ? 'error' : 'warning'
        const context = `has the context ${quoted(name)} with the undefined`
        if (!config.clusters.some((one) => one.name === cluster))
          yield { message: `${context} cluster ${quoted(cluster)}`, severity }
        if (!config.users.some((one) => one.name === user))
          yield { message: `${context} user ${quoted(user)}`, severity }
      }
    },
  }),
  rule('F03', 'kubeconfig-ca-drift', 'C', 'error', {
    title: 'a kubeconfig’s authority does not verify the API server',
    citation: 'kubernetes/kubeadm#2027',
    why: 'The client ends with "certificate signed by unknown authority", typically after a rotation.',
    fix: REISSUE,
    of: doors,
    when: ({ cluster }) => !cluster.insecureSkipTlsVerify,
    say: ({ cluster, servers }) => {
      const anchors = new Set(cluster.authority?.certificates ?? [])
      const bad = servers.find(
        ({ certificate, pem }) => !reaches(certificate, anchors, pem.certificates),
      )
      return bad && anchors.size > 0 && `trusts an authority that did not sign ${onItsNode(bad)}`
    },
  }),
  rule('F04', 'kubeconfig-ca-old-only', 'H', 'warning', {
    title: 'a kubeconfig lacks an authority that is being phased in',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'It breaks when the API server gets its certificate from the new authority.',
    fix: 'put the whole ca.crt into certificate-authority-data of every kubeconfig before that step',
    of: (evidence) =>
      trustsIn(evidence, 'client-ca').some(({ certificates }) => certificates.length > 1)
        ? readable(evidence).filter(({ config }) => config.cluster?.authority !== undefined)
        : [],
    say: ({ config }, evidence) => {
      const wanted = (trustsIn(evidence, 'client-ca')[0]?.certificates ?? []).filter(
        ({ facts }) => facts.basicConstraints?.ca === true,
      )
      const given = config.cluster?.authority?.certificates ?? []
      const known = new Set(given.map(({ keyId }) => keyId))
      const lacks = wanted.filter(({ keyId }) => !known.has(keyId))
      return (
        lacks.length > 0 &&
        lacks.length < wanted.length &&
        `trusts ${known.size} of ${wanted.length} authorities in ca.crt`
      )
    },
  }),
  rule('F05', 'server-not-in-san', 'C', 'error', {
    title: 'a kubeconfig’s server is no name of the API server’s certificate',
    citation: 'kubernetes-sigs/kubespray#2164',
    why: 'The client refuses the certificate for that host.',
    fix: ADD_NAMES,
    of: doors,
    when: ({ cluster }) => !cluster.insecureSkipTlsVerify,
    say: ({ cluster, servers }) => {
      const host = cluster.tlsServerName ?? parseHost(cluster.server)?.host
      if (host === undefined) return undefined
      const bad = servers.find(({ certificate }) => !matchesName(certificate.facts, host))
      const { dns = [], ip = [] } = bad?.certificate.facts.altNames ?? {}
      return (
        bad &&
        dns.length + ip.length > 0 && {
          message: `calls ${quoted(host)}, which ${onItsNode(bad)} is not for; it has ${listed([...dns, ...ip], 12)}`,
          suspects: [bad.pem.place],
        }
      )
    },
  }),
  rule('F06', 'client-pair-mismatch', 'C', 'error', {
    title: 'a kubeconfig’s certificate and key do not belong together',
    citation: 'rancher/rancher#20646',
    why: 'The client exits with "private key does not match public key".',
    fix: REISSUE,
    of: users,
    say: ({ certificate, key }) => {
      const own = privateKeyOf(key?.pem)
      if (!own) return key?.state === 'present' && 'has no private key beside it'
      return own.keyId !== undefined && own.keyId !== certificate.keyId && 'does not fit its key'
    },
  }),
  rule('F07', 'client-wrong-ca', 'C', 'error', {
    title: 'a kubeconfig’s certificate is not from the client authority',
    citation: 'kubernetes/kubeadm#1361',
    why: 'The API server answers 401.',
    fix: REISSUE,
    of: (evidence) => (trustsIn(evidence, 'client-ca').length > 0 ? users(evidence) : []),
    say: ({ certificate, pem, node }, evidence) => {
      const refused = trustsIn(evidence, 'client-ca').find(
        (trust) => !reaches(certificate, trust.anchors, pem.certificates),
      )
      return (
        refused &&
        !(node.kind === 'operator' && refused.certificates.length === 0) && {
          message: `is not from the client authority ${onItsNode(refused)}`,
          suspects: [refused.pem.place],
        }
      )
    },
  }),
  rule('F08', 'client-expired', 'C', 'error', {
    title: 'a kubeconfig’s certificate has expired while the node’s others are fresh',
    citation: 'kubernetes/kubeadm#2185',
    why: 'A renewal that looked successful left this file behind: the kubelet or the administrator is locked out.',
    fix: RENEW,
    of: users,
    when: ({ certificate }, _evidence, { at }) => certificate.facts.notAfter < at,
    say: ({ certificate }) => `expired on ${isoDay(certificate.facts.notAfter)}`,
  }),
  rule('F09', 'insecure-skip', 'H', 'error', {
    title: 'a kubeconfig does not verify the server',
    citation:
      'https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ (insecure-skip-tls-verify)',
    why: 'Whoever stands between gets every token and Secret that passes.',
    fix: 'remove insecure-skip-tls-verify and give certificate-authority-data',
    of: readable,
    say: ({ config }) =>
      config.clusters.map(
        ({ name, insecureSkipTlsVerify }) =>
          insecureSkipTlsVerify && `has insecure-skip-tls-verify for the cluster ${quoted(name)}`,
      ),
  }),
  rule('F10', 'data-and-file', 'M', 'warning', {
    title: 'a kubeconfig gives data and a file for one thing',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'The data wins; who renews the file wonders why nothing changes.',
    fix: 'keep one of the two',
    of: readable,
    say: function* ({ config }) {
      for (const { name, authorityInline, authorityFile } of config.clusters)
        if (authorityInline && authorityFile !== undefined)
          yield `has certificate-authority and certificate-authority-data for ${quoted(name)}; the data wins`
      for (const { name, certificateInline, certificateFile, keyInline, keyFile } of config.users)
        if (
          (certificateInline && certificateFile !== undefined) ||
          (keyInline && keyFile !== undefined)
        )
          yield `has a file and data for the credential of ${quoted(name)}; the data wins`
    },
  }),
  rule('F11', 'path-relative-missing', 'M', 'warning', {
    title: 'a kubeconfig names a file that is relative or not there',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'It works from one directory only, or not at all.',
    fix: 'use absolute paths, or embed the data',
    of: readable,
    say: function* ({ config, node }) {
      const files = [
        ...config.clusters.map((one) => [one.authorityFile, one.authority] as const),
        ...config.users.map((one) => [one.certificateFile, one.certificate] as const),
        ...config.users.map((one) => [one.keyFile, one.key] as const),
      ]
      for (const [file, found] of files) {
        if (file === undefined) continue
        if (!file.startsWith('/')) yield `names the relative path ${quoted(file)}`
        else if (!found && isCovered(node, file) && !config.path.endsWith('kubelet.conf'))
          yield `names ${quoted(file)}, which is not there`
      }
    },
  }),
  rule('F12', 'exec-plugin', 'H', 'warning', {
    title: 'a kubeconfig runs a program',
    citation:
      'GHSA-vvmq-fwmg-2gjc; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins',
    why: 'Whoever uses the file runs that program with their own rights; auth providers are gone since 1.26.',
    fix: 'read the command before using the file',
    of: usersOf,
    say: ({ user: { name, exec, authProvider } }) =>
      exec === undefined
        ? authProvider !== undefined &&
          `uses the auth provider ${quoted(authProvider)}, which kubectl no longer has`
        : `runs ${quoted(exec)} for the user ${quoted(name)}`,
  }),
  rule('F13', 'two-credentials', 'M', 'warning', {
    title: 'a kubeconfig has two credentials for one user',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'Both are sent, and the server decides which of the two identities counts.',
    fix: 'keep one of them',
    of: usersOf,
    when: ({ user }) => ways(user).length > 1,
    say: ({ user }) => `has ${listed(ways(user))} for the user ${quoted(user.name)}`,
  }),
  rule('F14', 'http-server', 'H', 'error', {
    title: 'a kubeconfig speaks clear text',
    citation: 'https://kubernetes.io/docs/concepts/security/controlling-access/#transport-security',
    why: 'The API server has no clear-text port since 1.20; a proxy that has one reads along.',
    fix: 'write https://',
    of: readable,
    say: ({ config }) =>
      config.clusters.map(
        ({ name, server }) =>
          /^http:\/\//i.test(server) &&
          `calls ${quoted(server)} for the cluster ${quoted(name)}, in clear text`,
      ),
  }),
  rule('F15', 'proxy-or-tls-name', 'I', 'info', {
    title: 'a kubeconfig takes another route than its server says',
    citation: 'https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/',
    why: 'With proxy-url or tls-server-name the server’s address is not what is reached or checked.',
    fix: 'nothing, if it is meant so',
    of: readable,
    say: function* ({ node, config }) {
      const isComponent = /^(kubelet|kube-)/.test(roleOfFile(config.path)) && node.kind === 'node'
      for (const { name, proxyUrl, tlsServerName } of config.clusters) {
        if (proxyUrl !== undefined)
          yield {
            message: `goes through the proxy ${quoted(proxyUrl.replace(/\/\/[^@/]*@/, '//…@'))} for ${quoted(name)}`,
            severity: isComponent ? 'warning' : 'info',
          }
        if (tlsServerName !== undefined)
          yield `checks the name ${quoted(tlsServerName)} for ${quoted(name)}`
      }
    },
  }),
  rule('F16', 'identity-vs-filename', 'H', 'error', {
    title: 'a kubeconfig holds another identity than its name says',
    citation: 'kubernetes/kubeadm#589',
    why: 'The component gets 403, or rights that it should not have.',
    fix: REISSUE,
    of: uses,
    where: ({ kubeconfig, node }) => kubeconfig && node.kind === 'node',
    when: (use) => !fileSays(use),
    say: (use) =>
      `is the user ${quoted(commonNameOf(use.certificate.facts.subject))}, which does not fit the file’s name`,
  }),
  rule('F17', 'entry-name-kubelet', 'H', 'warning', {
    title: 'kubelet.conf’s user entry has another name',
    citation: 'kubernetes/kubeadm#3014',
    why: 'With an external authority kubeadm looks for the entry system:node:<name> and stops when it is not there.',
    fix: REISSUE,
    of: kubeletFiles,
    where: ({ node, config }) => node.layout === 'kubeadm' && config.path.endsWith('/kubelet.conf'),
    say: ({ node, config: { user } }) => {
      const external = fileAt(node.tree, `${node.pkiDirectory}/ca.key`) === undefined
      return (
        user?.certificateInline &&
        external &&
        node.role === 'control-plane' &&
        !/^system:node:/.test(user.name) &&
        `has the user entry ${quoted(user.name)}; system:node:<name> is expected`
      )
    },
  }),
  rule('F18', 'kubelet-embedded', 'L', 'info', {
    title: 'kubelet.conf embeds its certificate',
    citation: 'kubernetes/kubeadm#1753',
    why: 'The kubelet rotates into a file; one that embeds its certificate and does not rotate ends with it.',
    fix: unlessMadeSo(
      ['kops', 'microk8s'],
      'point client-certificate and client-key to /var/lib/kubelet/pki/kubelet-client-current.pem',
    ),
    of: kubeletFiles,
    when: ({ config }) => config.user?.certificateInline,
    say: ({ node }) => {
      // Without the kubelet’s configuration nothing says that it does not rotate.
      const rotates = node.kubelet?.rotateCertificates !== false
      if (rotates && !node.tree.has('var/lib/kubelet/pki/kubelet-client-current.pem'))
        return undefined
      const why = rotates ? 'although the rotating file is there' : 'and rotation is off'
      return { message: `embeds the kubelet’s certificate, ${why}`, severity: 'warning' }
    },
  }),
  rule('F19', 'component-via-lb', 'L', 'info', {
    title: 'a control-plane component calls the endpoint instead of its own API server',
    citation: 'kubernetes/kubeadm#2271',
    why: 'During an upgrade it may meet an older API server, which is not supported.',
    fix: 'set server to https://<advertise address>:6443',
    of: readable,
    where: ({ node, config }) =>
      node.role === 'control-plane' && /(scheduler|controller-manager)\.conf$/.test(config.path),
    say: ({ node, config }, evidence) => {
      const host = parseHost(config.cluster?.server ?? '')?.host
      return (
        host !== undefined &&
        host === endpointHost(node, evidence) &&
        !node.addresses.includes(host) &&
        !isLocalHost(host) &&
        `calls the control-plane endpoint ${quoted(host)}, not its own API server`
      )
    },
  }),
  rule('F20', 'name-collision', 'L', 'info', {
    title: 'people’s kubeconfigs share entry names',
    citation: 'kubernetes/kubeadm#416',
    why: 'Merged into one KUBECONFIG, the first entry of a name hides the others: the wrong identity or cluster is used.',
    fix: after(
      byOwner({
        kpki: 'set spec.kubeconfig.uniqueNames to true',
        others: 'give the entries names of their cluster',
      }),
      REISSUE,
    ),
    check: (evidence) => {
      const all = operators(evidence)
      if (all.length < 2) return 'not-applicable'
      const seen = new Map<string, { readonly path: string; readonly key: string }>()
      return all.flatMap((entry) =>
        entry.config.users.flatMap((user) => {
          const key = user.certificate?.certificates[0]?.keyId ?? ''
          const first = seen.get(user.name)
          if (!first) seen.set(user.name, { path: entry.config.path, key })
          return first && first.key !== key
            ? finding(
                entry.config,
                `has another user of the name ${quoted(user.name)} than ${first.path}`,
              )
            : []
        }),
      )
    },
  }),
  rule('F21', 'kubeconfig-mode', 'H', 'error', {
    title: 'others can read a kubeconfig',
    citation: 'CIS 1.1.13, 1.1.15, 1.1.17, 4.1.5',
    why: 'Every local user has that identity.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    of: kubeconfigs,
    say: ({ node, config }) => {
      const mode = fileAt(node.tree, config.path)?.mode
      if (mode === undefined || (mode & 0o077) === 0) return undefined
      const severity = (mode & 0o026) !== 0 ? 'error' : 'warning'
      return { message: `has the mode ${mode.toString(8)}; 600 is expected`, severity }
    },
  }),
  rule('F22', 'plaintext-password-token', 'H', 'warning', {
    title: 'a kubeconfig with a password or a static token',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/authentication/; CIS 1.2.2',
    why: 'Passwords are gone since 1.19; a static token does not end and cannot be revoked without a restart.',
    fix: 'use a certificate, or an exec plugin',
    of: usersOf,
    say: ({ user: { name, basicAuth, token } }) =>
      basicAuth
        ? `has a password for the user ${quoted(name)}, which API servers since 1.19 ignore`
        : token &&
          token.bootstrapId === undefined &&
          `has a static token for the user ${quoted(name)}`,
  }),
  rule('F23', 'bootstrap-left', 'M', 'warning', {
    title: 'the bootstrap kubeconfig is still there',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/',
    why: 'The node has joined; the token in the file lets another one join.',
    fix: 'rm /etc/kubernetes/bootstrap-kubelet.conf',
    of: kubeletFiles,
    where: ({ config }) => config.user !== undefined,
    say: ({ node }) => {
      const path = node.kubelet?.bootstrapKubeconfigPath.replace(/^\//, '') ?? ''
      return fileAt(node.tree, path)
        ? {
            ...placeIn(node, path),
            message: `${path.split('/').at(-1)} is still there beside kubelet.conf`,
          }
        : undefined
    },
  }),
  rule('F25', 'impersonation', 'H', 'warning', {
    title: 'a kubeconfig acts as somebody else',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation',
    why: 'Every request claims the other identity: a component’s own rights count for nothing, and whoever may impersonate may be anybody.',
    fix: 'remove as, as-uid, as-groups and as-user-extra',
    of: usersOf,
    say: ({ node, config, user: { name, impersonate, fields } }) => {
      const odd = fields.filter((field) => /^as(-|$)/.test(field))
      if (odd.length === 0) return undefined
      const who = impersonate === undefined ? listed(odd) : quoted(impersonate)
      const isComponent = node.kind === 'node' && roleOfFile(config.path) !== 'user'
      return {
        message: `acts as ${who} for the user ${quoted(name)}`,
        severity: isComponent ? 'error' : 'warning',
      }
    },
  }),
  rule('F26', 'server-port', 'C', 'error', {
    title: 'a kubeconfig calls a port where its API server does not listen',
    citation: 'k8s.io/apiserver/pkg/server/options/serving.go (secure-port)',
    why: 'The connection is refused.',
    fix: 'write the port of --secure-port',
    of: doors,
    say: ({ node, cluster }, evidence) => {
      const target = parseHost(cluster.server)
      if (!target) return undefined
      const ports = launched(evidence)
        .filter(
          (one) =>
            one.node.addresses.includes(target.host) ||
            (isLocalHost(target.host) && one.node === node),
        )
        .map(({ launch }) => Number(flagOf(launch.flags, 'secure-port') ?? 6443))
      // What listens beside the API server on its address may be a load balancer of the user’s.
      return (
        ports.length > 0 &&
        !ports.includes(target.port) &&
        endpointHost(node, evidence) !== target.host &&
        `calls port ${target.port} of ${target.host}, where the API server listens on ${listed(ports.map(String))}`
      )
    },
  }),
  rule('F24', 'duplicate-yaml-key', 'M', 'warning', {
    title: 'a kubeconfig with duplicate names or broken data',
    citation: 'YAML 1.2 §3.2.1.3; k8s.io/client-go/tools/clientcmd',
    why: 'Parsers disagree which of two entries of one name counts.',
    fix: 'keep one entry of each name',
    of: readable,
    say: function* ({ config }) {
      const { clusters, contexts, users: all, oddities } = config
      for (const names of [clusters, contexts, all].map((list) => list.map(({ name }) => name))) {
        const twice = names.filter((name, i) => names.indexOf(name) !== i)
        if (twice.length > 0)
          yield `has entries of one name: ${listed([...new Set(twice)].map(quoted))}`
      }
      if (oddities.length > 0) yield `is odd: ${oddities.join(', ')}`
    },
  }),
]

/** The API server that a URL names by its node’s address, else all of them (an endpoint in front). */
function meant(evidence: Evidence, host: string): readonly Use[] {
  const all = apiServers(evidence)
  const home = evidence.nodes.find(
    ({ addresses, name }) => addresses.includes(host) || name === host,
  )
  // Of a control plane whose certificate cannot be read another one's says nothing.
  if (home?.role === 'control-plane') return all.filter(({ node }) => node === home)
  const own = all.filter(({ node }) => node === home)
  return own.length > 0 ? own : all
}

const onItsNode = ({ pem, node }: Use | TrustUse) => `${shortPath(pem.place.path)} on ${node.name}`

function fileSays({ certificate, kubeconfig }: Use): boolean {
  const user = commonNameOf(certificate.facts.subject)
  const role = roleOfFile(kubeconfig?.path ?? '')
  const isNode = user.startsWith('system:node:')
  if (role === 'kubelet') return isNode
  if (role === 'admin' || role === 'super-admin') return !isNode && !user.startsWith('system:kube-')
  const expected = COMPONENT_USERS[role]
  return expected === undefined || user === expected || (role === 'kube-proxy' && isNode)
}

function ways({ certificate, token, tokenFile, basicAuth, exec, authProvider }: KubeconfigUser) {
  return [
    ...(certificate ? ['a certificate'] : []),
    ...(token || tokenFile !== undefined ? ['a token'] : []),
    ...(basicAuth ? ['a password'] : []),
    ...(exec !== undefined ? ['a program'] : []),
    ...(authProvider !== undefined ? ['an auth provider'] : []),
  ]
}
