import { textOf } from '../../files/tree.js'
import { flagList, flagOf } from '../../values/command-line.js'
import { at, filled, isObject, listOf } from '../../values/json.js'
import { listed, quoted } from '../../values/text.js'
import { fileOfFlag } from '../graph/credentials.js'
import { fileOn } from '../read/paths.js'
import {
  type Authorization,
  anonymousOf,
  authenticationProblem,
  authorizationOf,
  authorizationProblem,
  documentOfFlag,
  exclusionProblem,
} from '../starts/access.js'
import type { FindingDraft, Rule } from '../types.js'
import { finding, type Launched, rule } from './rule.js'
import { launches, launchesAs, placeIn } from './subjects.js'

const apiservers = launchesAs('kube-apiserver')

interface Authorizing extends Launched {
  readonly authorization: Authorization
}

/** API servers whose authorization can be seen. */
const authorizing = (evidence: Parameters<typeof apiservers>[0]): readonly Authorizing[] =>
  apiservers(evidence).flatMap((one) => {
    const authorization = authorizationOf(one.node, one.launch)
    return authorization ? [{ ...one, authorization }] : []
  })

/** Said of the file that decides, where one does. */
function decided(
  { authorization: { document } }: Authorizing,
  message: string,
  more: Partial<FindingDraft> = {},
): FindingDraft {
  return document ? finding(document.place, message, more) : { message, ...more }
}

const isOpen = ({ authorization: { modes } }: Authorizing) => modes.includes('AlwaysAllow')

/** What it means that a mode is missing, graver where nothing takes its place. */
function without(one: Authorizing, mode: string, so: string): FindingDraft | false {
  const { modes } = one.authorization
  if (isOpen(one) || modes.includes(mode)) return false
  const other = modes.find((name) => name === 'Webhook' || name === 'ABAC')
  return other === undefined
    ? decided(one, `does not authorise by ${mode}: ${so}`)
    : decided(one, `does not authorise by ${mode}, only by ${listed(modes)}`, {
        severity: 'warning',
      })
}

/** Kubeconfigs by which API servers ask webhooks. */
const webhooks = ({ nodes }: Parameters<typeof apiservers>[0]) =>
  nodes.flatMap((node) =>
    [...node.webhooks.values()].flatMap((config) => (config.failure ? [] : [{ node, config }])),
  )

/** Plugins that are on by default, and by which others’ rules are kept. */
const GUARDS = [
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'MutatingAdmissionWebhook',
  'PodSecurity',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
]
/** Hours; 398 days are the usual limit. */
const LONGEST = 398 * 24

const mappingOf = (prefix: string | undefined) => prefix === undefined || prefix === ''

