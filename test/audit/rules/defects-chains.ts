import { readCertificate } from '../../../src/ca/certificate/read.js'
import {
  asciiString,
  element,
  implicit,
  octetString,
  oid,
  sequence,
} from '../../../src/ca/der/write.js'
import { type Defect, defect, error, info, NODES, PLANES, warning } from './defect.js'
import {
  authorityKey,
  base64,
  basic,
  forge,
  keyUsage,
  later,
  nameOf,
  newAuthority,
  PKI,
  reissue,
  usages,
  withExtension,
  without,
} from './mutate.js'

const CA = `${PKI}/ca.crt`
const facts = (e: { text(path: string): string }, base: string) =>
  readCertificate(e.text(`${PKI}/${base}.crt`))
const OTHER_ID = sequence(implicit(0, new Uint8Array(20).fill(7)))

const constraints = (value: Uint8Array, critical = true) =>
  withExtension('2.5.29.30', critical, value)
const dnsOnly = (text: string) => sequence(element(0xa0, sequence(asciiString(0x82, text))))

/** A root above the given authority, which then is its intermediate. */
async function underRoot(e: Parameters<typeof newAuthority>[0], base: string) {
  const root = await newAuthority(e, 'ca', {
    subject: nameOf(['CN', 'root']),
    issuer: nameOf(['CN', 'root']),
  })
  const pem = await forge(facts(e, base), root.key, { issuer: root.facts.subject.raw })
  e.everywhere((node) => {
    if (e.tree(node).has(`${PKI}/${base}.crt`)) e.write(`${PKI}/${base}.crt`, pem, node)
  })
  return { root, pem }
}

