import { readCertificate } from '../../../src/ca/read.js'
import { type Defect, defect } from './defect.js'
import {
  base64,
  forge,
  later,
  MANIFESTS,
  nameOf,
  newAuthority,
  newKey,
  PKI,
  reissueIn,
} from './mutate.js'

const ADMIN = 'etc/kubernetes/admin.conf'
const SCHEDULER = 'etc/kubernetes/scheduler.conf'
const KUBELET = 'etc/kubernetes/kubelet.conf'
const CONFIG = 'var/lib/kubelet/config.yaml'
type E = Parameters<Defect['mutate']>[0]

const user = (rule: string, name: string, line: string): Defect =>
  defect(rule, name, (e) =>
    e.replace(ADMIN, '    client-certificate-data:', `    ${line}\n    client-certificate-data:`),
  )
const cluster = (rule: string, name: string, line: string): Defect =>
  defect(rule, name, (e) => e.replace(ADMIN, '    server:', `    ${line}\n    server:`))
const flagged = (
  rule: string,
  component: string,
  flag: string,
  value: string | undefined,
  more: Partial<Defect> = {},
): Defect =>
  defect(
    rule,
    `${component} --${flag}=${value ?? '(unset)'}`,
    (e) => e.flag(component, flag, value),
    more,
  )
const mode = (rule: string, path: string, bits: number, more: Partial<Defect> = {}): Defect =>
  defect(rule, `${path} ${bits.toString(8)}`, (e) => e.chmod(path, bits), more)
const kubelet = (
  rule: string,
  name: string,
  change: (text: string) => string,
  more: Partial<Defect> = {},
): Defect => defect(rule, name, (e) => e.edit(CONFIG, change, 'worker1'), more)

async function nextAuthority(e: E, like = 'ca', change = {}) {
  return newAuthority(e, like, change)
}