export const DOOR_RULES: readonly Rule[] = [
  rule('M23', 'always-allow', 'C', 'error', {
    title: 'the API server lets everybody do everything',
    citation:
      'CIS 1.2.6; k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go, authentication.go (ApplyAuthorization)',
    why: 'Whoever is known is administrator. The flag turns anonymous requests off besides, so that the kubelet’s probes get 401 and it kills the API server again and again; between two starts it is open. An AuthorizationConfiguration turns nothing off: there everybody is administrator, without any certificate.',
    fix: '--authorization-mode=Node,RBAC',
    needs: 'manifests',
    of: authorizing,
    when: isOpen,
    say: (one) => {
      const { enabled, paths } = anonymousOf(one.node, one.launch)
      const who = enabled
        ? paths
          ? `everybody, without a certificate too for ${listed(paths)}`
          : 'everybody, anonymous requests included,'
        : 'everybody whom it knows'
      const killed =
        !enabled && one.launch.probes.length > 0
          ? '; anonymous requests are off, so that the kubelet’s probes get 401 and it is killed, and started again'
          : ''
      return decided(one, `lets ${who} do everything (AlwaysAllow)${killed}`)
    },
  }),
  rule('M24', 'node-authorizer-missing', 'H', 'error', {
    title: 'the API server does not authorise kubelets as nodes',
    citation: 'CIS 1.2.7; https://kubernetes.io/docs/reference/access-authn-authz/node/',
    why: 'Since 1.8 RBAC binds nothing to system:nodes: without the node authorizer kubelets get 403, or somebody has bound rights over all nodes to each of them.',
    fix: '--authorization-mode=Node,RBAC',
    needs: 'manifests',
    of: authorizing,
    say: (one) => without(one, 'Node', 'kubelets get 403, unless each has rights over all nodes'),
  }),
  rule('M25', 'rbac-missing', 'H', 'error', {
    title: 'the API server does not authorise by RBAC',
    citation: 'CIS 1.2.8; https://kubernetes.io/docs/reference/access-authn-authz/rbac/',
    why: 'Controllers, the scheduler, administrators and service accounts have their rights by RBAC’s bindings only.',
    fix: '--authorization-mode=Node,RBAC',
    needs: 'manifests',
    of: authorizing,
    say: (one) => without(one, 'RBAC', 'components and administrators get 403'),
  }),
  rule('M64', 'access-configuration', 'C', 'error', {
    title: 'the API server’s authentication or authorization file stops it',
    citation:
      'k8s.io/apiserver/pkg/apis/apiserver/validation; k8s.io/apiserver/pkg/authentication/request/anonymous',
    why: 'With another kind of file, or one that contradicts a flag, it exits. Where the file takes the probes’ paths from anonymous requests, the kubelet ends it for ever.',
    fix: 'for the probes: anonymous: { enabled: true, conditions: [{ path: /livez }, { path: /readyz }, { path: /healthz }] }',
    needs: 'manifests',
    of: apiservers,
    say: function* ({ node, launch }) {
      for (const [flag, problem] of [
        ['authentication-config', authenticationProblem(node, launch)],
        ['authorization-config', authorizationProblem(node, launch)],
      ] as const) {
        const document = documentOfFlag(node, launch, flag)
        if (document && problem !== undefined) yield finding(document.place, problem)
      }
    },
  }),
  rule('M65', 'flags-exclude-each-other', 'C', 'error', {
    title: 'flags of the API server exclude or demand each other',
    citation:
      'k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go, authentication.go (Validate)',
    why: 'It refuses its command line and exits.',
    fix: 'keep one of the two, or give both',
    needs: 'manifests',
    of: apiservers,
    say: ({ launch }) => {
      const problem = exclusionProblem(launch)
      return problem && `does not let its API server start: ${problem}`
    },
  }),
  rule('M66', 'oidc-unprefixed', 'H', 'warning', {
    title: 'users or groups of an identity provider are taken as they are',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens',
    why: 'Whoever may set names there is any user or group of the cluster, system:masters included.',
    fix: '--oidc-username-prefix=oidc: --oidc-groups-prefix=oidc:',
    needs: 'manifests',
    of: apiservers,
    say: function* ({ node, launch }) {
      const { flags } = launch
      if (flags.has('oidc-issuer-url')) {
        if (flagOf(flags, 'oidc-username-prefix') === '-')
          yield 'takes users of the identity provider without a prefix (--oidc-username-prefix=-)'
        if (flags.has('oidc-groups-claim') && mappingOf(flagOf(flags, 'oidc-groups-prefix')))
          yield 'takes groups of the identity provider without --oidc-groups-prefix'
      }
      const document = documentOfFlag(node, launch, 'authentication-config')
      for (const authenticator of listOf(at(document?.value, 'jwt')))
        for (const part of ['username', 'groups']) {
          const mapping = at(authenticator, 'claimMappings', part)
          // An expression may hold the prefix.
          if (!document || !isObject(mapping) || mapping.claim === undefined) continue
          if (mappingOf(filled(at(mapping, 'prefix'))))
            yield finding(
              document.place,
              `takes ${part === 'username' ? 'users' : 'groups'} of ${quoted(filled(at(authenticator, 'issuer', 'url')) ?? '')} without a prefix`,
            )
        }
    },
  }),
  rule('M67', 'webhook-unverified', 'C', 'error', {
    title: 'the API server does not verify a webhook that it asks',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/webhook/; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication',
    why: 'Whoever stands between decides who somebody is and what he may do, and reads the tokens that are asked about.',
    fix: 'give https:// and certificate-authority-data, without insecure-skip-tls-verify',
    of: webhooks,
    say: ({ config }) =>
      config.clusters.map(({ name, server, insecureSkipTlsVerify }) =>
        insecureSkipTlsVerify
          ? `does not verify the webhook ${quoted(name)} (insecure-skip-tls-verify)`
          : /^http:\/\//i.test(server) && `asks the webhook ${quoted(name)} in clear text`,
      ),
  }),
  rule('M80', 'always-allow-paths', 'H', 'warning', {
    title: 'a component answers everybody on more than its health',
    citation: 'k8s.io/apiserver/pkg/server/options/authorization.go (/healthz, /readyz, /livez)',
    why: 'Metrics and profiles tell names, images and timings of everything in the cluster to whoever reaches the port.',
    fix: 'remove --authorization-always-allow-paths',
    needs: 'manifests',
    of: (evidence) =>
      [launchesAs('kube-controller-manager'), launchesAs('kube-scheduler')].flatMap((of) =>
        of(evidence),
      ),
    say: ({ launch }) => {
      const wide = flagList(launch.flags, 'authorization-always-allow-paths').filter(
        (path) => !/^\/(healthz|readyz|livez)(\/\*)?$/.test(path),
      )
      return wide.length > 0 && `answers everybody on ${listed(wide)}`
    },
  }),
  rule('M81', 'etcd-peer-san-unchecked', 'H', 'warning', {
    title: 'etcd takes a peer’s certificate from any address',
    citation: 'https://etcd.io/docs/latest/op-guide/security/ (peer-skip-client-san-verification)',
    why: 'A certificate that was stolen from one member works from every machine.',
    fix: 'remove --peer-skip-client-san-verification',
    needs: 'manifests',
    of: launchesAs('etcd'),
    say: ({ launch: { flags } }) => {
      const found = [
        'peer-skip-client-san-verification',
        'experimental-peer-skip-client-san-verification',
      ].filter((flag) => flagOf(flags, flag) === 'true')
      return found.length > 0 && `has ${listed(found.map((flag) => `--${flag}`))}`
    },
  }),
  rule('M83', 'long-credentials', 'M', 'warning', {
    title: 'the cluster issues credentials for years',
    citation:
      'https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ (cluster-signing-duration)',
    why: 'Nothing revokes a certificate or a token before its end: a stolen one is good until then.',
    fix: '--cluster-signing-duration=8760h   # and no --service-account-max-token-expiration beyond it',
    needs: 'manifests',
    of: launches,
    say: ({ launch: { component, flags } }) =>
      [
        ['kube-controller-manager', 'cluster-signing-duration'],
        ['kube-apiserver', 'service-account-max-token-expiration'],
      ].map(([of, flag = '']) => {
        const value = of === component ? flagOf(flags, flag) : undefined
        const hours = Number(/^(\d+)h/.exec(value ?? '')?.[1] ?? 0)
        return hours > LONGEST && `issues for ${Math.round(hours / 24)} days (--${flag}=${value})`
      }),
  }),
  rule('M84', 'master-flag', 'H', 'error', {
    title: 'a component calls another server than its kubeconfig says',
    citation: 'k8s.io/client-go/tools/clientcmd BuildConfigFromFlags',
    why: '--master wins over the kubeconfig: its tokens and certificate go there, in clear text by http.',
    fix: 'remove --master',
    needs: 'manifests',
    of: launches,
    say: ({ launch: { component, flags } }) => {
      const master = component === 'kube-apiserver' ? undefined : flagOf(flags, 'master')
      if (master === undefined) return undefined
      const isPlain = !master.startsWith('https://')
      return {
        message: `calls ${quoted(master)}, whatever its kubeconfig says${isPlain ? ', in clear text' : ''}`,
        severity: isPlain ? 'error' : 'warning',
      }
    },
  }),
  rule('M86', 'abac', 'H', 'error', {
    title: 'the API server authorises by a file of policies',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/abac/',
    why: 'What the file allows no RBAC can take away, and nobody sees it in the cluster; a line for everybody opens it.',
    fix: '--authorization-mode=Node,RBAC',
    needs: 'manifests',
    of: authorizing,
    where: ({ authorization: { modes } }) => modes.includes('ABAC'),
    say: ({ node, launch }) => {
      const file = fileOfFlag(node, launch, 'authorization-policy-file')
      const entry = file?.state === 'present' ? fileOn(node.tree, file.path) : undefined
      const lines = entry ? textOf(entry).split('\n') : []
      const wide = lines.findIndex((line) =>
        /"(user|group)":\s*"(\*|system:(un)?authenticated)"/.test(line),
      )
      return file && wide >= 0
        ? finding(placeIn(node, file.path), `lets everybody do what line ${wide + 1} says`)
        : { message: 'authorises by ABAC besides', severity: 'warning' }
    },
  }),
  rule('M87', 'admission-disabled', 'H', 'warning', {
    title: 'an admission plugin on which policies rest is off',
    citation: 'k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go (DefaultOffAdmissionPlugins)',
    why: 'Webhooks, policies and pod security are on by default, and whoever wrote them believes that they hold.',
    fix: 'remove it from --disable-admission-plugins',
    needs: 'manifests',
    of: apiservers,
    say: ({ launch: { flags } }) => {
      const off = flagList(flags, 'disable-admission-plugins').filter((plugin) =>
        GUARDS.includes(plugin),
      )
      return off.length > 0 && `turns off ${listed(off)}`
    },
  }),
  rule('M82', 'cors-everybody', 'M', 'warning', {
    title: 'pages of any origin may call the API server',
    citation: 'k8s.io/apiserver/pkg/server/filters/cors.go',
    why: 'A page that an administrator’s browser opens acts with what that browser holds: client certificates are sent along.',
    fix: '--cors-allowed-origins=//console\\.example\\.com$',
    needs: 'manifests',
    of: apiservers,
    say: ({ launch: { flags } }) => {
      const wide = flagList(flags, 'cors-allowed-origins').filter((origin) =>
        /^(https?\??:?)?\W+$/.test(origin),
      )
      return wide.length > 0 && `lets every origin call it: ${listed(wide)}`
    },
  }),
]
