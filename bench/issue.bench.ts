import 'reflect-metadata'
import * as nodeCrypto from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { Integer, Utf8String } from 'asn1js'
import * as pkijs from 'pkijs'
import { subject } from '../src/ca/certificate/names.js'
import { readCertificate } from '../src/ca/certificate/read.js'
import { runtimeEngine } from '../src/ca/engine.js'
import { issueCertificate, randomSerial } from '../src/ca/issue.js'
import { generateKey, keyIdentifierOf } from '../src/ca/keys/keys.js'
import { localSigner } from '../src/ca/signer.js'
import { compareTimes } from './table.js'

const engine = runtimeEngine()
const webcrypto = globalThis.crypto
const notBefore = new Date('2026-01-01T00:00:00Z')
const notAfter = new Date('2036-01-01T00:00:00Z')
const names = { dns: ['kubernetes', 'kubernetes.default'], ip: ['10.96.0.1'] }
const ec = { name: 'ECDSA', namedCurve: 'P-256' }

const authorityKey = await generateKey(engine, 'ECDSA-P256')
const signer = await localSigner(engine, authorityKey)
const authority = readCertificate(
  await issueCertificate(
    {
      subject: subject({ CN: 'kubernetes' }),
      publicKey: authorityKey.spki,
      profile: 'authority',
      notBefore,
      notAfter,
      serial: randomSerial(engine),
      subjectKeyIdentifier: await keyIdentifierOf(engine, authorityKey.spki, 'sha1'),
    },
    { signer },
  ),
)

async function kpki(): Promise<void> {
  const key = await generateKey(engine, 'ECDSA-P256')
  await issueCertificate(
    {
      subject: subject({ CN: 'kube-apiserver' }),
      publicKey: key.spki,
      profile: 'server',
      altNames: names,
      notBefore,
      notAfter,
      serial: randomSerial(engine),
      subjectKeyIdentifier: await keyIdentifierOf(engine, key.spki, 'sha1'),
    },
    { signer, certificate: authority },
  )
  key.pem()
}

const rawSigner = nodeCrypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
const tbs = nodeCrypto.randomBytes(400)
function floor(): void {
  nodeCrypto
    .generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'sec1', format: 'pem' })
  nodeCrypto.sign('sha256', tbs, rawSigner.privateKey)
}

x509.cryptoProvider.set(webcrypto)
const peculiarKeys = await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify'])
async function peculiar(): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify'])
  await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: 'CN=kube-apiserver',
    issuer: 'CN=kubernetes',
    notBefore,
    notAfter,
    signingAlgorithm: { ...ec, hash: 'SHA-256' },
    publicKey: keys.publicKey,
    signingKey: peculiarKeys.privateKey,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(peculiarKeys.publicKey),
      new x509.SubjectAlternativeNameExtension([
        ...names.dns.map((value) => ({ type: 'dns' as const, value })),
        ...names.ip.map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  })
  await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
}

async function pki(): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(ec, true, ['sign', 'verify'])
  const certificate = new pkijs.Certificate({ version: 2, serialNumber: new Integer({ value: 1 }) })
  const cn = (value: string) =>
    new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value: new Utf8String({ value }) })
  certificate.subject.typesAndValues.push(cn('kube-apiserver'))
  certificate.issuer.typesAndValues.push(cn('kubernetes'))
  certificate.notBefore.value = notBefore
  certificate.notAfter.value = notAfter
  certificate.extensions = [
    new pkijs.Extension({
      extnID: '2.5.29.19',
      critical: true,
      extnValue: new pkijs.BasicConstraints({ cA: false }).toSchema().toBER(false),
    }),
    new pkijs.Extension({
      extnID: '2.5.29.17',
      extnValue: new pkijs.GeneralNames({
        names: names.dns.map((value) => new pkijs.GeneralName({ type: 2, value })),
      })
        .toSchema()
        .toBER(false),
    }),
  ]
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey)
  await certificate.sign(peculiarKeys.privateKey, 'SHA-256')
  certificate.toSchema().toBER(false)
  await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
}

await compareTimes(
  'one ECDSA P-256 key and certificate',
  [
    { name: 'raw crypto (node:crypto key + signature)', run: floor },
    { name: 'kpki', run: kpki },
    { name: 'pkijs', run: pki },
    { name: '@peculiar/x509', run: peculiar },
  ],
  { operations: 100 },
)
