import { type Defect, defect, error, type Grade, info, NODES, PLANES, warning } from './defect.js'
import { base64, later, MANIFESTS, newAuthority, newKey, PKI, reissueIn } from './mutate.js'

const ADMIN = 'etc/kubernetes/admin.conf'
const SCHEDULER = 'etc/kubernetes/scheduler.conf'
const KUBELET = 'etc/kubernetes/kubelet.conf'
const CONFIG = 'var/lib/kubelet/config.yaml'
type E = Parameters<Defect['mutate']>[0]

const user = (rule: string, grade: Grade, name: string, line: string): Defect =>
  defect(rule, name, grade('admin.conf'), (e) =>
    e.replace(ADMIN, '    client-certificate-data:', `    ${line}\n    client-certificate-data:`),
  )
const cluster = (rule: string, grade: Grade, name: string, line: string): Defect =>
  defect(rule, name, grade('admin.conf'), (e) =>
    e.replace(ADMIN, '    server:', `    ${line}\n    server:`),
  )
const mode = (rule: string, grade: Grade, path: string, bits: number): Defect =>
  defect(rule, `${path} ${bits.toString(8)}`, grade(`/${path}`), (e) => e.chmod(path, bits))

async function nextAuthority(e: E, like = 'ca', change = {}) {
  return newAuthority(e, like, change)
}

