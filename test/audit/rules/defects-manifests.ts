import { readCertificate } from '../../../src/ca/certificate/read.js'
import { type Defect, defect, error, type Grade, info, PLANES, warning } from './defect.js'
import {
  BrokenTrees,
  base64,
  forge,
  later,
  MANIFESTS,
  nameOf,
  newAuthority,
  PKI,
} from './mutate.js'

const CONFIG = 'var/lib/kubelet/config.yaml'
type E = Parameters<Defect['mutate']>[0]

const flagged = (
  rule: string,
  grade: Grade,
  component: string,
  flag: string,
  value: string | undefined,
  more: Partial<Defect> = {},
): Defect =>
  defect(
    rule,
    `${component} --${flag}=${value ?? '(unset)'}`,
    grade(`manifests/${component}.yaml`),
    (e) => e.flag(component, flag, value),
    more,
  )
const kubelet = (
  rule: string,
  grade: Grade,
  name: string,
  change: (text: string) => string,
): Defect =>
  defect(rule, name, grade(`/${CONFIG}`, 'worker1'), (e) => e.edit(CONFIG, change, 'worker1'))

async function nextAuthority(e: E, like = 'ca', change = {}) {
  return newAuthority(e, like, change)
}

/** Flags, the kubelet’s configuration, and states of a rotation. */
export const MANIFEST_DEFECTS: readonly Defect[] = [
  flagged('M01', error, 'kube-apiserver', 'tls-cert-file', '/etc/kubernetes/pki/nothing.crt'),
  flagged('M01', error, 'kube-apiserver', 'tls-cert-file', '/srv/apiserver.crt'),
  flagged(
    'M02',
    error,
    'kube-apiserver',
    'requestheader-client-ca-file',
    '/etc/kubernetes/pki/ca.crt',
  ),
  flagged('M03', warning, 'kube-apiserver', 'requestheader-allowed-names', ''),
  flagged('M04', warning, 'etcd', 'client-cert-auth', 'false'),
  flagged('M04', error, 'etcd', 'listen-client-urls', 'http://0.0.0.0:2379'),
  flagged('M05', warning, 'etcd', 'auto-tls', 'true'),
  flagged('M06', warning, 'kube-apiserver', 'kubelet-certificate-authority', undefined),
  defect(
    'M07',
    'a self-signed kubelet',
    error('/var/lib/kubelet/pki/kubelet.crt', 'worker1'),
    async (e) => {
      const { facts, key } = await newAuthority(e, 'ca')
      const old = readCertificate(e.text('var/lib/kubelet/pki/kubelet.crt', 'worker1'))
      e.write(
        'var/lib/kubelet/pki/kubelet.crt',
        await forge(old, key, { issuer: facts.subject.raw }),
        'worker1',
      )
    },
  ),
  kubelet('M08', error, 'no client authority', (text) => text.replace(/\n +clientCAFile: .*/, '')),
  kubelet('M09', warning, 'no rotation', (text) =>
    text.replace('rotateCertificates: true', 'rotateCertificates: false'),
  ),
  flagged('M10', error, 'kube-apiserver', 'service-account-signing-key-file', undefined),
  flagged(
    'M11',
    error,
    'kube-controller-manager',
    'root-ca-file',
    '/etc/kubernetes/pki/front-proxy-ca.crt',
  ),
  defect(
    'M12',
    'a key on the machine',
    info('manifests/kube-controller-manager.yaml', ...PLANES),
    () => undefined,
    {
      profile: 'strict',
      twin: (e) =>
        ['controlplane', 'controlplane2'].forEach((node) => {
          e.flag('kube-controller-manager', 'cluster-signing-key-file', undefined, node)
        }),
    },
  ),
  flagged('M13', error, 'kube-apiserver', 'insecure-port', '8080'),
  flagged('M13', error, 'kube-apiserver', 'token-auth-file', '/etc/kubernetes/tokens.csv'),
  flagged('M14', warning, 'kube-apiserver', 'tls-cipher-suites', 'TLS_RSA_WITH_RC4_128_SHA'),
  flagged(
    'M14',
    warning,
    'kube-apiserver',
    'tls-cipher-suites',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  ),
  flagged('M15', error, 'kube-controller-manager', 'pod-eviction-timeout', '5m0s'),
  defect(
    'M16',
    'the whole directory',
    info('manifests/kube-controller-manager.yaml', ...PLANES),
    () => undefined,
    {
      profile: 'strict',
      twin: (e) =>
        ['controlplane', 'controlplane2'].forEach((node) => {
          e.edit(
            `${MANIFESTS}/kube-controller-manager.yaml`,
            (text) => text.replaceAll('/etc/kubernetes/pki\n', '/etc/kubernetes/pki/ca.crt\n'),
            node,
          )
        }),
    },
  ),
  defect(
    'M17',
    'no encryption',
    warning('manifests/kube-apiserver.yaml', ...PLANES),
    () => undefined,
    {
      profile: 'strict',
      twin: (e) =>
        ['controlplane', 'controlplane2'].forEach((node) => {
          e.flag(
            'kube-apiserver',
            'encryption-provider-config',
            '/etc/kubernetes/encryption.yaml',
            node,
          )
        }),
    },
  ),
  flagged('M18', error, 'kube-apiserver', 'advertise-address', '172.31.99.9'),

  defect(
    'R01',
    'a certificate from an authority that nobody trusts yet',
    error('pki/apiserver.crt'),
    async (e) => {
      const next = await nextAuthority(e, 'ca', {
        subject: nameOf(['CN', 'kubernetes-2']),
        issuer: nameOf(['CN', 'kubernetes-2']),
      })
      e.write(`${PKI}/ca-next.crt`, next.pem)
      const old = readCertificate(e.text(`${PKI}/apiserver.crt`))
      e.write(
        `${PKI}/apiserver.crt`,
        await forge(old, next.key, { issuer: next.facts.subject.raw }),
      )
    },
    { earlier: true },
  ),
  defect('R02', 'a pair without a common authority', error(), () => undefined, {
    earlier: true,
    connections: [
      {
        id: 'a>b',
        from: 'a',
        to: 'b',
        kind: 'x',
        url: 'https://b',
        must: 'succeed',
        will: 'fail',
        rule: 'connection-untrusted',
      },
    ],
    twin: () => undefined,
  }),
  defect(
    'R03',
    'the old authority removed',
    error('pki/etcd/ca.crt'),
    async (e) => {
      const next = await nextAuthority(e, 'etcd/ca', {
        subject: nameOf(['CN', 'etcd-2']),
        issuer: nameOf(['CN', 'etcd-2']),
      })
      e.write(`${PKI}/etcd/ca.crt`, next.pem)
    },
    { earlier: true },
  ),
  defect('R04', 'both authorities, still', warning('pki/ca.crt'), async (e) => {
    const { pem } = await nextAuthority(e, 'ca', {
      subject: nameOf(['CN', 'kubernetes-2']),
      issuer: nameOf(['CN', 'kubernetes-2']),
    })
    e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    e.earlier = new BrokenTrees(e.input()).input()
  }),
  defect(
    'R05',
    'a new authority of the old name',
    warning('pki/ca.crt'),
    async (e) => {
      const { pem } = await nextAuthority(e)
      e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    },
    { earlier: true },
  ),
  defect(
    'R06',
    'the old key again',
    info('pki/ca.crt'),
    async (e) => {
      const { reissue } = await import('./mutate.js')
      await reissue(e, 'ca', { notAfter: later(7000) })
    },
    { earlier: true },
  ),
  defect(
    'R07',
    'an old authority in kube-root-ca.crt',
    warning('/exports/configmaps.yaml'),
    async (e) => exported(e, (await nextAuthority(e)).pem),
    { twin: (e) => exported(e, e.text(`${PKI}/ca.crt`)) },
  ),
  defect(
    'R08',
    'an old authority in a token Secret',
    warning('/exports/secrets.yaml'),
    async (e) => secret(e, (await nextAuthority(e)).pem),
    { twin: (e) => secret(e, e.text(`${PKI}/ca.crt`)) },
  ),
  defect(
    'R09',
    'an old authority in a webhook',
    info('/exports/webhooks.yaml'),
    async (e) => webhook(e, (await nextAuthority(e)).pem),
    { twin: (e) => webhook(e, e.text(`${PKI}/ca.crt`)) },
  ),
]

const indent = (text: string) => text.trimEnd().replaceAll('\n', '\n    ')
const exported = (e: E, pem: string) =>
  e.write(
    'exports/configmaps.yaml',
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kube-root-ca.crt }\ndata:\n  ca.crt: |\n    ${indent(pem)}\n`,
  )
const secret = (e: E, pem: string) =>
  e.write(
    'exports/secrets.yaml',
    `apiVersion: v1\nkind: Secret\nmetadata: { name: default-token }\ntype: kubernetes.io/service-account-token\ndata:\n  ca.crt: ${base64(pem)}\n`,
  )
const webhook = (e: E, pem: string) =>
  e.write(
    'exports/webhooks.yaml',
    `apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: { name: hook }\nwebhooks:\n  - name: a.b.c\n    clientConfig: { caBundle: ${base64(pem)} }\n`,
  )
