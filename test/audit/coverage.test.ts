import { describe, expect, test } from 'vitest'
import { auditWith } from '../../src/audit/audit.js'
import type { AuditInput } from '../../src/audit/read/evidence.js'
import { COVERAGE, rulesOfFlag } from '../../src/audit/rules/coverage.js'
import { RULES } from '../../src/audit/rules/index.js'
import { FLAGS, type FlagRow, OTHER_SETTINGS } from '../../src/manifests/flags.js'
import { memoEngine } from './memo-engine.js'
import { base } from './rules/base.js'
import { BrokenTrees, MANIFESTS, PKI } from './rules/mutate.js'
import { NOW } from './support.js'

const engine = memoEngine()
const CODES = new Set(RULES.map(({ code }) => code))
const MISSING = '/etc/kubernetes/pki/nothing'

type Values = Readonly<Record<string, string | undefined>>

const ELSEWHERE = 'https://203.0.113.9'
const OIDC: Values = {
  'oidc-issuer-url': 'https://idp.example.com',
  'oidc-client-id': 'kubernetes',
  'oidc-groups-claim': 'groups',
  'oidc-groups-prefix': 'oidc-',
}
/** What a flag needs beside it to mean anything, on both sides of the comparison. */
const BESIDE: Readonly<Record<string, Values>> = {
  ...Object.fromEntries([...Object.keys(OIDC), 'oidc-username-prefix'].map((flag) => [flag, OIDC])),
  'oidc-ca-file': OIDC,
  'oidc-groups-claim': {
    'oidc-issuer-url': 'https://idp.example.com',
    'oidc-client-id': 'kubernetes',
  },
  'kubelet tls-cert-file': { 'tls-private-key-file': MISSING },
  'kubelet tls-private-key-file': { 'tls-cert-file': MISSING },
  'authorization-config': { 'authorization-mode': undefined },
  'authorization-policy-file': { 'authorization-mode': 'Node,RBAC,ABAC' },
  'authorization-webhook-config-file': { 'authorization-mode': 'Node,RBAC,Webhook' },
}

/** Another value for each flag whose row names no file, mostly a bad one; undefined takes the flag away. */
const BAD: Readonly<Record<string, string | undefined>> = {
  'etcd client-cert-auth': 'false',
  'etcd peer-client-cert-auth': 'false',
  'etcd auto-tls': 'true',
  'etcd peer-auto-tls': 'true',
  'etcd listen-client-urls': 'http://0.0.0.0:2379',
  'etcd listen-peer-urls': 'http://0.0.0.0:2380',
  'etcd listen-metrics-urls': 'http://0.0.0.0:2381',
  'etcd advertise-client-urls': `${ELSEWHERE}:2379`,
  'etcd initial-advertise-peer-urls': `${ELSEWHERE}:2380`,
  'etcd peer-skip-client-san-verification': 'true',
  'etcd experimental-peer-skip-client-san-verification': 'true',
  'etcd initial-cluster-token': 'elsewhere',
  'etcd initial-cluster': `other=${ELSEWHERE}:2380`,
  'etcd-servers-overrides': `/secrets#${ELSEWHERE}:2379`,
  'cluster-signing-duration': '876000h',
  'service-account-max-token-expiration': '876000h',
  master: 'http://203.0.113.9:8080',
  'requestheader-allowed-names': 'somebody',
  'requestheader-extra-headers-prefix': 'X-Elsewhere-',
  'requestheader-group-headers': 'X-Elsewhere',
  'requestheader-uid-headers': 'X-Elsewhere',
  'requestheader-username-headers': 'X-Elsewhere',
  'authorization-mode': 'AlwaysAllow',
  'enable-bootstrap-token-auth': 'false',
  'insecure-port': '8080',
  'anonymous-auth': 'false',
  'cipher-suites': 'TLS_RSA_WITH_RC4_128_SHA',
  'tls-cipher-suites': 'TLS_RSA_WITH_RC4_128_SHA',
  'tls-min-version': 'VersionTLS10',
  'tls-sni-cert-key': `${MISSING}.crt,${MISSING}.key`,
  'enable-admission-plugins': 'AlwaysAdmit',
  'disable-admission-plugins': 'NodeRestriction',
  'service-account-issuer': 'https://elsewhere.example.com',
  'service-account-lookup': 'false',
  'service-account-extend-token-expiration': 'false',
  'api-audiences': 'elsewhere',
  'service-cluster-ip-range': '10.200.0.0/16',
  'cluster-cidr': '10.201.0.0/16',
  'oidc-issuer-url': 'http://idp.example.com',
  'oidc-client-id': undefined,
  'oidc-groups-claim': 'roles',
  'oidc-groups-prefix': undefined,
  'oidc-username-prefix': '-',
  'kube-apiserver bind-address': '127.0.0.1',
  'bind-address': '0.0.0.0',
  'advertise-address': '203.0.113.9',
  'secure-port': '7443',
  'kubernetes-service-node-port': '30443',
  'cors-allowed-origins': '.*',
  profiling: 'false',
  'etcd-servers': undefined,
  'etcd-prefix': '/elsewhere',
  'authorization-always-allow-paths': '/*',
  'feature-gates': 'RotateKubeletServerCertificate=false',
  'use-service-account-credentials': 'false',
  'kubelet authorization-mode': 'AlwaysAllow',
  'kubelet anonymous-auth': 'true',
  'read-only-port': '10255',
  'rotate-certificates': 'false',
  'pod-manifest-path': '/etc/kubernetes/other',
  'manifest-url': 'http://pods.example.com/pod.yaml',
  'kubelet address': '127.0.0.1',
  'enable-server': 'false',
  'healthz-bind-address': '0.0.0.0',
  'hostname-override': 'worker2',
  'streaming-connection-idle-timeout': '0',
  'rotate-server-certificates': 'false',
}

