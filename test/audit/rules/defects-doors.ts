import { type Defect, error, sourced, warning } from './defect.js'
import { PKI } from './mutate.js'

type E = Parameters<Defect['mutate']>[0]
const API = 'kube-apiserver'
const MANIFEST = 'manifests/kube-apiserver.yaml'

const AUTHORIZATION = 'k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go'
const AUTHENTICATION = 'k8s.io/kubernetes/pkg/kubeapiserver/options/authentication.go'
const AUTHORIZER = 'k8s.io/kubernetes/pkg/kubeapiserver/authorizer/reload.go'
const ANONYMOUS = 'k8s.io/apiserver/pkg/authentication/request/anonymous/anonymous.go'
const WEBHOOK =
  'k8s.io/apiserver/pkg/util/webhook/webhook.go: the kubeconfig’s TLS settings are used as they stand'

/** Sets flags of the first control plane's API server; undefined takes one away. */
function set(e: E, flags: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(flags)) {
    e.flag(API, name, 'placeholder')
    e.flag(API, name, value)
  }
}

const flags = (
  rule: string,
  source: string,
  grade: typeof error,
  bad: Readonly<Record<string, string | undefined>>,
  good: Readonly<Record<string, string | undefined>>,
): Defect =>
  sourced(
    rule,
    Object.entries(bad)
      .map(([name, value]) => `--${name}=${value ?? '(unset)'}`)
      .join(' '),
    source,
    grade(MANIFEST),
    (e) => set(e, bad),
    { twin: (e) => set(e, good) },
  )

const AUTHORIZATION_FILE = `${PKI}/authorization.yaml`
const AUTHENTICATION_FILE = `${PKI}/authentication.yaml`

function authorizers(...types: readonly string[]): string {
  const all = types.map((type) => `  - { type: ${type}, name: ${type.toLowerCase()} }\n`)
  return `apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n${all.join('')}`
}

function authentication(lines: string): string {
  return `apiVersion: apiserver.config.k8s.io/v1beta1\nkind: AuthenticationConfiguration\n${lines}`
}

const authorized = (text: string) => (e: E) => {
  set(e, { 'authorization-mode': undefined, 'authorization-config': `/${AUTHORIZATION_FILE}` })
  e.write(AUTHORIZATION_FILE, text)
}
const authenticated =
  (text: string, more: Readonly<Record<string, string | undefined>> = {}) =>
  (e: E) => {
    set(e, { 'authentication-config': `/${AUTHENTICATION_FILE}`, ...more })
    e.write(AUTHENTICATION_FILE, text)
  }

const byAuthorization = (
  rule: string,
  name: string,
  source: string,
  grade: typeof error,
  text: string,
): Defect =>
  sourced(rule, name, source, grade('pki/authorization.yaml'), authorized(text), {
    twin: authorized(authorizers('Node', 'RBAC')),
  })

const PROBED = authentication(
  'anonymous:\n  enabled: true\n  conditions:\n  - path: /livez\n  - path: /readyz\n',
)
const byAuthentication = (
  rule: string,
  name: string,
  source: string,
  grade: typeof error,
  text: string,
  more: Readonly<Record<string, string | undefined>> = {},
): Defect =>
  sourced(rule, name, source, grade('pki/authentication.yaml'), authenticated(text, more), {
    twin: authenticated(PROBED),
  })

const jwt = (username: string, groups: string) =>
  authentication(
    `jwt:\n- issuer: { url: https://idp.example.com, audiences: [kubernetes] }\n  claimMappings:\n    username: ${username}\n    groups: ${groups}\n`,
  )
const PREFIXED = "{ claim: sub, prefix: 'oidc:' }"

const OIDC = {
  'oidc-issuer-url': 'https://idp.example.com',
  'oidc-client-id': 'kubernetes',
  'oidc-groups-claim': 'groups',
  'oidc-groups-prefix': 'oidc-',
}

