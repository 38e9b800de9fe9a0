import { fileAt } from '../../files/tree.js'
import type { Estate, KubeconfigUser } from '../estate.js'
import { isLocalHost, parseHost } from '../hosts.js'
import type { Rule } from '../types.js'
import { endpointHost } from './facts-of-cluster.js'
import { indexOf, type Use } from './index-of-estate.js'
import { about, kubeconfigs, readable } from './kubeconfigs.js'
import { each, finding, GENERATE, listed, quoted, rule } from './row.js'

const users = (estate: Estate) =>
  readable(estate).flatMap((entry) => entry.config.users.map((user) => ({ entry, user })))

const FILES: readonly (readonly [RegExp, RegExp])[] = [
  [/(^|\/)scheduler\.conf$/, /^system:kube-scheduler$/],
  [/(^|\/)controller-manager\.conf$/, /^system:kube-controller-manager$/],
  [/(^|\/)kubelet\.conf$/, /^system:node:/],
  [/(^|\/)kube-proxy\.(conf|kubeconfig)$/, /^system:(kube-proxy|node:)/],
  [/(^|\/)(super-)?admin\.conf$/, /^(?!system:(kube-|node:))/],
]

function fileSays({ certificate, kubeconfig }: Use): boolean {
  const user = certificate.facts.subject.commonNames[0] ?? ''
  const row = FILES.find(([file]) => file.test(kubeconfig?.path ?? ''))
  return row === undefined || row[1].test(user)
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

const kubeletFiles = (estate: Estate) =>
  readable(estate).filter(({ node, config }) => `/${config.path}` === node.kubelet?.kubeconfigPath)
const operators = (estate: Estate) =>
  readable(estate).filter(({ node }) => node.kind === 'operator')

export const KUBECONFIG_CREDENTIAL_RULES: readonly Rule[] = [
  rule('F12', 'exec-plugin', 'H', 'warning', {
    title: 'a kubeconfig runs a program',
    citation:
      'GHSA-vvmq-fwmg-2gjc; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins',
    why: 'Whoever uses the file runs that program with their own rights; auth providers are gone since 1.26.',
    fix: 'read the command before using the file',
    check: each(users, ({ entry, user }) => {
      if (user.exec !== undefined)
        return about(entry, `runs ${quoted(user.exec)} for the user ${quoted(user.name)}`)
      return user.authProvider !== undefined
        ? about(
            entry,
            `uses the auth provider ${quoted(user.authProvider)}, which kubectl no longer has`,
          )
        : undefined
    }),
  }),
  rule('F13', 'two-credentials', 'M', 'warning', {
    title: 'a kubeconfig has two credentials for one user',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'Both are sent, and the server decides which of the two identities counts.',
    fix: 'keep one of them',
    check: each(users, ({ entry, user }) => {
      const found = ways(user)
      return found.length > 1
        ? about(entry, `has ${listed(found)} for the user ${quoted(user.name)}`)
        : undefined
    }),
  }),
  rule('F14', 'http-server', 'H', 'error', {
    title: 'a kubeconfig speaks clear text',
    citation: 'https://kubernetes.io/docs/concepts/security/controlling-access/#transport-security',
    why: 'The API server has no clear-text port since 1.20; a proxy that has one reads along.',
    fix: 'write https://',
    check: each(readable, function* (entry) {
      for (const { name, server } of entry.config.clusters)
        if (/^http:\/\//i.test(server))
          yield about(
            entry,
            `calls ${quoted(server)} for the cluster ${quoted(name)}, in clear text`,
          )
    }),
  }),
  rule('F15', 'proxy-or-tls-name', 'I', 'info', {
    title: 'a kubeconfig takes another route than its server says',
    citation: 'https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/',
    why: 'With proxy-url or tls-server-name the server’s address is not what is reached or checked.',
    fix: 'nothing, if it is meant so',
    check: each(readable, function* (entry) {
      for (const { name, proxyUrl, tlsServerName } of entry.config.clusters) {
        if (proxyUrl !== undefined)
          yield about(
            entry,
            `goes through the proxy ${quoted(proxyUrl.replace(/\/\/[^@/]*@/, '//…@'))} for ${quoted(name)}`,
          )
        if (tlsServerName !== undefined)
          yield about(entry, `checks the name ${quoted(tlsServerName)} for ${quoted(name)}`)
      }
    }),
  }),
  rule('F16', 'identity-vs-filename', 'H', 'error', {
    title: 'a kubeconfig holds another identity than its name says',
    citation: 'kubernetes/kubeadm#589',
    why: 'The component gets 403, or rights that it should not have.',
    fix: GENERATE,
    check: each(
      (estate) =>
        indexOf(estate).uses.filter(({ kubeconfig, node }) => kubeconfig && node.kind === 'node'),
      (use) =>
        fileSays(use)
          ? undefined
          : finding(
              use.pem.place,
              `is the user ${quoted(use.certificate.facts.subject.commonNames[0] ?? '')}, which does not fit the file’s name`,
              { certificate: use.certificate },
            ),
    ),
  }),
  rule('F17', 'entry-name-kubelet', 'H', 'warning', {
    title: 'kubelet.conf’s user entry has another name',
    citation: 'kubernetes/kubeadm#3014',
    why: 'With an external authority kubeadm looks for the entry system:node:<name> and stops when it is not there.',
    fix: GENERATE,
    check: each(
      (estate) =>
        kubeletFiles(estate).filter(
          ({ node, config }) => node.layout === 'kubeadm' && config.path.endsWith('/kubelet.conf'),
        ),
      (entry) => {
        const { user } = entry.config
        const external = fileAt(entry.node.tree, `${entry.node.pkiDirectory}/ca.key`) === undefined
        const isControlPlane = entry.node.role === 'control-plane'
        return user?.certificateInline &&
          external &&
          isControlPlane &&
          !/^system:node:/.test(user.name)
          ? about(entry, `has the user entry ${quoted(user.name)}; system:node:<name> is expected`)
          : undefined
      },
    ),
  }),
  rule('F18', 'kubelet-embedded', 'M', 'info', {
    title: 'kubelet.conf embeds its certificate',
    citation: 'kubernetes/kubeadm#1753',
    why: 'The kubelet rotates into a file; one that embeds its certificate and does not rotate ends with it.',
    fix: 'point client-certificate and client-key to /var/lib/kubelet/pki/kubelet-client-current.pem',
    check: each(kubeletFiles, (entry) => {
      if (entry.config.user?.certificateInline !== true) return undefined
      // Without the kubelet’s configuration nothing says that it does not rotate.
      const rotates = entry.node.kubelet?.rotateCertificates !== false
      return rotates && !entry.node.tree.has('var/lib/kubelet/pki/kubelet-client-current.pem')
        ? undefined
        : {
            ...about(
              entry,
              `embeds the kubelet’s certificate${rotates ? ', although the rotating file is there' : ', and rotation is off'}`,
            ),
            severity: 'warning' as const,
          }
    }),
  }),
  rule('F19', 'component-via-lb', 'L', 'info', {
    title: 'a control-plane component calls the endpoint instead of its own API server',
    citation: 'kubernetes/kubeadm#2271',
    why: 'During an upgrade it may meet an older API server, which is not supported.',
    fix: 'set server to https://<advertise address>:6443',
    check: each(
      (estate) =>
        readable(estate).filter(
          ({ node, config }) =>
            node.role === 'control-plane' &&
            /(scheduler|controller-manager)\.conf$/.test(config.path),
        ),
      (entry, estate) => {
        const host = parseHost(entry.config.cluster?.server ?? '')?.host
        const endpoint = endpointHost(entry.node, estate)
        return host !== undefined &&
          host === endpoint &&
          !entry.node.addresses.includes(host) &&
          !isLocalHost(host)
          ? about(entry, `calls the control-plane endpoint ${quoted(host)}, not its own API server`)
          : undefined
      },
    ),
  }),
  rule('F20', 'name-collision', 'M', 'info', {
    title: 'people’s kubeconfigs share entry names',
    citation: 'kubernetes/kubeadm#416',
    why: 'Merged into one KUBECONFIG, the first entry of a name hides the others: the wrong identity or cluster is used.',
    fix: 'set spec.kubeconfig.uniqueNames: true, then kpki gen -o OUT',
    check: (estate) => {
      const all = operators(estate)
      if (all.length < 2) return 'not-applicable'
      const seen = new Map<string, { readonly path: string; readonly key: string }>()
      return all.flatMap((entry) =>
        entry.config.users.flatMap((user) => {
          const key = user.certificate?.certificates[0]?.keyId ?? ''
          const first = seen.get(user.name)
          if (!first) seen.set(user.name, { path: entry.config.path, key })
          return first && first.key !== key
            ? [about(entry, `has another user of the name ${quoted(user.name)} than ${first.path}`)]
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
    check: each(kubeconfigs, ({ node, config }) => {
      const mode = fileAt(node.tree, config.path)?.mode
      if (mode === undefined || (mode & 0o077) === 0) return undefined
      const writable = (mode & 0o022) !== 0
      const severity = (mode & 0o004) !== 0 || writable ? ('error' as const) : ('warning' as const)
      return {
        ...about({ node, config }, `has the mode ${mode.toString(8)}; 600 is expected`),
        severity,
      }
    }),
  }),
  rule('F22', 'plaintext-password-token', 'H', 'warning', {
    title: 'a kubeconfig with a password or a static token',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/authentication/; CIS 1.2.2',
    why: 'Passwords are gone since 1.19; a static token does not end and cannot be revoked without a restart.',
    fix: 'use a certificate, or an exec plugin',
    check: each(users, ({ entry, user }) => {
      if (user.basicAuth)
        return about(
          entry,
          `has a password for the user ${quoted(user.name)}, which API servers since 1.19 ignore`,
        )
      return user.token && user.token.bootstrapId === undefined
        ? about(entry, `has a static token for the user ${quoted(user.name)}`)
        : undefined
    }),
  }),
  rule('F23', 'bootstrap-left', 'M', 'warning', {
    title: 'the bootstrap kubeconfig is still there',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/',
    why: 'The node has joined; the token in the file lets another one join.',
    fix: 'rm /etc/kubernetes/bootstrap-kubelet.conf',
    check: each(
      (estate) => kubeletFiles(estate).filter(({ config }) => config.user !== undefined),
      ({ node }) => {
        const path = node.kubelet?.bootstrapKubeconfigPath.replace(/^\//, '') ?? ''
        return fileAt(node.tree, path)
          ? {
              node: node.name,
              path,
              message: `${path.split('/').at(-1)} is still there beside kubelet.conf`,
            }
          : undefined
      },
    ),
  }),
  rule('F24', 'duplicate-yaml-key', 'L', 'warning', {
    title: 'a kubeconfig with duplicate names or broken data',
    citation: 'YAML 1.2 §3.2.1.3; k8s.io/client-go/tools/clientcmd',
    why: 'Parsers disagree which of two entries of one name counts.',
    fix: 'keep one entry of each name',
    check: each(readable, function* (entry) {
      const { clusters, contexts, users: all, oddities } = entry.config
      for (const names of [clusters, contexts, all].map((list) => list.map(({ name }) => name))) {
        const twice = names.filter((name, i) => names.indexOf(name) !== i)
        if (twice.length > 0)
          yield about(entry, `has entries of one name: ${listed([...new Set(twice)].map(quoted))}`)
      }
      if (oddities.length > 0) yield about(entry, `is odd: ${oddities.join(', ')}`)
    }),
  }),
]