/** Settings that are proven otherwise than by one value: how both sides are made. */
const SPECIAL: Readonly<
  Record<
    string,
    { readonly good?: (e: BrokenTrees) => void; readonly bad: (e: BrokenTrees) => void }
  >
> = {
  'etcd data-dir': { bad: (e) => e.directory('var/lib/etcd', 0o777) },
  'etcd config-file': {
    bad: (e) => {
      e.flag('etcd', 'config-file', `/${PKI}/etcd/etcd.yaml`)
      e.write(
        `${PKI}/etcd/etcd.yaml`,
        'client-transport-security: { client-cert-auth: false }\nlisten-client-urls: http://0.0.0.0:2379\n',
      )
    },
  },
  'kubelet config-dir': {
    bad: (e) => {
      argue(e, '--config-dir=/etc/kubernetes/drop')
      e.write('etc/kubernetes/drop/10.conf', 'authorization: { mode: AlwaysAllow }\n', 'worker1')
    },
  },
  'kubelet pod-manifest-path': {
    good: (e) => e.write('etc/kubernetes/other/agent.yaml', AGENT, 'worker1'),
    bad: (e) => {
      e.write('etc/kubernetes/other/agent.yaml', AGENT, 'worker1')
      argue(e, '--pod-manifest-path=/etc/kubernetes/other')
    },
  },
  'kubelet bootstrap-kubeconfig': {
    bad: (e) => {
      argue(e, '--bootstrap-kubeconfig=/etc/kubernetes/first.conf')
      e.write(
        'etc/kubernetes/first.conf',
        e.text('etc/kubernetes/kubelet.conf', 'worker1'),
        'worker1',
      )
    },
  },
  'kubelet kubeconfig': {
    bad: (e) => {
      argue(e, '--kubeconfig=/etc/kubernetes/own.kubeconfig')
      e.write('etc/kubernetes/own.kubeconfig', 'kind: Secret\n', 'worker1')
    },
  },
  'kubelet rotate-server-certificates': {
    good: (e) => argue(e, '--rotate-server-certificates=true'),
    bad: (e) => argue(e, '--rotate-server-certificates=false'),
  },
}
const AGENT =
  'apiVersion: v1\nkind: Pod\nmetadata: { name: agent }\nspec: { hostPID: true, containers: [] }\n'

const argue = (e: BrokenTrees, argument: string) =>
  e.write('var/lib/kubelet/kubeadm-flags.env', `KUBELET_KUBEADM_ARGS="${argument}"\n`, 'worker1')