const WEBHOOK_FILE = `${PKI}/webhook.conf`
/** A webhook's kubeconfig, and the flags or files by which the API server comes to it. */
const webhook = (
  name: string,
  cluster: string,
  given: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Defect => {
  const write = (lines: string) => (e: E) => {
    set(e, given)
    for (const [path, text] of Object.entries(files)) e.write(path, text)
    e.write(
      WEBHOOK_FILE,
      `apiVersion: v1\nkind: Config\nclusters:\n- name: hook\n  cluster: ${lines}\nusers:\n- name: api\n  user: {}\ncontexts:\n- name: hook\n  context: { cluster: hook, user: api }\ncurrent-context: hook\n`,
    )
  }
  return sourced('M67', name, WEBHOOK, error('pki/webhook.conf'), write(cluster), {
    twin: write('{ server: https://hook.example.com/ask, certificate-authority: ca.crt }'),
  })
}
const INSECURE = '{ server: https://hook.example.com/ask, insecure-skip-tls-verify: true }'
const PLAIN = '{ server: http://hook.example.com/ask }'

/** Who gets in at the API server, and what he may do there. */
export const DOOR_DEFECTS: readonly Defect[] = [
  flags(
    'M23',
    `${AUTHORIZATION}: Complete() makes no mode AlwaysAllow`,
    error,
    { 'authorization-mode': undefined },
    { 'authorization-mode': 'Node,RBAC' },
  ),
  flags(
    'M23',
    `${AUTHORIZATION}: the first authorizer that allows decides; ${AUTHENTICATION}: ApplyAuthorization turns anonymous requests off`,
    error,
    { 'authorization-mode': 'RBAC,AlwaysAllow' },
    { 'authorization-mode': 'Node,RBAC' },
  ),
  byAuthorization(
    'M23',
    'a file with AlwaysAllow',
    `${AUTHORIZER}: every mode is a valid type; ${AUTHENTICATION}: ApplyAuthorization looks at the flag’s modes only, so anonymous requests stay on`,
    error,
    authorizers('Node', 'AlwaysAllow'),
  ),
  sourced(
    'M23',
    'AlwaysAllow beside a file that lets anonymous requests in',
    `${AUTHENTICATION}: the file’s anonymous wins over the flag that ApplyAuthorization turned off`,
    error(MANIFEST),
    authenticated(authentication('anonymous: { enabled: true }\n'), {
      'authorization-mode': 'AlwaysAllow',
    }),
    { twin: authenticated(authentication('anonymous: { enabled: true }\n')) },
  ),
  byAuthorization(
    'M24',
    'a file without Node',
    'k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy: nothing is bound to system:nodes',
    error,
    authorizers('RBAC'),
  ),
  byAuthorization(
    'M24',
    'a webhook instead of Node',
    'k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy: nothing is bound to system:nodes',
    warning,
    authorizers('Webhook', 'RBAC'),
  ),
  byAuthorization(
    'M25',
    'a file without RBAC',
    'k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy: components have their rights by bindings',
    error,
    authorizers('Node'),
  ),
  byAuthorization(
    'M25',
    'a webhook instead of RBAC',
    'k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy: components have their rights by bindings',
    warning,
    authorizers('Node', 'Webhook'),
  ),
  byAuthorization(
    'M64',
    'no authorizers',
    `${AUTHORIZER}: LoadAndValidateFile demands at least one`,
    error,
    authorizers(),
  ),
  byAuthorization(
    'M64',
    'RBAC twice',
    `${AUTHORIZER}: only Webhook is repeatable`,
    error,
    authorizers('Node', 'RBAC', 'RBAC'),
  ),
  byAuthorization(
    'M64',
    'an unknown authorizer',
    `${AUTHORIZER}: AuthorizationModeChoices are the known types`,
    error,
    authorizers('Node', 'RBAC', 'Opa'),
  ),
  byAuthorization(
    'M64',
    'another kind',
    `${AUTHORIZER}: the decoder knows AuthorizationConfiguration only`,
    error,
    'apiVersion: v1\nkind: ConfigMap\n',
  ),
  byAuthentication(
    'M64',
    'no anonymous requests',
    `${ANONYMOUS}: without it probes get 401, and the kubelet ends the API server`,
    error,
    authentication('anonymous: { enabled: false }\n'),
  ),
  byAuthentication(
    'M64',
    'anonymous requests for another path',
    `${ANONYMOUS}: only paths that are equal to a condition’s are anonymous`,
    error,
    authentication('anonymous: { enabled: true, conditions: [{ path: /healthz }] }\n'),
  ),
  byAuthentication(
    'M64',
    'anonymous requests for one of two probes',
    `${ANONYMOUS}: only paths that are equal to a condition’s are anonymous`,
    error,
    authentication('anonymous: { enabled: true, conditions: [{ path: /livez }] }\n'),
  ),
  byAuthentication(
    'M64',
    'conditions for nothing',
    'k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go: enabled must be true with conditions',
    error,
    authentication('anonymous: { enabled: false, conditions: [{ path: /livez }] }\n'),
  ),
  byAuthentication(
    'M64',
    'anonymous in the file and by flag',
    `${AUTHENTICATION}: --anonymous-auth cannot be set when the file configures anonymous`,
    error,
    PROBED,
    { 'anonymous-auth': 'true' },
  ),
  byAuthentication(
    'M64',
    'no YAML',
    `${AUTHENTICATION}: loadAuthenticationConfig fails, and the API server exits`,
    error,
    'anonymous: {',
  ),
  byAuthentication(
    'M66',
    'users of a file without prefix',
    'k8s.io/apiserver/plugin/pkg/authenticator/token/oidc: the prefix is put before the claim, and nothing else is',
    warning,
    jwt("{ claim: sub, prefix: '' }", PREFIXED),
  ),
  byAuthentication(
    'M66',
    'groups of a file without prefix',
    'k8s.io/apiserver/plugin/pkg/authenticator/token/oidc: the prefix is put before the claim, and nothing else is',
    warning,
    jwt(PREFIXED, "{ claim: groups, prefix: '' }"),
  ),
  flags(
    'M66',
    `${AUTHENTICATION}: "-" stands for no prefix`,
    warning,
    { ...OIDC, 'oidc-username-prefix': '-' },
    OIDC,
  ),
  flags(
    'M66',
    `${AUTHENTICATION}: groups have no prefix unless --oidc-groups-prefix is given`,
    warning,
    { ...OIDC, 'oidc-groups-prefix': undefined },
    OIDC,
  ),
  flags(
    'M65',
    `${AUTHORIZATION}: authorization-config can not be specified with authorization-mode`,
    error,
    { 'authorization-config': `/${AUTHORIZATION_FILE}` },
    { 'authorization-mode': undefined, 'authorization-config': `/${AUTHORIZATION_FILE}` },
  ),
  flags(
    'M65',
    `${AUTHORIZATION}: mode ABAC demands a policy file`,
    error,
    { 'authorization-mode': 'Node,RBAC,ABAC' },
    { 'authorization-mode': 'Node,RBAC,ABAC', 'authorization-policy-file': `/${PKI}/ca.crt` },
  ),
  flags(
    'M65',
    `${AUTHORIZATION}: a policy file demands mode ABAC`,
    error,
    { 'authorization-policy-file': `/${PKI}/ca.crt` },
    {},
  ),
  flags(
    'M65',
    `${AUTHORIZATION}: mode Webhook demands a configuration`,
    error,
    { 'authorization-mode': 'Node,RBAC,Webhook' },
    {},
  ),
  flags(
    'M65',
    `${AUTHORIZATION}: a mode must not be given twice`,
    error,
    { 'authorization-mode': 'Node,RBAC,Node' },
    {},
  ),
  flags(
    'M65',
    'k8s.io/apiserver/pkg/server/options/admission.go: plugins must not be enabled and disabled',
    error,
    { 'disable-admission-plugins': 'NodeRestriction' },
    { 'disable-admission-plugins': 'PodNodeSelector' },
  ),
  flags(
    'M65',
    `${AUTHENTICATION}: oidc-issuer-url and oidc-client-id must be specified together`,
    error,
    { ...OIDC, 'oidc-client-id': undefined },
    OIDC,
  ),
  flags(
    'M65',
    'k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go: URL scheme must be https',
    error,
    { ...OIDC, 'oidc-issuer-url': 'http://idp.example.com' },
    OIDC,
  ),
  flags(
    'M65',
    `${AUTHENTICATION}: authentication-config file and oidc-* flags are mutually exclusive`,
    error,
    { ...OIDC, 'authentication-config': `/${AUTHENTICATION_FILE}` },
    OIDC,
  ),
  webhook('an authentication webhook that is not verified', INSECURE, {
    'authentication-token-webhook-config-file': `/${WEBHOOK_FILE}`,
  }),
  webhook('an authorization webhook in clear text', PLAIN, {
    'authorization-mode': 'Node,RBAC,Webhook',
    'authorization-webhook-config-file': `/${WEBHOOK_FILE}`,
  }),
  webhook('an audit webhook that is not verified', INSECURE, {
    'audit-webhook-config-file': `/${WEBHOOK_FILE}`,
  }),
  webhook(
    'an admission webhook that is not verified',
    INSECURE,
    { 'admission-control-config-file': `/${PKI}/admission.yaml` },
    {
      [`${PKI}/admission.yaml`]: `apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ImagePolicyWebhook\n  configuration: { imagePolicy: { kubeConfigFile: /${WEBHOOK_FILE} } }\n`,
    },
  ),
  webhook(
    'an authorizer of a file in clear text',
    PLAIN,
    { 'authorization-config': `/${AUTHORIZATION_FILE}` },
    {
      [AUTHORIZATION_FILE]: `${authorizers('Node', 'RBAC')}  - type: Webhook\n    name: hook\n    webhook: { connectionInfo: { type: KubeConfigFile, kubeConfigFile: /${WEBHOOK_FILE} } }\n`,
    },
  ),
  ...(
    [
      ['kube-controller-manager', '/*'],
      ['kube-scheduler', '/healthz,/metrics'],
    ] as const
  ).map(([component, value]) =>
    sourced(
      'M80',
      `${component} --authorization-always-allow-paths=${value}`,
      'k8s.io/apiserver/pkg/authorization/path: these paths are allowed to everybody, anonymous requests included',
      warning(`manifests/${component}.yaml`),
      (e) => e.flag(component, 'authorization-always-allow-paths', value),
      { twin: (e) => e.flag(component, 'authorization-always-allow-paths', '/healthz,/readyz') },
    ),
  ),
  ...['peer-skip-client-san-verification', 'experimental-peer-skip-client-san-verification'].map(
    (flag) =>
      sourced(
        'M81',
        `etcd --${flag}`,
        'go.etcd.io/etcd/client/pkg/transport/listener_tls.go: checkSAN is left out',
        warning('manifests/etcd.yaml'),
        (e) => e.flag('etcd', flag, 'true'),
        { twin: (e) => e.flag('etcd', flag, 'false') },
      ),
  ),
  flags(
    'M82',
    'k8s.io/apiserver/pkg/server/filters/cors.go: an origin that matches is answered with Allow-Credentials',
    warning,
    { 'cors-allowed-origins': '.*' },
    { 'cors-allowed-origins': '//console\\.example\\.com$' },
  ),
  sourced(
    'M37',
    'tokens of deleted accounts',
    `${AUTHENTICATION}: Lookup is true by default; without it a token is good until its end`,
    error(MANIFEST),
    (e) => e.flag(API, 'service-account-lookup', 'false'),
  ),
  sourced(
    'M31',
    'no NodeRestriction',
    'k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go: NodeRestriction is off by default',
    error(MANIFEST),
    (e) => e.flag(API, 'enable-admission-plugins', undefined),
  ),
  sourced(
    'M13',
    'a file of tokens',
    'k8s.io/apiserver/pkg/authentication/token/tokenfile: token, user, uid and groups of each line are believed',
    error(MANIFEST),
    (e) => {
      e.flag(API, 'token-auth-file', `/${PKI}/tokens.csv`)
      e.write(`${PKI}/tokens.csv`, 'not-a-real-token,root,0,"system:masters"\n')
    },
  ),
  ...(
    [
      ['kube-controller-manager', 'cluster-signing-duration'],
      ['kube-apiserver', 'service-account-max-token-expiration'],
    ] as const
  ).map(([component, flag]) =>
    sourced(
      'M83',
      `--${flag}=876000h`,
      'k8s.io/kubernetes/pkg/controller/certificates/signer, pkg/serviceaccount: what is issued ends then, and nothing ends it before',
      warning(`manifests/${component}.yaml`),
      (e) => e.flag(component, flag, '876000h'),
      { twin: (e) => e.flag(component, flag, '8760h') },
    ),
  ),
  ...(
    [
      ['http://172.31.10.5:8080', error],
      ['https://lb.example.com:6443', warning],
    ] as const
  ).map(([master, grade]) =>
    sourced(
      'M84',
      `--master=${master}`,
      'k8s.io/client-go/tools/clientcmd: BuildConfigFromFlags puts masterUrl over the kubeconfig’s server',
      grade('manifests/kube-scheduler.yaml'),
      (e) => e.flag('kube-scheduler', 'master', master),
    ),
  ),
  sourced(
    'M86',
    'a policy for everybody',
    'k8s.io/kubernetes/pkg/auth/authorizer/abac: * matches every user',
    error('pki/abac.jsonl'),
    (e) => abac(e, '*'),
    { twin: () => undefined },
  ),
  sourced(
    'M86',
    'a policy for a person',
    'k8s.io/kubernetes/pkg/auth/authorizer/abac: what a line matches is allowed, whatever RBAC says',
    warning(MANIFEST),
    (e) => abac(e, 'jane'),
    { twin: () => undefined },
  ),
  flags(
    'M87',
    'k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go: these are on unless they are disabled',
    warning,
    { 'disable-admission-plugins': 'PodSecurity,ValidatingAdmissionWebhook' },
    { 'disable-admission-plugins': 'DefaultStorageClass' },
  ),
]

function abac(e: E, user: string): void {
  set(e, {
    'authorization-mode': 'Node,RBAC,ABAC',
    'authorization-policy-file': `/${PKI}/abac.jsonl`,
  })
  e.write(
    `${PKI}/abac.jsonl`,
    `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"${user}","namespace":"*","resource":"*","apiGroup":"*"}}\n`,
  )
}