export const CONFIG_DEFECTS: readonly Defect[] = [
  defect('F01', 'no kubeconfig', error('admin.conf'), (e) =>
    e.write(ADMIN, 'kind: Secret\napiVersion: v1\n'),
  ),
  defect('F02', 'a dangling context', error('admin.conf'), (e) =>
    e.replace(ADMIN, /current-context: .*/, 'current-context: nobody@nowhere'),
  ),
  defect('F03', 'another authority in admin.conf', error('admin.conf'), async (e) => {
    const { pem } = await nextAuthority(e)
    e.replace(ADMIN, /certificate-authority-data: .*/, `certificate-authority-data: ${base64(pem)}`)
  }),
  defect(
    'F04',
    'an authority not yet in the kubeconfigs',
    [
      warning('admin.conf', ...PLANES),
      warning('super-admin.conf'),
      warning('controller-manager.conf', ...PLANES),
      warning('scheduler.conf', ...PLANES),
      warning('kubelet.conf', ...NODES),
      warning('/admin.conf', 'operator'),
      warning('/super-admin.conf', 'operator'),
      warning('/jane.conf', 'operator'),
    ],
    async (e) => {
      const { pem } = await nextAuthority(e)
      e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    },
  ),
  defect('F05', 'a server that the certificate is not for', error('admin.conf'), (e) =>
    e.replace(ADMIN, /server: .*/, 'server: https://lb.example.com:6443'),
  ),
  defect('F06', 'another key in admin.conf', error('admin.conf'), async (e) => {
    const { pem } = await newKey()
    e.replace(ADMIN, /client-key-data: .*/, `client-key-data: ${base64(pem())}`)
  }),
  defect('F07', 'a client of etcd’s authority', error('admin.conf'), (e) =>
    reissueIn(e, ADMIN, {}, { by: 'etcd/ca' }),
  ),
  defect('F08', 'an expired client', error('kubelet.conf', 'worker1'), (e) =>
    reissueIn(e, KUBELET, { notBefore: later(-400), notAfter: later(-2) }, { node: 'worker1' }),
  ),
  cluster('F09', error, 'no verification', 'insecure-skip-tls-verify: true'),
  cluster('F10', warning, 'data and file', 'certificate-authority: /etc/kubernetes/pki/ca.crt'),
  defect('F11', 'a relative path', warning('admin.conf'), (e) =>
    e.replace(ADMIN, /certificate-authority-data: .*/, 'certificate-authority: pki/ca.crt'),
  ),
  user(
    'F12',
    warning,
    'a program',
    'exec: { command: aws, apiVersion: client.authentication.k8s.io/v1 }',
  ),
  user('F13', warning, 'a certificate and a token', 'token: not-a-real-token'),
  defect('F14', 'clear text', error('admin.conf'), (e) =>
    e.replace(ADMIN, 'server: https://', 'server: http://'),
  ),
  cluster('F15', info, 'a proxy', 'proxy-url: http://proxy.example.com:3128'),
  cluster('F15', info, 'another TLS name', 'tls-server-name: kubernetes'),
  defect('F16', 'the manager in scheduler.conf', error('scheduler.conf'), (e) =>
    e.write(SCHEDULER, e.text('etc/kubernetes/controller-manager.conf')),
  ),
  defect('F17', 'another entry name without ca.key', warning('kubelet.conf'), (e) => {
    e.remove(`${PKI}/ca.key`)
    e.edit(KUBELET, (text) => text.replaceAll(/system:node:controlplane/g, 'kubelet'))
  }),
  defect(
    'F18',
    'an embedded certificate without rotation',
    warning('kubelet.conf', 'worker1'),
    (e) => e.replace(CONFIG, 'rotateCertificates: true', 'rotateCertificates: false', 'worker1'),
  ),
  defect('F19', 'the scheduler through the endpoint', info('scheduler.conf'), (e) =>
    e.replace(SCHEDULER, /server: .*/, 'server: https://api.example.com:6443'),
  ),
  defect('F20', 'two users of one name', info('/bob.conf', 'operator'), async (e) => {
    e.write('bob.conf', e.text('jane.conf', 'operator'), 'operator')
    const key = await newKey()
    await reissueIn(e, 'bob.conf', { spki: key.spki }, { node: 'operator' })
  }),
  mode('F21', error, ADMIN, 0o644),
  user('F22', warning, 'a password', 'username: admin\n    password: secret'),
  user('F22', warning, 'a static token', 'token: not-a-real-token'),
  defect('F23', 'the bootstrap kubeconfig', warning('bootstrap-kubelet.conf', 'worker1'), (e) =>
    e.write('etc/kubernetes/bootstrap-kubelet.conf', e.text(KUBELET, 'worker1'), 'worker1'),
  ),
  defect('F24', 'two users of one name in a file', warning('admin.conf'), (e) =>
    e.edit(ADMIN, (text) =>
      text.replace(/users:\n((?: .*|-.*)\n)+/, (all) => all + all.slice('users:\n'.length)),
    ),
  ),

  mode('O01', error, `${PKI}/apiserver.key`, 0o644),
  mode('O01', warning, `${PKI}/ca.key`, 0o640),
  mode('O02', warning, `${PKI}/ca.crt`, 0o666),
  defect('O03', 'somebody’s certificates', warning('pki/ca.crt'), (e) =>
    e.chown(`${PKI}/ca.crt`, { uid: 1000, gid: 1000 }),
  ),
  defect('O04', 'a writable directory', error('pki'), (e) => e.directory(PKI, 0o777), {
    twin: (e) => e.directory(PKI, 0o755),
  }),
  defect(
    'O05',
    'etcd’s data for everybody',
    warning('/var/lib/etcd'),
    (e) => e.directory('var/lib/etcd', 0o755),
    {
      twin: (e) => e.directory('var/lib/etcd', 0o700),
    },
  ),
  mode('O06', warning, `${MANIFESTS}/kube-apiserver.yaml`, 0o644),
  mode('O07', warning, CONFIG, 0o666),
  defect(
    'O08',
    'a key of root for another user',
    error('pki/apiserver.key'),
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
    warning('/root/.kube/config'),
    (e) => e.write('root/.kube/config', e.text(ADMIN), undefined, 0o644),
    {
      twin: (e) => e.write('root/.kube/config', e.text(ADMIN), undefined, 0o600),
    },
  ),
  defect(
    'O12',
    'a readable unit',
    warning('/usr/lib/systemd/system/kubelet.service'),
    (e) => e.write('usr/lib/systemd/system/kubelet.service', '[Service]\n', undefined, 0o644),
    {
      profile: 'cis',
      twin: (e) =>
        e.write('usr/lib/systemd/system/kubelet.service', '[Service]\n', undefined, 0o600),
    },
  ),
  defect(
    'O13',
    'somebody’s kubeconfig',
    warning('admin.conf'),
    (e) => e.chown(ADMIN, { uid: 1000, gid: 1000 }),
    {
      profile: 'cis',
    },
  ),
  defect(
    'O14',
    'open CNI configuration',
    info('/etc/cni/net.d/10.conflist'),
    (e) => e.write('etc/cni/net.d/10.conflist', '{}', undefined, 0o644),
    {
      profile: 'cis',
      twin: (e) => e.write('etc/cni/net.d/10.conflist', '{}', undefined, 0o600),
    },
  ),
]

function rootless(e: E): void {
  e.edit(`${MANIFESTS}/kube-apiserver.yaml`, (text) =>
    text.replace(/^( +)securityContext:\n/m, '$1securityContext:\n$1  runAsUser: 2000\n'),
  )
}