export const CHAIN_DEFECTS: readonly Defect[] = [
  defect(
    'C18',
    'a second kubeadm init has made a new authority',
    error('pki/ca.crt'),
    async (e) => {
      const { pem, key } = await newAuthority(e, 'ca')
      e.write(`${PKI}/ca.crt`, pem)
      e.write(`${PKI}/ca.key`, key.pem())
    },
  ),
  defect('C01', 'the API server below a stranger', error('pki/apiserver.crt'), async (e) => {
    const { key, facts: ca } = await newAuthority(e, 'ca', {
      subject: nameOf(['CN', 'stranger']),
      issuer: nameOf(['CN', 'stranger']),
    })
    e.write(
      `${PKI}/apiserver.crt`,
      await forge(facts(e, 'apiserver'), key, { issuer: ca.subject.raw }),
    )
  }),
  defect(
    'C19',
    'a certificate that nothing trusts, of another authority of the same name',
    error('pki/backup.crt'),
    async (e) => {
      const { key, facts: ca } = await newAuthority(e, 'ca', {})
      e.write(
        `${PKI}/backup.crt`,
        await forge(facts(e, 'apiserver'), key, { issuer: ca.subject.raw }),
      )
    },
    {
      twin: (e) => e.write(`${PKI}/backup.crt`, e.text(`${PKI}/apiserver.crt`)),
    },
  ),
  defect('C01', 'the same name in another string type', error('pki/etcd/server.crt'), (e) =>
    reissue(e, 'etcd/server', {
      issuer: sequence(element(0x31, sequence(oid('2.5.4.3'), asciiString(0x0c, 'etcd-ca')))),
    }),
  ),
  defect(
    'C02',
    'etcd’s certificate from the cluster’s authority',
    error('pki/etcd/server.crt'),
    (e) => reissue(e, 'etcd/server', {}, { by: 'ca' }),
  ),
  defect(
    'C02',
    'the front proxy from the cluster’s authority',
    error('pki/front-proxy-client.crt'),
    (e) => reissue(e, 'front-proxy-client', {}, { by: 'ca' }),
  ),
  defect('C03', 'an intermediate that nobody has', error('pki/etcd/ca.crt'), async (e) => {
    const { root } = await underRoot(e, 'etcd/ca')
    e.write(`${PKI}/etcd/ca.crt`, root.pem)
    e.write('spare.crt', e.text(`${PKI}/etcd/ca.crt`, 'controlplane2'))
  }),
  defect('C04', 'an issuer without CA:TRUE', error('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: basic(false) }),
  ),
  defect('C05', 'an authority below path length 0', error('pki/ca.crt'), async (e) => {
    const root = await newAuthority(e, 'ca', {
      subject: nameOf(['CN', 'root']),
      issuer: nameOf(['CN', 'root']),
      extensions: basic(true, 0),
    })
    const pem = await forge(facts(e, 'ca'), root.key, { issuer: root.facts.subject.raw })
    e.write(CA, pem + root.pem)
  }),
  defect('C06', 'another key identifier', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: withExtension('2.5.29.35', false, OTHER_ID) }),
  ),
  defect('C07', 'a stale issuer serial', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', {
      extensions: withExtension(
        '2.5.29.35',
        false,
        sequence(
          element(0xa1, element(0xa4, facts(e, 'ca').subject.raw)),
          implicit(2, new Uint8Array([9])),
        ),
      ),
    }),
  ),
  defect('C08', 'an authority without a key identifier', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: without('2.5.29.14') }),
  ),
  defect(
    'C09',
    'no authority key identifier',
    info('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { extensions: without('2.5.29.35') }),
    { profile: 'strict' },
  ),
  defect('C10', 'two authorities of one name', warning('pki/ca.crt'), async (e) => {
    const { pem } = await newAuthority(e, 'ca')
    e.edit(CA, (text) => text + pem)
  }),
  defect('C11', 'a self-signed API server', warning('pki/apiserver.crt'), async (e) => {
    const { readPrivateKey } = await import('../../../src/ca/keys/private-key.js')
    const own = facts(e, 'apiserver')
    e.write(
      `${PKI}/apiserver.crt`,
      await forge(own, readPrivateKey(e.text(`${PKI}/apiserver.key`)), { issuer: own.subject.raw }),
    )
  }),
  defect('C12', 'pods get an intermediate only', warning('pki/ca.crt', ...PLANES), (e) =>
    underRoot(e, 'ca').then(() => undefined),
  ),
  defect('C13', 'a leaf beyond its authority', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { notAfter: later(4000) }),
  ),
  defect(
    'C14',
    'a leaf before its authority',
    info('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { notBefore: later(-30) }),
    { profile: 'strict' },
  ),
  defect('C15', 'authorities signed each other', warning('pki/ca.crt'), async (e) => {
    const other = await newAuthority(e, 'ca', {
      subject: nameOf(['CN', 'other']),
      issuer: nameOf(['CN', 'other']),
    })
    const key = authorityKey(e, 'ca')
    const ca = facts(e, 'ca')
    const crossed = await forge(other.facts, key, { issuer: ca.subject.raw })
    const back = await forge(ca, other.key, { issuer: other.facts.subject.raw })
    e.edit(CA, (text) => text + crossed + back)
  }),
  defect('C16', 'a spoiled root', error('pki/ca.crt'), (e) => reissue(e, 'ca', { unsigned: true })),
  defect(
    'C17',
    'an authority that issued nothing',
    info('pki/ca.crt'),
    async (e) => {
      const { pem } = await newAuthority(e, 'ca', {
        subject: nameOf(['CN', 'idle']),
        issuer: nameOf(['CN', 'idle']),
      })
      e.edit(CA, (text) => text + pem)
    },
    { profile: 'strict' },
  ),

  defect('E01', 'CA:TRUE on the API server', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: basic(true) }),
  ),
  defect('E02', 'keyCertSign on a leaf', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: keyUsage(0x84) }),
  ),
  defect('E03', 'basic constraints not critical', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: basic(true, undefined, false) }),
  ),
  defect('E04', 'an authority of version 1', error('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { version: 1 }),
  ),
  defect('E04', 'an authority without basic constraints', error('pki/etcd/ca.crt'), (e) =>
    reissue(e, 'etcd/ca', { extensions: without('2.5.29.19') }),
  ),
  defect('E05', 'an authority without keyCertSign', error('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: keyUsage(0x80) }),
  ),
  defect(
    'E06',
    'an authority without cRLSign',
    [info('pki/ca.crt'), info('pki/front-proxy-ca.crt'), info('pki/etcd/ca.crt')],
    () => undefined,
    {
      profile: 'strict',
      twin: async (e) => {
        for (const ca of ['ca', 'etcd/ca', 'front-proxy-ca'])
          await reissue(e, ca, { extensions: keyUsage(0x86) })
        alone(e)
      },
    },
  ),
  defect(
    'E07',
    'an intermediate without path length',
    info('pki/ca.crt'),
    (e) => underRoot(e, 'ca').then(() => undefined),
    { profile: 'strict' },
  ),
  defect('E08', 'a path length on a leaf', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: basic(false, 0) }),
  ),
  defect('E09', 'no extended key usage', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: without('2.5.29.37') }),
  ),
  defect('E10', 'the API server for clients only', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: usages('clientAuth') }),
  ),
  defect('E10', 'etcd for clients only', error('pki/etcd/server.crt'), (e) =>
    reissue(e, 'etcd/server', { extensions: usages('clientAuth') }),
  ),
  defect(
    'E11',
    'the kubelet client for servers only',
    error('pki/apiserver-kubelet-client.crt'),
    (e) => reissue(e, 'apiserver-kubelet-client', { extensions: usages('serverAuth') }),
  ),
  defect('E12', 'etcd for servers only', warning('pki/etcd/server.crt'), (e) =>
    reissue(e, 'etcd/server', { extensions: usages('serverAuth') }),
  ),
  defect('E13', 'a peer for servers only', error('pki/etcd/peer.crt'), (e) =>
    reissue(e, 'etcd/peer', { extensions: usages('serverAuth') }),
  ),
  defect('E13', 'a peer for clients only', error('pki/etcd/peer.crt'), (e) =>
    reissue(e, 'etcd/peer', { extensions: usages('clientAuth') }),
  ),
  defect('E14', 'the API server as a client', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: usages('serverAuth', 'clientAuth') }),
  ),
  defect('E15', 'a client that may serve', warning('pki/apiserver-etcd-client.crt'), (e) =>
    reissue(e, 'apiserver-etcd-client', { extensions: usages('clientAuth', 'serverAuth') }),
  ),
  defect('E16', 'any usage', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: usages('anyExtendedKeyUsage') }),
  ),
  defect('E17', 'an authority for servers only', error('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: usages('serverAuth') }),
  ),
  defect('E18', 'a server that may not sign', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: keyUsage(0x08) }),
  ),
  defect(
    'E19',
    'an EC key for enciphering',
    info('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { extensions: keyUsage(0xa0) }),
    { profile: 'strict' },
  ),
  defect(
    'E20',
    'key usage not critical',
    info('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { extensions: keyUsage(0x80, false) }),
    { profile: 'strict' },
  ),
  defect('E21', 'an unknown critical extension', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: withExtension('1.2.3.4', true, new Uint8Array([5, 0])) }),
  ),
  defect('E22', 'an extension twice', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { extensions: (list) => [...list, ...list.slice(0, 1)] }),
  ),
  defect('E23', 'constraints not critical', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: constraints(dnsOnly('kubernetes'), false) }),
  ),
  defect(
    'E24',
    'a name outside the constraints',
    [error('pki/apiserver.crt', ...PLANES), error('/var/lib/kubelet/pki/kubelet.crt', ...NODES)],
    (e) => reissue(e, 'ca', { extensions: constraints(dnsOnly('example.org')) }),
  ),
  defect('E25', 'constraints on the client authority', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', { extensions: constraints(dnsOnly('kubernetes')) }),
  ),
  defect('E26', 'an excluded name in capitals', warning('pki/ca.crt'), (e) =>
    reissue(e, 'ca', {
      extensions: constraints(sequence(element(0xa1, sequence(asciiString(0x82, 'Example.ORG'))))),
    }),
  ),
  defect('E27', 'a directoryName constraint', error('pki/ca.crt'), (e) =>
    reissue(e, 'ca', {
      extensions: constraints(
        sequence(element(0xa0, sequence(element(0xa4, nameOf(['CN', 'x']))))),
      ),
    }),
  ),
  defect('E28', 'a leaf of version 1', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { version: 1 }),
  ),
  defect('E29', 'a Netscape comment', info('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', {
      extensions: withExtension('2.16.840.1.113730.1.13', false, asciiString(0x16, 'x')),
    }),
  ),
  defect('E30', 'an extension nobody asked for', warning('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', {
      extensions: withExtension('1.2.3.4.5', false, octetString(new Uint8Array(1))),
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
