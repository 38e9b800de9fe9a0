import { type Defect, defect } from './defect.js'
import { base64, later, MANIFESTS, newAuthority, newKey, PKI, reissueIn } from './mutate.js'

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
const mode = (rule: string, path: string, bits: number, more: Partial<Defect> = {}): Defect =>
  defect(rule, `${path} ${bits.toString(8)}`, (e) => e.chmod(path, bits), more)

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
]

function rootless(e: E): void {
  e.edit(`${MANIFESTS}/kube-apiserver.yaml`, (text) =>
    text.replace(/^( +)securityContext:\n/m, '$1securityContext:\n$1  runAsUser: 2000\n'),
  )
}
