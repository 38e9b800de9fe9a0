import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import { X509Certificate as PeculiarCertificate } from '@peculiar/x509'
import { fromBER } from 'asn1js'
import { Certificate } from 'pkijs'
import { readCertificate } from '../src/ca/certificate/read.js'
import { runtimeEngine } from '../src/ca/engine.js'
import { createVerifier } from '../src/ca/keys/signature.js'
import { fileAt } from '../src/files/tree.js'
import { generate } from '../src/generate/generate.js'
import { compareTimes } from './table.js'

const { nodes, authorities } = await generate({
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'bench' },
  spec: {
    kubernetesVersion: 'v1.28.7',
    nodes: [{ name: 'controlplane', role: 'control-plane', address: '172.31.10.5' }],
    pki: { keyAlgorithm: 'ECDSA-P256' },
  },
})
const tree = nodes.get('controlplane') ?? new Map()
const pem = fileAt(tree, 'etc/kubernetes/pki/apiserver.crt')?.data ?? new Uint8Array()
const ca = fileAt(authorities, 'ca.crt')?.data ?? new Uint8Array()
const der = Uint8Array.from(readCertificate(pem).der)

await compareTimes(
  'parsing one certificate from DER',
  [
    { name: 'node:crypto (OpenSSL), lazily', run: () => new X509Certificate(der) },
    { name: 'kpki, every field', run: () => readCertificate(der) },
    { name: 'pkijs', run: () => new Certificate({ schema: fromBER(der.buffer).result }) },
    { name: '@peculiar/x509, lazily', run: () => new PeculiarCertificate(der) },
  ],
  { operations: 500 },
)

const issuer = new X509Certificate(ca).publicKey
const issuerFacts = readCertificate(ca)
const facts = readCertificate(der)
const verifier = createVerifier(runtimeEngine())
await compareTimes(
  'verifying one P-256 signature',
  [
    { name: 'node:crypto', run: () => new X509Certificate(der).verify(issuer) },
    { name: 'kpki', run: () => verifier.verify(facts, issuerFacts.publicKey.spki) },
  ],
  { operations: 200 },
)
