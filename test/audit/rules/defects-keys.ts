import { readFile } from 'node:fs/promises'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import { bitString, integer, oid, sequence } from '../../../src/ca/der/write.js'
import { readPrivateKey } from '../../../src/ca/keys/private-key.js'
import { type Defect, defect, error, type Grade, info, warning } from './defect.js'
import { forge, later, PKI, reissue, rsaSpki } from './mutate.js'

/** Primes of 1024 and 512 bits that were made for these tests. */
const A =
  0xe084427a059cc2b3dffc1338b54a8a9f054f9d2da9cd81f0500755fc42a44c5b8ed22144b73e55541434a3348621165a6553522982501bffe67cb6124bcbc419b8d7833b7b68cac0c228f19869f24e14e49be6362801851c3f5d7b56b9a6cac1fb47812336f09c7774cc4f17163cba9646fe453dcc2db5f6ab25bb30c7c049c3n
const B =
  0xd2dfbfa2d20754ddda887c1b4b3edfca437ed1732062a02e9c7274b501584b8b148cb58cf627dcf3023827a49bd371c4fb4060033ae0ba0d23e5357b0853d41bf0cc13e137cac526ef80fa7f291d30878554e51c59431d1784b5abbaf34861a56a1229b0ebab89179f0ecfd7635e9d3a6c2e73b2b68ed43ea0889cd3853f3641n
const C =
  0xda78b7d2eb6614853eeb12c8867464845fe63d23c86b1c8b70a9489bd6536f80b005d43252a4ac21dbae499edacfcf433ff8425dad859741f63999727ce11a212204202fbc50500173e4c7f3982e26d63f530c47ec3e2717f00cba76c54bbbe75c7c6a5da3000273aee48c77fe4041463d5fdadcdcbd66e20ebaafcf506a9fd1n
const NEAR =
  0xe084427a059cc2b3dffc1338b54a8a9f054f9d2da9cd81f0500755fc42a44c5b8ed22144b73e55541434a3348621165a6553522982501bffe67cb6124bcbc419b8d7833b7b68cac0c228f19869f24e14e49be6362801851c3f5d7b56b9a6cac1fb47812336f09c7774cc4f17163cba9646fe453dcc2db5f6ab25bb30c7c04a31n
const SMALL_A =
  0xd676e3bcc4ab0c3868afa9d36f289b22a5372fe2f4d1dd36affaa78f24c36f136a2420d9d775beb5d17416a4856a9f430c11b302fa56b6e7b0f1c75d5d37fde3n
const SMALL_B =
  0xedf427bf6e9f386b8002bd64c17c6576f7e315d9586ff3b8ffb823e0c5cdc59647fd5505291d97c1aecbe98c7822ea11239c86e24620e823cc34365878959789n
const EC = '1.2.840.10045.2.1'

const explicitCurve = sequence(
  sequence(oid(EC), sequence(integer(1))),
  bitString(new Uint8Array([4, ...new Uint8Array(64)])),
)
const otherCurve = sequence(
  sequence(oid(EC), oid('1.3.132.0.10')),
  bitString(new Uint8Array([4, ...new Uint8Array(64)])),
)
const mlDsa = sequence(sequence(oid('2.16.840.1.101.3.4.3.18')), bitString(new Uint8Array(64)))

const forged = (rule: string, grade: Grade, name: string, spki: Uint8Array): Defect =>
  defect(rule, name, grade('pki/apiserver.crt'), (e) => reissue(e, 'apiserver', { spki }))

const rfc9500 = Uint8Array.from(
  atob(
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjVuKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==',
  ),
  (char) => char.charCodeAt(0),
)

export const KEY_DEFECTS: readonly Defect[] = [
  forged('K06', warning, 'RSA of 1024 bits', rsaSpki(SMALL_A * SMALL_B)),
  forged('K07', error, 'RSA of 9000 bits', rsaSpki((1n << 8999n) + 1n)),
  forged('K08', warning, 'the exponent 3', rsaSpki(A * B, 3n)),
  forged('K08', error, 'an even exponent', rsaSpki(A * B, 65538n)),
  forged('K09', error, 'close primes', rsaSpki(A * NEAR)),
  forged('K09', error, 'a small factor', rsaSpki(A * B * 7n)),
  defect(
    'K10',
    'two keys with one prime',
    [error('pki/apiserver.crt'), error('pki/etcd/server.crt')],
    async (e) => {
      await reissue(e, 'apiserver', { spki: rsaSpki(A * B) })
      await reissue(e, 'etcd/server', { spki: rsaSpki(A * C) })
    },
    {
      twin: async (e) => {
        await reissue(e, 'apiserver', { spki: rsaSpki(A * B) })
        await reissue(e, 'etcd/server', { spki: rsaSpki(C * NEAR) })
      },
    },
  ),
  forged('K11', error, 'secp256k1', otherCurve),
  forged('K12', error, 'explicit parameters', explicitCurve),
  defect(
    'K13',
    'an authority beyond 2035',
    [
      info('pki/ca.crt'),
      info('pki/front-proxy-ca.crt'),
      info('pki/etcd/ca.crt'),
      info('admin.conf'),
    ],
    (e) => reissue(e, 'ca', { notAfter: later(5000) }),
    {
      profile: 'strict',
      twin: async (e) => {
        e.authorities = new Map()
        e.operator = new Map()
        for (const ca of ['ca', 'etcd/ca', 'front-proxy-ca'])
          await reissue(e, ca, { notAfter: later(2000) })
        e.nodes.delete('worker1')
        e.nodes.delete('worker2')
        e.nodes.delete('controlplane2')
        for (const path of ['admin', 'super-admin', 'controller-manager', 'scheduler', 'kubelet'])
          e.edit(`etc/kubernetes/${path}.conf`, (text) =>
            text.replace(
              /certificate-authority-data: .*/,
              `certificate-authority-data: ${btoa(e.text(`${PKI}/ca.crt`))}`,
            ),
          )
      },
    },
  ),
  forged('K14', error, 'ML-DSA before Go 1.27', mlDsa),
  defect(
    'K15',
    'a P-256 leaf below an RSA-2048 authority',
    info('pki/apiserver.crt'),
    async (e) => {
      const key = readPrivateKey(await readFile('fixtures/keys/test-only-rsa2048-1.pem', 'utf8'))
      const facts = readCertificate(e.text(`${PKI}/ca.crt`))
      const pem = await forge(facts, key, { spki: key.spki })
      e.write(`${PKI}/ca.crt`, pem)
      const leaf = readCertificate(e.text(`${PKI}/apiserver.crt`))
      e.write(`${PKI}/apiserver.crt`, await forge(leaf, key, {}))
    },
    { profile: 'strict' },
  ),
  defect('K16', 'the test key of RFC 9500', error('pki/apiserver.crt'), (e) =>
    reissue(e, 'apiserver', { spki: rfc9500 }),
  ),
]
