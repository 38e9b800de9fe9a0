import { readCertificate } from '../../../src/ca/certificate/read.js'
import { type Defect, defect, error, type Grade, info, PLANES, sourced, warning } from './defect.js'
import { newAuthority, newKey, PKI } from './mutate.js'

const ENCRYPTION = 'etc/kubernetes/encryption.yaml'
const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='

function encryption(providers: string): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
${providers}`
}
const provider = (name: string, ...keys: readonly (readonly [string, string])[]) =>
  `      - ${name}:\n          keys:\n${keys.map(([key, secret]) => `            - { name: ${key}, secret: ${secret} }\n`).join('')}`
const GOOD = encryption(`${provider('secretbox', ['key1', SECRET])}      - identity: {}\n`)

const encrypted = (rule: string, grade: Grade, name: string, text: string): Defect =>
  defect(rule, name, grade('encryption.yaml'), (e) => e.write(ENCRYPTION, text), {
    twin: (e) => e.write(ENCRYPTION, GOOD),
  })

function kubeadm(lines: string): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4\n${lines}`
}
const KUBEADM = 'extra/kubeadm.yaml'
const init = (token: string, ttl = '24h0m0s') =>
  kubeadm(`kind: InitConfiguration\nbootstrapTokens:\n  - { token: ${token}, ttl: ${ttl} }\n`)
const join = (lines: string) =>
  kubeadm(
    `kind: JoinConfiguration\ndiscovery:\n  bootstrapToken:\n    token: k3m9qx.7f2c8a1b5d4e6908\n${lines}`,
  )
const tokened = (rule: string, grade: Grade, name: string, text: string): Defect =>
  defect(rule, name, grade(`/${KUBEADM}`), (e) => e.write(KUBEADM, text), {
    twin: (e) => e.write(KUBEADM, init('k3m9qx.7f2c8a1b5d4e6908')),
  })

type E = Parameters<Defect['mutate']>[0]
async function pinOf(e: E): Promise<string> {
  const { publicKey } = readCertificate(e.text(`${PKI}/ca.crt`))
  const digest = await crypto.subtle.digest('SHA-256', Uint8Array.from(publicKey.spki))
  return `sha256:${[...new Uint8Array(digest)].map((octet) => octet.toString(16).padStart(2, '0')).join('')}`
}
const joined = async (e: E) => e.write(KUBEADM, join(`    caCertHashes: ["${await pinOf(e)}"]\n`))

/** Service-account keys, encryption configurations and tokens. */
export const SECRET_DEFECTS: readonly Defect[] = [
  defect('A01', 'another sa.pub', error('pki/sa.key'), async (e) => {
    const { encodePem } = await import('../../../src/ca/pem.js')
    e.write(`${PKI}/sa.pub`, encodePem('PUBLIC KEY', (await newKey()).spki))
  }),
  defect('A02', 'an Ed25519 service-account key', error('pki/sa.key'), async (e) => {
    const { generateKeyPairSync } = await import('node:crypto')
    const { privateKey } = generateKeyPairSync('ed25519')
    e.write(`${PKI}/sa.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  }),
  defect('A03', 'a short service-account key', warning('pki/sa.key'), async (e) => {
    const { generateKeyPairSync } = await import('node:crypto')
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    e.write(`${PKI}/sa.key`, privateKey.export({ type: 'pkcs1', format: 'pem' }).toString())
  }),
  defect('A04', 'the API server’s key signs tokens', warning('pki/sa.key'), (e) =>
    e.write(`${PKI}/sa.key`, e.text(`${PKI}/apiserver.key`)),
  ),
  defect('A05', 'an old public key', info('pki/sa.pub'), async (e) => {
    const { encodePem } = await import('../../../src/ca/pem.js')
    const old = encodePem('PUBLIC KEY', (await newKey()).spki)
    e.edit(`${PKI}/sa.pub`, (text) => text + old)
  }),
  defect(
    'A06',
    'a new pair without the old key',
    error('pki/sa.pub', ...PLANES),
    async (e) => {
      const { encodePem } = await import('../../../src/ca/pem.js')
      const key = await newKey()
      for (const node of ['controlplane', 'controlplane2']) {
        e.write(`${PKI}/sa.key`, key.pem(), node)
        e.write(`${PKI}/sa.pub`, encodePem('PUBLIC KEY', key.spki), node)
      }
    },
    { earlier: true },
  ),
  defect('A07', 'a certificate as sa.pub', info('pki/sa.pub'), (e) =>
    e.write(`${PKI}/sa.pub`, e.text(`${PKI}/apiserver.crt`)),
  ),
  encrypted('A08', error, 'another apiVersion', GOOD.replace('apiserver.config.k8s.io/v1', 'v1')),
  encrypted(
    'A09',
    warning,
    'identity first',
    encryption(`      - identity: {}\n${provider('secretbox', ['key1', SECRET])}`),
  ),
  encrypted(
    'A10',
    error,
    'a key of 5 bytes',
    encryption(provider('secretbox', ['key1', 'MDEyMzQ='])),
  ),
  encrypted(
    'A11',
    warning,
    'aesgcm',
    encryption(`${provider('aesgcm', ['key1', SECRET])}      - identity: {}\n`),
  ),
  encrypted('A12', info, 'no identity', encryption(provider('secretbox', ['key1', SECRET]))),
  encrypted(
    'A13',
    warning,
    'two keys of one name',
    encryption(
      `${provider('secretbox', ['key1', SECRET], ['key1', SECRET])}      - identity: {}\n`,
    ),
  ),
  tokened('A14', error, 'a token in capitals', init('ABCDEF.0123456789ABCDEF')),
  tokened('A15', warning, 'a token without end', init('k3m9qx.7f2c8a1b5d4e6908', '0s')),
  tokened('A15', warning, 'a token for a year', init('k3m9qx.7f2c8a1b5d4e6908', '8760h')),
  tokened('A16', warning, 'the documentation’s token', init('abcdef.0123456789abcdef')),
  defect(
    'A17',
    'the pin of another authority',
    error('/extra/kubeadm.yaml'),
    (e) => e.write(KUBEADM, join(`    caCertHashes: ["sha256:${'0'.repeat(64)}"]\n`)),
    { twin: joined },
  ),
  defect(
    'A18',
    'no pin',
    error('/extra/kubeadm.yaml'),
    (e) => e.write(KUBEADM, join('    unsafeSkipCAVerification: true\n')),
    {
      twin: joined,
    },
  ),
  defect(
    'A19',
    'a second authority without pin',
    warning('/extra/kubeadm.yaml'),
    async (e) => {
      await joined(e)
      e.everywhere((node) => {
        for (const path of [...e.tree(node).keys()])
          if (path.endsWith('kubeadm.yaml') && path !== KUBEADM) e.remove(path, node)
      })
      const { pem } = await newAuthority(e, 'ca')
      e.edit(`${PKI}/ca.crt`, (text) => text + pem)
    },
    { twin: joined },
  ),
  sourced(
    'A20',
    'a join by a name of no API server',
    'kubeadm app/discovery/token: the API server’s certificate is verified by the endpoint’s name',
    error('kubeadm.yaml', 'worker1'),
    (e) =>
      e.replace(
        'etc/kubernetes/kubeadm.yaml',
        /apiServerEndpoint: .*/,
        'apiServerEndpoint: nowhere.example.com:6443',
        'worker1',
      ),
    {
      twin: (e) =>
        e.replace(
          'etc/kubernetes/kubeadm.yaml',
          /apiServerEndpoint: .*/,
          'apiServerEndpoint: 172.31.10.15:6443',
          'worker1',
        ),
    },
  ),
]