function set(e: BrokenTrees, component: string, values: Values): void {
  if (component === 'kubelet') {
    const given = Object.entries(values).filter(([, value]) => value !== undefined)
    argue(e, given.map(([name, value]) => `--${name}=${value}`).join(' '))
    return
  }
  for (const [name, value] of Object.entries(values)) {
    e.flag(component, name, 'placeholder')
    e.flag(component, name, value)
  }
}

const healthy = await withProxy(await base())

/** kube-proxy as a static pod, as some run it: kubeadm makes it a DaemonSet, which lies in no file. */
async function withProxy(input: AuditInput): Promise<AuditInput> {
  const trees = new BrokenTrees(input)
  trees.write(
    `${MANIFESTS}/kube-proxy.yaml`,
    'apiVersion: v1\nkind: Pod\nmetadata: { name: kube-proxy, namespace: kube-system }\nspec:\n  hostNetwork: true\n  containers:\n  - command:\n    - kube-proxy\n    image: registry.k8s.io/kube-proxy:v1.34.1\n    name: kube-proxy\n',
  )
  return trees.input()
}

/** What these rules say, as text. */
async function said(mutate: (e: BrokenTrees) => void, rules: readonly string[]) {
  const trees = new BrokenTrees(healthy)
  mutate(trees)
  const options = { at: NOW, profile: 'cis', only: rules, engine } as const
  const { findings } = await auditWith(RULES, trees.input(), options)
  return findings.map(({ code, severity, message }) => `${code} ${severity} ${message}`)
}

const judged = FLAGS.filter((row) => row.decides !== undefined && rulesOfFlag(row).length > 0)

function otherValue({ component, flag, reader, key, certificate, trust, until }: FlagRow) {
  const own = `${component} ${flag}`
  if (own in BAD) return BAD[own]
  if (flag in BAD) return BAD[flag]
  const isFile = reader ?? key ?? certificate ?? trust
  return isFile !== undefined ? MISSING : until === undefined ? undefined : '1'
}

describe('a flag that is said to be judged changes what is said', () => {
  test.each(judged.map((row) => [`${row.component} --${row.flag}`, row] as const))(
    '%s',
    async (_name, row) => {
      const { component, flag } = row
      const special = SPECIAL[`${component} ${flag}`]
      const beside = BESIDE[`${component} ${flag}`] ?? BESIDE[flag] ?? {}
      const good = special
        ? (special.good ?? (() => undefined))
        : (e: BrokenTrees) => set(e, component, beside)
      const bad =
        special?.bad ??
        ((e: BrokenTrees) => set(e, component, { ...beside, [flag]: otherValue(row) }))
      const rules = rulesOfFlag(row)
      expect(await said(bad, rules)).not.toEqual(await said(good, rules))
    },
  )
})

test('every rule that a setting names is there', () => {
  const named = [...FLAGS, ...OTHER_SETTINGS].flatMap(({ judgedBy = [] }) => judgedBy)
  expect(named.filter((code) => !CODES.has(code))).toEqual([])
})

test('what is listed names no rule, and every component has settings of both kinds', () => {
  for (const component of new Set(FLAGS.map((row) => row.component))) {
    const own = COVERAGE.filter((one) => one.component === component)
    expect(own.some(({ rules }) => rules.length > 0)).toBe(true)
    expect(own.some(({ rules }) => rules.length === 0)).toBe(true)
  }
})

