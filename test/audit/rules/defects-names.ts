import { readCertificate } from '../../../src/ca/certificate/read.js'
import { asciiString, element, generalizedTime, oid, sequence } from '../../../src/ca/der/write.js'
import { type Defect, defect, error, type Grade, info, PLANES, warning } from './defect.js'
import {
  base64,
  editNames,
  forge,
  later,
  nameOf,
  type newAuthority,
  PKI,
  reissue,
  withExtension,
  without,
} from './mutate.js'

const CA = `${PKI}/ca.crt`
const facts = (e: { text(path: string): string }, base: string) =>
  readCertificate(e.text(`${PKI}/${base}.crt`))

/** Names, serial numbers, signatures and validity. */
export const NAME_DEFECTS: readonly Defect[] = [
  defect('S01', 'no names at all', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: without('2.5.29.17') }),
  ),
  defect('S01', 'etcd without names', error('pki/etcd/peer.crt'), (e) =>
    reissue(e, 'etcd/peer', { extensions: without('2.5.29.17') }),
  ),
  ...drop('S02', warning, 'kubernetes.default.svc'),
  ...drop('S02', warning, 'kubernetes.default.svc.cluster.local'),
  ...drop('S03', error, '10.96.0.1'),
  ...drop('S04', error, '172.31.10.5'),
  ...drop('S05', error, 'api.example.com'),
  defect(
    'S06',
    'no common endpoint',
    info('pki/apiserver.crt', ...PLANES),
    (e) => {
      if (!e.cluster) return
      const { controlPlaneEndpoint: _, ...rest } = e.cluster
      e.cluster = rest
    },
    { profile: 'strict' },
  ),
  ...drop('S07', warning, '127.0.0.1', 'etcd/server'),
  ...drop('S08', error, '172.31.10.5', 'etcd/server'),
  ...drop('S09', error, '172.31.10.5', 'etcd/peer'),
  ...drop('S10', error, '172.31.10.5', 'var/lib/kubelet/pki/kubelet.crt'),
  ...drop('S10', error, 'controlplane', 'var/lib/kubelet/pki/kubelet.crt'),
  defect(
    'S11',
    'a kubelet certificate of another shape',
    warning('/var/lib/kubelet/pki/kubelet.crt'),
    (e) => reissue(e, 'var/lib/kubelet/pki/kubelet.crt', { subject: nameOf(['CN', 'node1']) }),
  ),
  ...add('S12', error, '10.1.2.3'),
  ...add('S13', info, 'kubernetes.'),
  ...add('S14', warning, '*.example.com'),
  ...add('S15', warning, 'under_score'),
  ...add('S16', info, 'kubernetes'),
  defect('S17', 'a second service range', info('pki/apiserver.crt', ...PLANES), (e) =>
    e.everywhere((node) => {
      if (node.startsWith('control'))
        e.flag('kube-apiserver', 'service-cluster-ip-range', '10.96.0.0/12,fd00:96::/112', node)
    }),
  ),
  defect('S18', 'the service address of another range', warning('pki/apiserver.crt'), (e) =>
    e.flag('kube-apiserver', 'service-cluster-ip-range', '10.32.0.0/24'),
  ),
  ...add('S19', warning, 'former.example.com'),
  defect('S20', 'a node name in capitals', warning('kubelet.conf', 'worker1'), async (e) => {
    const { reissueIn } = await import('./mutate.js')
    await reissueIn(
      e,
      'etc/kubernetes/kubelet.conf',
      { subject: nameOf(['O', 'system:nodes'], ['CN', 'system:node:Worker_1']) },
      { node: 'worker1' },
    )
  }),
  defect('S21', 'no subject, names not critical', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { subject: sequence() }),
  ),

  defect('N01', 'a serial number twice', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { serial: facts(e, 'apiserver-kubelet-client').serialBytes }),
  ),
  defect('N02', 'a negative serial number', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { serial: new Uint8Array([0xff, 1]) }),
  ),
  defect('N02', 'the serial number 0', info('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { serial: new Uint8Array([0]) }),
  ),
  defect('N03', 'a serial number of 21 octets', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { serial: new Uint8Array(21).fill(1) }),
  ),
  defect('N04', 'the serial number 2', info('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { serial: new Uint8Array([2]) }),
  ),
  defect('N05', 'SHA-1', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { algorithm: sequence(oid('1.2.840.10045.4.1')) }),
  ),
  defect('N06', 'two algorithms', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { inner: sequence(oid('1.2.840.10045.4.3.3')) }),
  ),
  defect(
    'N07',
    'P-384 with SHA-256',
    info('pki/apiserver.crt'),
    async (e) => {
      const { readFile } = await import('node:fs/promises')
      const { readPrivateKey } = await import('../../../src/ca/keys/private-key.js')
      const key = readPrivateKey(await readFile('fixtures/keys/test-only-p384-1.pem', 'utf8'))
      e.write(
        CA,
        await forge(facts(e, 'ca'), key, { spki: key.spki, extensions: without('2.5.29.14') }),
      )
      const leaf = await forge(facts(e, 'apiserver'), key, {
        algorithm: sequence(oid('1.2.840.10045.4.3.2')),
        hash: 'SHA-256',
      })
      e.write(`${PKI}/apiserver.crt`, leaf)
    },
    { profile: 'strict' },
  ),

  defect('V01', 'an expired API server', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notBefore: later(-400), notAfter: later(-3) }),
  ),
  defect('V01', 'an expired authority', error('pki/etcd/ca.crt'), (e) =>
    reissue(e, 'etcd/ca', { notBefore: later(-400), notAfter: later(-3) }),
  ),
  defect('V02', 'ten days left', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notBefore: later(-355), notAfter: later(10) }),
  ),
  defect('V02', 'an authority with 100 days left', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { notAfter: later(100) }),
  ),
  defect('V03', 'valid from tomorrow', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notBefore: later(1) }),
  ),
  defect(
    'V04',
    'valid from the second of its making',
    info('pki/apiserver.crt'),
    (e) => {
      e.touch(`${PKI}/apiserver.crt`, facts(e, 'apiserver').notBefore.getTime() + 1000)
    },
    { profile: 'strict' },
  ),
  defect(
    'V05',
    'two years',
    info('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { notAfter: later(730) }),
    {
      profile: 'strict',
    },
  ),
  defect('V06', 'an authority too short for the next leaf', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { notAfter: later(300) }),
  ),
  defect('V06', 'an authority for twenty years', info('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { notAfter: later(7300) }),
  ),
  defect('V07', 'a chain that ends first', info('pki/etcd/ca.crt'), (e) =>
    reissue(e, 'etcd/ca', { notAfter: later(200) }),
  ),
  defect('V08', 'all at once', info(), () => undefined, {
    profile: 'strict',
    twin: async (e) => {
      let days = 300
      for (const base of [
        'apiserver',
        'apiserver-kubelet-client',
        'front-proxy-client',
        'etcd/server',
        'etcd/peer',
        'etcd/healthcheck-client',
        'apiserver-etcd-client',
      ])
        await reissue(e, base, { notAfter: later(days++) })
      alone(e)
    },
  }),
  defect('V09', 'an inverted window', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notBefore: later(2), notAfter: later(1) }),
  ),
  defect('V10', 'a GeneralizedTime before 2050', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notAfter: generalizedTime(later(300)) }),
  ),
  defect('V11', 'a hundred years', warning('pki/etcd/server.crt'), (e) =>
    reissue(e, 'etcd/server', { notAfter: later(36500) }),
  ),
  defect('V12', 'a CRL pointer', info('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', {
      extensions: withExtension(
        '2.5.29.31',
        false,
        sequence(sequence(element(0xa0, element(0xa0, asciiString(0x86, 'http://crl'))))),
      ),
    }),
  ),
]