export const CONFIG_DEFECTS: readonly Defect[] = [
  defect('F01', 'no kubeconfig', (e) => e.write(ADMIN, 'kind: Secret\napiVersion: v1\n')),
  defect('F02', 'a dangling context', (e) =>
    e.replace(ADMIN, /current-context: .*/, 'current-context: nobody@nowhere'),
  ),
  defect('F03', 'another authority in admin.conf', async (e) => {
    const { pem } = await nextAuthority(e)
    e.replace(ADMIN, /certificate-authority-data: .*/, `certificate-authority-data: ${base64(pem)}`)
  }),
  defect('F04', 'an authority not yet in the kubeconfigs', async (e) => {
    const { pem } = await nextAuthority(e)
    e.edit(`${PKI}/ca.crt`, (text) => text + pem)
  }),
  defect('F05', 'a server that the certificate is not for', (e) =>
    e.replace(ADMIN, /server: .*/, 'server: https://lb.example.com:6443'),
  ),
  defect('F06', 'another key in admin.conf', async (e) => {
    const { pem } = await newKey()
    e.replace(ADMIN, /client-key-data: .*/, `client-key-data: ${base64(pem())}`)
  }),
  defect('F07', 'a client of etcd’s authority', (e) => reissueIn(e, ADMIN, {}, { by: 'etcd/ca' })),
  defect('F08', 'an expired client', (e) =>
    reissueIn(e, KUBELET, { notBefore: later(-400), notAfter: later(-2) }, { node: 'worker1' }),
  ),
  cluster('F09', 'no verification', 'insecure-skip-tls-verify: true'),
  cluster('F10', 'data and file', 'certificate-authority: /etc/kubernetes/pki/ca.crt'),
  defect('F11', 'a relative path', (e) =>
    e.replace(ADMIN, /certificate-authority-data: .*/, 'certificate-authority: pki/ca.crt'),
  ),
  user('F12', 'a program', 'exec: { command: aws, apiVersion: client.authentication.k8s.io/v1 }'),
  user('F13', 'a certificate and a token', 'token: not-a-real-token'),
  defect('F14', 'clear text', (e) => e.replace(ADMIN, 'server: https://', 'server: http://')),
  cluster('F15', 'a proxy', 'proxy-url: http://proxy.example.com:3128'),
  cluster('F15', 'another TLS name', 'tls-server-name: kubernetes'),
  defect('F16', 'the manager in scheduler.conf', (e) =>
    e.write(SCHEDULER, e.text('etc/kubernetes/controller-manager.conf')),
  ),
  defect('F17', 'another entry name without ca.key', (e) => {
    e.remove(`${PKI}/ca.key`)
    e.edit(KUBELET, (text) => text.replaceAll(/system:node:controlplane/g, 'kubelet'))
  }),
  defect('F18', 'an embedded certificate without rotation', (e) =>
    e.replace(CONFIG, 'rotateCertificates: true', 'rotateCertificates: false', 'worker1'),
  ),
  defect('F19', 'the scheduler through the endpoint', (e) =>
    e.replace(SCHEDULER, /server: .*/, 'server: https://api.example.com:6443'),
  ),
  defect('F20', 'two users of one name', async (e) => {
    e.write('bob.conf', e.text('jane.conf', 'operator'), 'operator')
    const key = await newKey()
    await reissueIn(e, 'bob.conf', { spki: key.spki }, { node: 'operator' })
  }),
  mode('F21', ADMIN, 0o644),
  user('F22', 'a password', 'username: admin\n    password: secret'),
  user('F22', 'a static token', 'token: not-a-real-token'),
  defect('F23', 'the bootstrap kubeconfig', (e) =>
    e.write('etc/kubernetes/bootstrap-kubelet.conf', e.text(KUBELET, 'worker1'), 'worker1'),
  ),
  defect('F24', 'two users of one name in a file', (e) =>
    e.edit(ADMIN, (text) =>
      text.replace(/users:\n((?: .*|-.*)\n)+/, (all) => all + all.slice('users:\n'.length)),
    ),
  ),

  mode('O01', `${PKI}/apiserver.key`, 0o644),
  mode('O01', `${PKI}/ca.key`, 0o640),
  mode('O02', `${PKI}/ca.crt`, 0o666),
  defect('O03', 'somebody’s certificates', (e) =>
    e.chown(`${PKI}/ca.crt`, { uid: 1000, gid: 1000 }),
  ),
  defect('O04', 'a writable directory', (e) => e.directory(PKI, 0o777), {
    twin: (e) => e.directory(PKI, 0o755),
  }),
  defect('O05', 'etcd’s data for everybody', (e) => e.directory('var/lib/etcd', 0o755), {
    twin: (e) => e.directory('var/lib/etcd', 0o700),
  }),
  mode('O06', `${MANIFESTS}/kube-apiserver.yaml`, 0o644),
  mode('O07', CONFIG, 0o666),
  defect(
    'O08',
    'a key of root for another user',
    (e) => {
      rootless(e)
      e.chown(`${PKI}/apiserver.key`, { uid: 0, gid: 0 })
    },
    {
      twin: (e) => {
        rootless(e)
        for (const key of [
          'apiserver',
          'apiserver-kubelet-client',
          'apiserver-etcd-client',
          'front-proxy-client',
          'sa',
        ])
          e.chown(`${PKI}/${key}.key`, { uid: 2000, gid: 2000 })
      },
    },
  ),
  defect(
    'O10',
    'a readable copy at home',
    (e) => e.write('root/.kube/config', e.text(ADMIN), undefined, 0o644),
    {
      twin: (e) => e.write('root/.kube/config', e.text(ADMIN), undefined, 0o600),
    },
  ),
  defect(
    'O12',
    'a readable unit',
    (e) => e.write('usr/lib/systemd/system/kubelet.service', '[Service]\n', undefined, 0o644),
    {
      profile: 'cis',
      twin: (e) =>
        e.write('usr/lib/systemd/system/kubelet.service', '[Service]\n', undefined, 0o600),
    },
  ),
  defect('O13', 'somebody’s kubeconfig', (e) => e.chown(ADMIN, { uid: 1000, gid: 1000 }), {
    profile: 'cis',
  }),
  defect(
    'O14',
    'open CNI configuration',
    (e) => e.write('etc/cni/net.d/10.conflist', '{}', undefined, 0o644),
    {
      profile: 'cis',
      twin: (e) => e.write('etc/cni/net.d/10.conflist', '{}', undefined, 0o600),
    },
  ),

  flagged('M01', 'kube-apiserver', 'tls-cert-file', '/etc/kubernetes/pki/nothing.crt'),
  flagged('M01', 'kube-apiserver', 'tls-cert-file', '/srv/apiserver.crt'),
  flagged('M02', 'kube-apiserver', 'requestheader-client-ca-file', '/etc/kubernetes/pki/ca.crt'),
  flagged('M03', 'kube-apiserver', 'requestheader-allowed-names', ''),
  flagged('M04', 'etcd', 'client-cert-auth', 'false'),
  flagged('M04', 'etcd', 'listen-client-urls', 'http://0.0.0.0:2379'),
  flagged('M05', 'etcd', 'auto-tls', 'true'),
  flagged('M06', 'kube-apiserver', 'kubelet-certificate-authority', undefined),
  defect('M07', 'a self-signed kubelet', async (e) => {
    const { facts, key } = await newAuthority(e, 'ca')
    const old = readCertificate(e.text('var/lib/kubelet/pki/kubelet.crt', 'worker1'))
    e.write(
      'var/lib/kubelet/pki/kubelet.crt',
      await forge(old, key, { issuer: facts.subject.raw }),
      'worker1',
    )
  }),
  kubelet('M08', 'no client authority', (text) => text.replace(/\n +clientCAFile: .*/, '')),
  kubelet('M09', 'no rotation', (text) =>
    text.replace('rotateCertificates: true', 'rotateCertificates: false'),
  ),
  flagged('M10', 'kube-apiserver', 'service-account-signing-key-file', undefined),
  flagged(
    'M11',
    'kube-controller-manager',
    'root-ca-file',
    '/etc/kubernetes/pki/front-proxy-ca.crt',
  ),
  defect('M12', 'a key on the machine', () => undefined, {
    profile: 'strict',
    twin: (e) =>
      ['controlplane', 'controlplane2'].forEach((node) => {
        e.flag('kube-controller-manager', 'cluster-signing-key-file', undefined, node)
      }),
  }),
  flagged('M13', 'kube-apiserver', 'insecure-port', '8080'),
  flagged('M13', 'kube-apiserver', 'token-auth-file', '/etc/kubernetes/tokens.csv'),
  flagged('M14', 'kube-apiserver', 'tls-cipher-suites', 'TLS_RSA_WITH_RC4_128_SHA'),
  flagged('M14', 'kube-apiserver', 'tls-cipher-suites', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'),
  flagged('M15', 'kube-controller-manager', 'pod-eviction-timeout', '5m0s'),
  defect('M16', 'the whole directory', () => undefined, {
    profile: 'strict',
    twin: (e) =>
      ['controlplane', 'controlplane2'].forEach((node) => {
        e.edit(
          `${MANIFESTS}/kube-controller-manager.yaml`,
          (text) => text.replaceAll('/etc/kubernetes/pki\n', '/etc/kubernetes/pki/ca.crt\n'),
          node,
        )
      }),
  }),
  defect('M17', 'no encryption', () => undefined, {
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
  }),
  flagged('M18', 'kube-apiserver', 'advertise-address', '172.31.99.9'),

  defect(
    'R01',
    'a certificate from an authority that nobody trusts yet',
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
  defect('R02', 'a pair without a common authority', () => undefined, {
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
    async (e) => {
      const next = await nextAuthority(e, 'etcd/ca', {
        subject: nameOf(['CN', 'etcd-2']),
        issuer: nameOf(['CN', 'etcd-2']),
      })
      e.write(`${PKI}/etcd/ca.crt`, next.pem)
    },
    { earlier: true },
  ),
  defect('R04', 'both authorities, still', async (e) => {
    const { pem } = await nextAuthority(e, 'ca', {
      subject: nameOf(['CN', 'kubernetes-2']),
      issuer: nameOf(['CN', 'kubernetes-2']),
    })
    e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    const { Estate } = await import('./mutate.js')
    e.earlier = new Estate(e.input()).input()
  }),
  defect(
    'R05',
    'a new authority of the old name',
    async (e) => {
      const { pem } = await nextAuthority(e)
      e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    },
    { earlier: true },
  ),
  defect(
    'R06',
    'the old key again',
    async (e) => {
      const { reissue } = await import('./mutate.js')
      await reissue(e, 'ca', { notAfter: later(7000) })
    },
    { earlier: true },
  ),
  defect(
    'R07',
    'an old authority in kube-root-ca.crt',
    async (e) => exported(e, (await nextAuthority(e)).pem),
    { twin: (e) => exported(e, e.text(`${PKI}/ca.crt`)) },
  ),
  defect(
    'R08',
    'an old authority in a token Secret',
    async (e) => secret(e, (await nextAuthority(e)).pem),
    { twin: (e) => secret(e, e.text(`${PKI}/ca.crt`)) },
  ),
  defect(
    'R09',
    'an old authority in a webhook',
    async (e) => webhook(e, (await nextAuthority(e)).pem),
    { twin: (e) => webhook(e, e.text(`${PKI}/ca.crt`)) },
  ),
]

function rootless(e: E): void {
  e.edit(`${MANIFESTS}/kube-apiserver.yaml`, (text) =>
    text.replace(/^( +)securityContext:\n/m, '$1securityContext:\n$1  runAsUser: 2000\n'),
  )
}

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
