import { readCertificate } from '../../../src/ca/certificate/read.js'
import { printableString, sequence } from '../../../src/ca/der/write.js'
import { encodePem } from '../../../src/ca/pem.js'
import { type Defect, defect, error, info, sourced, warning } from './defect.js'
import { later, newAuthority, newKey, PKI, reissue } from './mutate.js'

const CA = `${PKI}/ca.crt`
const API = `${PKI}/apiserver.crt`

export const FILE_DEFECTS: readonly Defect[] = [
  defect('P01', 'apiserver.crt is gone', error('pki/apiserver.crt'), (e) => e.remove(API)),
  defect('P01', 'ca.crt is gone on a worker', error('pki/ca.crt', 'worker1'), (e) =>
    e.remove(CA, 'worker1'),
  ),
  defect('P01', 'controller-manager.conf is gone', error('controller-manager.conf'), (e) =>
    e.remove('etc/kubernetes/controller-manager.conf'),
  ),
  defect('P02', 'apiserver.crt is empty', error('pki/apiserver.crt'), (e) => e.write(API, '')),
  defect('P02', 'ca.crt holds no block', error('pki/ca.crt', 'worker1'), (e) =>
    e.write(CA, 'hello\n', 'worker1'),
  ),
  defect('P03', 'text before the block', info('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => `Certificate:\n${text}`),
  ),
  defect('P03', 'text after the block', info('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => `${text}the end\n`),
  ),
  defect('P04', 'headers on the authority', error('pki/ca.crt'), (e) =>
    e.replace(CA, '-----BEGIN CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\nSubject: ca\n\n'),
  ),
  defect('P05', 'a TRUSTED CERTIFICATE', error('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')),
  ),
  defect('P05', 'a public key in a certificate file', error('pki/apiserver.crt'), (e) =>
    e.edit(API, () => e.text(`${PKI}/sa.pub`)),
  ),
  defect('P05', 'bare DER', error('pki/apiserver.crt'), (e) =>
    e.write(API, Uint8Array.from(readCertificate(e.text(API)).der)),
  ),
  defect('P06', 'carriage returns', info('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text.replaceAll('\n', '\r\n')),
  ),
  defect('P06', 'no final newline', info('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text.trimEnd()),
  ),
  defect('P07', 'a cut certificate', error('pki/apiserver.crt'), (e) =>
    e.write(API, encodePem('CERTIFICATE', readCertificate(e.text(API)).der.slice(0, -3))),
  ),
  defect('P08', 'a bad second block', error('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text + encodePem('CERTIFICATE', sequence(printableString('x')))),
  ),
  defect('P08', 'END glued to BEGIN', error('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text + text.trimEnd() + text),
  ),
  defect('P09', 'the key in the certificate file', error('pki/apiserver.crt'), (e) =>
    e.edit(API, (text) => text + e.text(`${PKI}/apiserver.key`)),
  ),
  defect('P10', 'the authority first', error('pki/apiserver.crt'), (e) =>
    e.edit(API, (text) => e.text(CA) + text),
  ),
  defect('P11', 'a chain with a stranger', warning('pki/apiserver.crt'), (e) =>
    e.edit(API, (text) => text + e.text(`${PKI}/etcd/ca.crt`)),
  ),
  defect('P12', 'the root is served', info('pki/apiserver.crt'), (e) =>
    e.edit(API, (text) => text + e.text(CA)),
  ),
  defect('P13', 'a new authority before the active one', error('pki/ca.crt'), async (e) => {
    const { pem } = await newAuthority(e, 'ca')
    e.edit(CA, (text) => pem + text)
  }),
  defect('P14', 'two certificates in the signing file', error('pki/ca.crt'), async (e) => {
    const { pem } = await newAuthority(e, 'ca')
    e.edit(CA, (text) => text + pem)
  }),
  defect('P15', 'the same authority twice', info('pki/ca.crt'), (e) =>
    e.edit(CA, (text) => text + text),
  ),
  defect('P16', 'an expired authority in the bundle', info('pki/ca.crt', 'worker1'), async (e) => {
    const { pem } = await newAuthority(e, 'ca', { notBefore: later(-100), notAfter: later(-10) })
    e.edit(CA, (text) => text + pem, 'worker1')
  }),
  defect('P17', 'eleven authorities', info('pki/ca.crt'), async (e) => {
    const pems = await Promise.all(Array.from({ length: 11 }, () => newAuthority(e, 'ca')))
    e.edit(CA, (text) => text + pems.map(({ pem }) => pem).join(''))
  }),
  defect('P18', 'an encrypted key', error('pki/apiserver.key'), (e) =>
    e.edit(`${PKI}/apiserver.key`, () =>
      encodePem('ENCRYPTED PRIVATE KEY', sequence(printableString('x'))),
    ),
  ),
  defect('P19', 'a key that cannot be read', error('pki/apiserver.key'), (e) =>
    e.edit(`${PKI}/apiserver.key`, () => encodePem('PRIVATE KEY', sequence(printableString('x')))),
  ),
  defect('P20', 'a serial file', info('pki/ca.srl'), (e) => e.write(`${PKI}/ca.srl`, '01\n')),
  defect('P20', 'a back-up of a key', warning('pki/apiserver.key.bak'), (e) =>
    e.write(`${PKI}/apiserver.key.bak`, e.text(`${PKI}/apiserver.key`)),
  ),
  defect('P21', 'a dangling link', warning('pki/old-ca.crt'), (e) =>
    e.link(`${PKI}/old-ca.crt`, 'nowhere.crt'),
  ),
  defect('P21', 'a link out of the tree', warning('pki/old-ca.crt'), (e) =>
    e.link(`${PKI}/old-ca.crt`, '../../../../../x.crt'),
  ),
  defect(
    'P22',
    'kubelet-client-current.pem copied',
    warning('/var/lib/kubelet/pki/kubelet-client-current.pem'),
    (e) =>
      e.write(
        'var/lib/kubelet/pki/kubelet-client-current.pem',
        e.text('var/lib/kubelet/pki/kubelet.crt'),
      ),
  ),
  defect(
    'P23',
    'a forgotten certificate',
    info('pki/old-customer.crt'),
    async (e) => {
      const { pem } = await newAuthority(e, 'ca')
      e.write(`${PKI}/old-customer.crt`, pem)
    },
    { profile: 'strict' },
  ),

  defect('K01', 'another key for the API server', error('pki/apiserver.crt'), async (e) =>
    e.write(`${PKI}/apiserver.key`, (await newKey()).pem()),
  ),
  defect('K01', 'another key for etcd', error('pki/etcd/server.crt'), async (e) =>
    e.write(`${PKI}/etcd/server.key`, (await newKey()).pem()),
  ),
  defect('K01', 'another key for the authority', error('pki/ca.crt'), async (e) =>
    e.write(`${PKI}/ca.key`, (await newKey()).pem()),
  ),
  defect(
    'K01',
    'keys of server and peer swapped',
    [error('pki/etcd/server.crt'), error('pki/etcd/peer.crt')],
    (e) => {
      const server = e.text(`${PKI}/etcd/server.key`)
      e.write(`${PKI}/etcd/server.key`, e.text(`${PKI}/etcd/peer.key`))
      e.write(`${PKI}/etcd/peer.key`, server)
    },
  ),
  defect('K02', 'the key is gone', error('pki/front-proxy-client.crt'), (e) =>
    e.remove(`${PKI}/front-proxy-client.key`),
  ),
  defect('K03', 'the certificate is gone', warning('pki/etcd/healthcheck-client.key'), (e) =>
    e.remove(`${PKI}/etcd/healthcheck-client.crt`),
  ),
  defect(
    'K04',
    'one key for server and kubelet client',
    warning('pki/apiserver.crt'),
    async (e) => {
      const { publicKey } = readCertificate(e.text(API))
      await reissue(e, 'apiserver-kubelet-client', { spki: publicKey.spki })
    },
  ),
  defect('K05', 'a leaf with the authority’s key', error('pki/apiserver.crt'), async (e) => {
    await reissue(e, 'apiserver', { spki: readCertificate(e.text(CA)).publicKey.spki })
  }),
  sourced(
    'P24',
    'a node that cluster.yaml no longer has',
    'kpki gen keeps what it has once made, unless --prune is given',
    { severity: 'warning', path: '', nodes: ['worker2'] },
    (e) => {
      const { cluster } = e
      if (cluster)
        e.cluster = { ...cluster, nodes: cluster.nodes.filter(({ name }) => name !== 'worker2') }
    },
  ),
  sourced(
    'P26',
    'a certificate of megabytes',
    'files over 4 MiB, devices and sockets are recorded by readTree and never read',
    { severity: 'warning', path: `${PKI}/front-proxy-client.crt`, nodes: ['controlplane'] },
    (e) => {
      const path = `${PKI}/front-proxy-client.crt`
      e.tree().set(path, { kind: 'other', path, reason: 'larger than 4194304 bytes' })
    },
  ),
  sourced(
    'P25',
    'a cluster.yaml that is no YAML',
    'kpki gen refuses it with every mistake in it (ERR_YAML_INVALID, ERR_SPEC_INVALID)',
    { severity: 'warning', path: 'out/cluster.yaml', nodes: [''] },
    (e) => {
      e.cluster = undefined
      e.unreadCluster = { path: 'out/cluster.yaml', reason: 'line 1: unexpected end' }
    },
  ),
  sourced(
    'P24',
    'a kubeconfig of nobody in cluster.yaml',
    'kpki gen keeps what it has once made, unless --prune is given',
    { severity: 'warning', path: 'bob.conf', nodes: ['operator'] },
    (e) => e.write('bob.conf', e.text('jane.conf', 'operator'), 'operator'),
  ),
]