describe('what is judged besides flags', () => {
  const api = `${MANIFESTS}/kube-apiserver.yaml`
  const variable = (name: string, value: string) => (e: BrokenTrees) =>
    e.edit(api, (text) =>
      text.replace(
        /^ {4}image: /m,
        `    env:\n    - name: ${name}\n      value: "${value}"\n    image: `,
      ),
    )
  const file = (flag: string, name: string, text: string) => (e: BrokenTrees) => {
    if (flag === 'authorization-config') e.flag('kube-apiserver', 'authorization-mode', undefined)
    e.flag('kube-apiserver', flag, `/${PKI}/${name}`)
    e.write(`${PKI}/${name}`, text)
  }
  const HOOK =
    'apiVersion: v1\nkind: Config\nclusters: [{ name: a, cluster: { server: "http://hook" } }]\nusers: [{ name: a, user: {} }]\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\ncurrent-context: a\n'
  const config = (kind: string, lines: string) =>
    `apiVersion: apiserver.config.k8s.io/v1\nkind: ${kind}\n${lines}`
  const WAYS: Readonly<Record<string, (e: BrokenTrees) => void>> = {
    HTTPS_PROXY: variable('HTTPS_PROXY', 'http://proxy.example.com'),
    NO_PROXY: (e) => {
      variable('HTTPS_PROXY', 'http://proxy.example.com')(e)
      e.edit(api, (text) =>
        text.replace('    env:\n', '    env:\n    - name: NO_PROXY\n      value: "10.96.0.0/12"\n'),
      )
    },
    SSL_CERT_FILE: variable('SSL_CERT_FILE', '/x'),
    SSL_CERT_DIR: variable('SSL_CERT_DIR', '/x'),
    GODEBUG: variable('GODEBUG', 'x509sha1=1'),
    'ETCD_*': (e) => {
      e.flag('etcd', 'client-cert-auth', undefined)
      e.edit(`${MANIFESTS}/etcd.yaml`, (text) =>
        text.replace(
          /^ {4}image: /m,
          '    env:\n    - name: ETCD_CLIENT_CERT_AUTH\n      value: "false"\n    image: ',
        ),
      )
    },
    'AuthenticationConfiguration anonymous': file(
      'authentication-config',
      'a.yaml',
      config('AuthenticationConfiguration', 'anonymous: { enabled: false }\n'),
    ),
    'AuthenticationConfiguration jwt[].claimMappings': file(
      'authentication-config',
      'a.yaml',
      config(
        'AuthenticationConfiguration',
        'jwt: [{ issuer: { url: "https://i" }, claimMappings: { username: { claim: sub, prefix: "" } } }]\n',
      ),
    ),
    'AuthorizationConfiguration authorizers[].type': file(
      'authorization-config',
      'a.yaml',
      config('AuthorizationConfiguration', 'authorizers: [{ type: AlwaysAllow, name: a }]\n'),
    ),
    'AuthorizationConfiguration authorizers[].webhook.connectionInfo': (e) => {
      file(
        'authorization-config',
        'a.yaml',
        config(
          'AuthorizationConfiguration',
          `authorizers: [{ type: Webhook, name: a, webhook: { connectionInfo: { kubeConfigFile: /${PKI}/hook.conf } } }]\n`,
        ),
      )(e)
      e.write(`${PKI}/hook.conf`, HOOK)
    },
    'AdmissionConfiguration plugins[] kubeConfigFile': (e) => {
      file(
        'admission-control-config-file',
        'a.yaml',
        config(
          'AdmissionConfiguration',
          `plugins: [{ name: a, configuration: { imagePolicy: { kubeConfigFile: /${PKI}/hook.conf } } }]\n`,
        ),
      )(e)
      e.write(`${PKI}/hook.conf`, HOOK)
    },
    'EncryptionConfiguration resources[].providers': file(
      'encryption-provider-config',
      'a.yaml',
      config(
        'EncryptionConfiguration',
        'resources: [{ resources: [secrets], providers: [{ identity: {} }] }]\n',
      ),
    ),
    'KubeSchedulerConfiguration clientConnection': (e) => {
      e.flag('kube-scheduler', 'kubeconfig', undefined)
      e.flag('kube-scheduler', 'config', `/${PKI}/scheduler.yaml`)
      e.edit(`${MANIFESTS}/kube-scheduler.yaml`, (text) =>
        text.replaceAll('/etc/kubernetes/scheduler.conf', '/etc/kubernetes/pki'),
      )
      e.write(
        `${PKI}/scheduler.yaml`,
        `kind: KubeSchedulerConfiguration\nclientConnection: { kubeconfig: /${PKI}/none.conf }\n`,
      )
    },
  }
  const others = OTHER_SETTINGS.filter(({ judgedBy = [] }) => judgedBy.length > 0)
  test.each(others.map((one) => [one.name, one.judgedBy ?? []] as const))(
    '%s',
    async (name, rules) => {
      const way = WAYS[name]
      if (!way) throw new Error(`no way to set ${name}`)
      const before = new Set(await said(() => undefined, rules))
      const after = await said(way, rules)
      expect(after.filter((line) => !before.has(line)).length, after.join('\n')).toBeGreaterThan(0)
    },
  )
})
