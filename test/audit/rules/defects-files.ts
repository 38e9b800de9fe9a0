import { readCertificate } from '../../../src/ca/certificate/read.js'
import { printableString, sequence } from '../../../src/ca/der/write.js'
import { encodePem } from '../../../src/ca/pem.js'
import { type Defect, defect } from './defect.js'
import { later, newAuthority, newKey, PKI, reissue } from './mutate.js'

const CA = `${PKI}/ca.crt`
const API = `${PKI}/apiserver.crt`

export const FILE_DEFECTS: readonly Defect[] = [
  defect('P01', 'apiserver.crt is gone', (e) => e.remove(API)),
  defect('P01', 'ca.crt is gone on a worker', (e) => e.remove(CA, 'worker1')),
  defect('P01', 'controller-manager.conf is gone', (e) =>
    e.remove('etc/kubernetes/controller-manager.conf'),
  ),
  defect('P02', 'apiserver.crt is empty', (e) => e.write(API, '')),
  defect('P02', 'ca.crt holds no block', (e) => e.write(CA, 'hello\n', 'worker1')),
  defect('P03', 'text before the block', (e) => e.edit(CA, (text) => `Certificate:\n${text}`)),
  defect('P03', 'text after the block', (e) => e.edit(CA, (text) => `${text}the end\n`)),
  defect('P04', 'headers on the authority', (e) =>
    e.replace(CA, '-----BEGIN CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\nSubject: ca\n\n'),
  ),
  defect('P05', 'a TRUSTED CERTIFICATE', (e) =>
    e.edit(CA, (text) => text.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')),
  ),
  defect('P05', 'a public key in a certificate file', (e) =>
    e.edit(API, () => e.text(`${PKI}/sa.pub`)),
  ),
  defect('P05', 'bare DER', (e) => e.write(API, Uint8Array.from(readCertificate(e.text(API)).der))),
  defect('P06', 'carriage returns', (e) => e.edit(CA, (text) => text.replaceAll('\n', '\r\n'))),
  defect('P06', 'no final newline', (e) => e.edit(CA, (text) => text.trimEnd())),
  defect('P07', 'a cut certificate', (e) =>
    e.write(API, encodePem('CERTIFICATE', readCertificate(e.text(API)).der.slice(0, -3))),
  ),
  defect('P08', 'a bad second block', (e) =>
    e.edit(CA, (text) => text + encodePem('CERTIFICATE', sequence(printableString('x')))),
  ),
  defect('P08', 'END glued to BEGIN', (e) => e.edit(CA, (text) => text + text.trimEnd() + text)),
  defect('P09', 'the key in the certificate file', (e) =>
    e.edit(API, (text) => text + e.text(`${PKI}/apiserver.key`)),
  ),
  defect('P10', 'the authority first', (e) => e.edit(API, (text) => e.text(CA) + text)),
  defect('P11', 'a chain with a stranger', (e) =>
    e.edit(API, (text) => text + e.text(`${PKI}/etcd/ca.crt`)),
  ),
  defect('P12', 'the root is served', (e) => e.edit(API, (text) => text + e.text(CA))),
  defect('P13', 'a new authority before the active one', async (e) => {
    const { pem } = await newAuthority(e, 'ca')
    e.edit(CA, (text) => pem + text)
  }),
  defect('P14', 'two certificates in the signing file', async (e) => {
    const { pem } = await newAuthority(e, 'ca')
    e.edit(CA, (text) => text + pem)
  }),
  defect('P15', 'the same authority twice', (e) => e.edit(CA, (text) => text + text)),
  defect('P16', 'an expired authority in the bundle', async (e) => {
    const { pem } = await newAuthority(e, 'ca', { notBefore: later(-100), notAfter: later(-10) })
    e.edit(CA, (text) => text + pem, 'worker1')
  }),
  defect('P17', 'eleven authorities', async (e) => {
    const pems = await Promise.all(Array.from({ length: 11 }, () => newAuthority(e, 'ca')))
    e.edit(CA, (text) => text + pems.map(({ pem }) => pem).join(''))
  }),
  defect('P18', 'an encrypted key', (e) =>
    e.edit(`${PKI}/apiserver.key`, () =>
      encodePem('ENCRYPTED PRIVATE KEY', sequence(printableString('x'))),
    ),
  ),
  defect('P19', 'a key that cannot be read', (e) =>
    e.edit(`${PKI}/apiserver.key`, () => encodePem('PRIVATE KEY', sequence(printableString('x')))),
  ),
  defect('P20', 'a serial file', (e) => e.write(`${PKI}/ca.srl`, '01\n')),
  defect('P20', 'a back-up of a key', (e) =>
    e.write(`${PKI}/apiserver.key.bak`, e.text(`${PKI}/apiserver.key`)),
  ),
  defect('P21', 'a dangling link', (e) => e.link(`${PKI}/old-ca.crt`, 'nowhere.crt')),
  defect('P21', 'a link out of the tree', (e) =>
    e.link(`${PKI}/old-ca.crt`, '../../../../../x.crt'),
  ),
  defect('P22', 'kubelet-client-current.pem copied', (e) =>
    e.write(
      'var/lib/kubelet/pki/kubelet-client-current.pem',
      e.text('var/lib/kubelet/pki/kubelet.crt'),
    ),
  ),
  defect(
    'P23',
    'a forgotten certificate',
    async (e) => {
      const { pem } = await newAuthority(e, 'ca')
      e.write(`${PKI}/old-customer.crt`, pem)
    },
    { profile: 'strict' },
  ),

  defect('K01', 'another key for the API server', async (e) =>
    e.write(`${PKI}/apiserver.key`, (await newKey()).pem()),
  ),
  defect('K01', 'another key for etcd', async (e) =>
    e.write(`${PKI}/etcd/server.key`, (await newKey()).pem()),
  ),
  defect('K01', 'another key for the authority', async (e) =>
    e.write(`${PKI}/ca.key`, (await newKey()).pem()),
  ),
  defect('K01', 'keys of server and peer swapped', (e) => {
    const server = e.text(`${PKI}/etcd/server.key`)
    e.write(`${PKI}/etcd/server.key`, e.text(`${PKI}/etcd/peer.key`))
    e.write(`${PKI}/etcd/peer.key`, server)
  }),
  defect('K02', 'the key is gone', (e) => e.remove(`${PKI}/front-proxy-client.key`)),
  defect('K03', 'the certificate is gone', (e) => e.remove(`${PKI}/etcd/healthcheck-client.crt`)),
  defect('K04', 'one key for server and kubelet client', async (e) => {
    const { publicKey } = readCertificate(e.text(API))
    await reissue(e, 'apiserver-kubelet-client', { spki: publicKey.spki })
  }),
  defect('K05', 'a leaf with the authority’s key', async (e) => {
    await reissue(e, 'apiserver', { spki: readCertificate(e.text(CA)).publicKey.spki })
  }),
]