/** Nothing but the first control plane. */
function alone(e: Parameters<typeof newAuthority>[0]): void {
  for (const node of ['worker1', 'worker2', 'controlplane2']) e.nodes.delete(node)
  e.authorities = new Map()
  e.operator = new Map()
  for (const path of ['admin', 'super-admin', 'controller-manager', 'scheduler', 'kubelet'])
    e.edit(
      `etc/kubernetes/${path}.conf`,
      (text) =>
        `${text.replace(
          /certificate-authority-data: .*/,
          `certificate-authority-data: ${base64(e.text(CA))}`,
        )}\n`,
    )
}

function drop(rule: string, grade: Grade, name: string, base = 'apiserver'): readonly Defect[] {
  const path = base.endsWith('.crt') ? base : `${PKI}/${base}.crt`
  return [
    defect(rule, `without ${name}`, grade(`/${path}`), (e) => {
      const old = readCertificate(e.text(path))
      return reissue(e, base, {
        extensions: editNames(old, ({ dns, ip }) => ({
          dns: dns.filter((one) => one !== name),
          ip: ip.filter((one) => one !== name),
        })),
      })
    }),
  ]
}

function add(rule: string, grade: Grade, name: string): readonly Defect[] {
  return [
    defect(rule, `with ${name}`, grade('pki/apiserver.crt'), (e) =>
      reissue(e, 'apiserver', {
        extensions: editNames(facts(e, 'apiserver'), ({ dns, ip }) => ({
          dns: [...dns, name],
          ip,
        })),
      }),
    ),
  ]
}
