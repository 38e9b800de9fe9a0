import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateKey, publicKeyPem } from '../../src/ca/keys/keys.js'
import { readPrivateKey } from '../../src/ca/keys/private-key.js'
import { encodePem, parsePem } from '../../src/ca/pem.js'
import { runInspect } from '../../src/cli/verbs/inspect.js'
import { generate } from '../../src/generate/generate.js'
import { inspectFile } from '../../src/inspect/inspect.js'
import { inspectedLines } from '../../src/inspect/text.js'
import { testKeyPem } from '../ca/support.js'
import { certificateIn, envAt, later, small, textIn } from '../certs/clusters.js'
import { has, skipUnless } from '../interop/workbench.js'

const PKI = 'nodes/cp1/etc/kubernetes/pki'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const made = await generate(small({ topology: 'hierarchy' }), { env: envAt() })

async function textOf(content: string | Uint8Array, now = later(1)): Promise<string> {
  const data = typeof content === 'string' ? bytes(content) : content
  return inspectedLines(await inspectFile('file', data), now)
}

const objectsOf = async (content: string | Uint8Array) =>
  (await inspectFile('file', typeof content === 'string' ? bytes(content) : content)).objects

/** Every long run of the base64 and hexadecimal of a private key. */
function secretsOf(pem: string): readonly string[] {
  const der = Buffer.from(readPrivateKey(pem).pkcs8())
  // Its end is the private key of an EC key, or numbers of an RSA key; its beginning is the same for all.
  const texts = [der.toString('base64'), der.toString('hex'), pem.split('\n').slice(2, -2).join('')]
  return texts.flatMap((text) => [text.slice(60, 84), text.slice(-60, -36)])
}

describe('certificates', () => {
  it('say everything in text', async () => {
    const pem = textIn(made, `${PKI}/apiserver.crt`)
    const facts = certificateIn(made, `${PKI}/apiserver.crt`)
    const lines = await textOf(pem)
    expect(lines).toContain('certificate CN=kube-apiserver\n')
    expect(lines).toContain('issuer     CN=kubernetes\n')
    expect(lines).toContain('2026-03-01T11:55:00.000Z to 2027-03-01T12:00:00.000Z (364 days left)')
    expect(lines).toMatch(/key {8}EC P-256, signed with ecdsa-with-SHA256/)
    expect(lines).toMatch(/usages {5}digitalSignature, serverAuth/)
    expect(lines).toContain('DNS:kubernetes.default.svc')
    expect(lines).toContain('IP:10.128.0.1')
    expect(lines).toContain(facts.serial.toString(16))
    expect(await textOf(pem, later(400))).toContain('(EXPIRED 35 days ago)')
    expect(await textOf(pem, later(-1))).toContain('(NOT YET VALID)')
  })

  it('are the same as DER', async () => {
    const pem = textIn(made, `${PKI}/ca.crt`)
    const [block] = parsePem(pem)
    expect(await objectsOf(block?.der ?? '')).toEqual(await objectsOf(pem))
  })

  it('of authorities have the pin that kubeadm join takes', async () => {
    const lines = await textOf(textIn(made, `${PKI}/ca.crt`))
    expect(lines).toContain('authority CN=kubernetes, path length 0')
    const pin = /pin {8}(sha256:[0-9a-f]{64})/.exec(lines)?.[1] ?? 'no pin'
    expect(textIn(made, 'nodes/worker1/etc/kubernetes/kubeadm.yaml')).toContain(pin)
    expect(await textOf(textIn(made, 'authorities/root-ca.crt'))).toContain('issuer     itself')
  })

  it('in a chain each have their turn, text around them does not matter', async () => {
    const chain = `leaf:\n${textIn(made, `${PKI}/apiserver.crt`)}and more\n${textIn(made, `${PKI}/root-bundle.crt`)}`
    const subjects = (await objectsOf(chain)).map(
      (one) => one.kind === 'certificate' && one.subject,
    )
    expect(subjects).toEqual(['CN=kube-apiserver', 'CN=kubernetes', 'CN=lab-root-ca'])
  })
})

describe('private keys are never shown', () => {
  const kinds: readonly (readonly [string, () => Promise<string>])[] = [
    ['PKCS#1', async () => testKeyPem('rsa2048-1')],
    ['SEC1', async () => testKeyPem('p256-1')],
    ['SEC1 P-384', async () => testKeyPem('p384-1')],
    [
      'PKCS#8 RSA',
      async () => encodePem('PRIVATE KEY', readPrivateKey(testKeyPem('rsa2048-2')).pkcs8()),
    ],
    [
      'PKCS#8 EC',
      async () => encodePem('PRIVATE KEY', readPrivateKey(testKeyPem('p256-2')).pkcs8()),
    ],
    ['a fresh one', async () => (await generateKey(envAt().engine, 'ECDSA-P256')).pem()],
  ]
  it.each(kinds)('%s', async (_, keyOf) => {
    const pem = await keyOf()
    const inspected = await inspectFile('a.key', bytes(pem))
    const output = inspectedLines(inspected, later(0)) + JSON.stringify(inspected)
    expect(inspected.objects[0]).toMatchObject({ kind: 'private key' })
    for (const secret of secretsOf(pem)) expect(output).not.toContain(secret)
    expect(output).toContain('(not shown)')
  })

  it('encrypted ones say so', async () => {
    const encrypted = encodePem('ENCRYPTED PRIVATE KEY', bytes('whatever'))
    expect(await textOf(encrypted)).toContain('private key is encrypted')
    const old = testKeyPem('rsa2048-1').replace(
      'KEY-----\n',
      'KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n',
    )
    expect(await textOf(old)).toContain('private key is encrypted')
  })

  it('broken ones do not show what is left of them', async () => {
    const pem = testKeyPem('p256-1')
    const [block] = parsePem(pem)
    const cut = encodePem('EC PRIVATE KEY', block?.der.subarray(0, -9) ?? bytes(''))
    const output = (await textOf(cut)) + JSON.stringify(await objectsOf(cut))
    expect(output).toContain('EC PRIVATE KEY: ')
    for (const secret of secretsOf(pem)) expect(output).not.toContain(secret)
  })

  it('public keys have the pin of their private key', async () => {
    const { spki } = readPrivateKey(testKeyPem('p256-1'))
    const [ours] = await objectsOf(publicKeyPem(spki))
    const [theirs] = await objectsOf(testKeyPem('p256-1'))
    expect(ours).toMatchObject({ kind: 'public key', key: 'EC P-256' })
    expect(theirs).toEqual({ ...ours, kind: 'private key' })
  })
})

describe('kubeconfigs', () => {
  it('name cluster, user and certificates, and no secret', async () => {
    const path = 'nodes/cp1/etc/kubernetes/admin.conf'
    const text = textIn(made, path)
    const inspected = await inspectFile(path, bytes(text))
    const output = inspectedLines(inspected, later(0)) + JSON.stringify(inspected)
    expect(output).toContain('kubeconfig, current context kubernetes-admin@lab')
    expect(output).toContain('cluster lab at https://172.31.10.11:6443')
    expect(output).toContain('user kubernetes-admin with client-certificate-data, client-key-data')
    expect(output).toContain('certificate CN=kubernetes-admin,O=system:masters')
    const key = /client-key-data: (\S+)/.exec(text)?.[1] ?? ''
    const pem = Buffer.from(key, 'base64').toString()
    for (const secret of [key.slice(80, 110), ...secretsOf(pem)])
      expect(output).not.toContain(secret)
  })

  it('with tokens and passwords show their fields’ names only', async () => {
    const user = { token: 's3cr3t-token', password: 's3cr3t-password', username: 'jane' }
    const config = { kind: 'Config', users: [{ name: 'jane', user }] }
    const output =
      (await textOf(JSON.stringify(config))) +
      JSON.stringify(await objectsOf(JSON.stringify(config)))
    expect(output).toContain('user jane with password, token, username')
    expect(output).not.toContain('s3cr3t')
  })

  it('say which embedded certificates cannot be read', async () => {
    const broken = Buffer.from(encodePem('CERTIFICATE', bytes('broken'))).toString('base64')
    const users = [{ name: 'jane', user: { 'client-certificate-data': broken } }]
    const clusters = [{ name: 'lab', cluster: { 'certificate-authority-data': 'AAAA' } }]
    const output = await textOf(JSON.stringify({ kind: 'Config', clusters, users }))
    expect(output).toMatch(/ CERTIFICATE: \S/)
    expect(output).toMatch(/ certificate-authority-data: it holds no PEM/)
  })
})

describe('anything else', () => {
  it.each([
    ['nothing', ''],
    ['words', 'hello'],
    ['another YAML', 'kind: Pod\n'],
    ['half a PEM', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
    ['broken YAML', 'a: [\n'],
    ['noise', Uint8Array.from({ length: 300 }, (_, index) => (index * 89) % 256)],
  ])('%s is nothing', async (_, content) => {
    expect(await objectsOf(content)).toEqual([])
    expect(await textOf(content)).toBe('file\n  nothing that is decoded here\n')
  })

  it.each([
    ['DER that is no certificate', Uint8Array.of(0x30, 3, 2, 1, 1)],
    ['DER cut off', Uint8Array.of(0x30, 0x82, 0xff, 0xff, 0x30)],
    ['a PEM of noise', encodePem('CERTIFICATE', bytes('noise'))],
    ['an unknown PEM', encodePem('DH PARAMETERS', bytes('noise'))],
  ])('%s is unreadable, with a reason', async (_, content) => {
    expect(await objectsOf(content)).toEqual([
      { kind: 'unreadable', what: expect.any(String), reason: expect.any(String) },
    ])
  })
})

const io = (cwd: string) => {
  const said = { out: '' }
  return {
    said,
    io: {
      out: (text: string) => {
        said.out += text
      },
      err: () => {},
      env: {},
      cwd,
      isTerminal: false,
      now: () => later(1),
      exit: () => {},
    },
  }
}

it('a folder: every file that holds something, links not followed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kpki-inspect-'))
  try {
    mkdirSync(join(folder, 'pki'))
    writeFileSync(join(folder, 'pki/ca.crt'), textIn(made, `${PKI}/ca.crt`))
    writeFileSync(join(folder, 'pki/notes.txt'), 'hello')
    writeFileSync(join(folder, 'sa.key'), testKeyPem('p256-1'))
    symlinkSync('/etc/ssl', join(folder, 'link'))
    const { io: json, said } = io(folder)
    expect(await runInspect(json, ['.'], true)).toBe(0)
    const found = JSON.parse(said.out).map(({ path }: { path: string }) => path)
    expect(found).toEqual(['./pki/ca.crt', './sa.key'])
    for (const secret of secretsOf(testKeyPem('p256-1'))) expect(said.out).not.toContain(secret)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

const missing = skipUnless(has('openssl'), 'inspecting requests and containers', 'openssl')
describe.skipIf(missing)('what OpenSSL makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kpki-inspect-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const openssl = (args: readonly string[]): Uint8Array => {
    const { stdout, stderr, status } = spawnSync('openssl', args, { cwd: folder })
    if (status !== 0) throw new Error(stderr.toString())
    return stdout
  }
  beforeAll(() => {
    writeFileSync(join(folder, 'a.key'), textIn(made, `${PKI}/apiserver.key`))
    writeFileSync(join(folder, 'a.crt'), textIn(made, `${PKI}/apiserver.crt`))
  })

  it.each([['PEM'], ['DER']])('a request in %s', async (form) => {
    const names = 'subjectAltName=DNS:a.example,IP:10.0.0.1'
    const subject = '/O=system:nodes/CN=system:node:w1'
    const request = openssl([
      'req',
      '-new',
      '-key',
      'a.key',
      '-subj',
      subject,
      '-addext',
      names,
      '-outform',
      form,
    ])
    const lines = await textOf(request)
    expect(lines).toContain('certificate request for CN=system:node:w1,O=system:nodes')
    expect(lines).toContain('DNS:a.example, IP:10.0.0.1')
    expect(lines).toContain('signature  valid')
    const forged = Uint8Array.from(request)
    if (form === 'DER') forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    if (form === 'DER') expect(await textOf(forged)).toContain('signature  NOT VALID')
  })

  it('PKCS#12, encrypted and not', async () => {
    const make = ['pkcs12', '-export', '-inkey', 'a.key', '-in', 'a.crt', '-passout', 'pass:x']
    expect(await objectsOf(openssl(make))).toEqual([
      { kind: 'pkcs12', encrypted: true, certificates: 0 },
    ])
    const open = [...make, '-keypbe', 'NONE', '-certpbe', 'NONE']
    const output = (await textOf(openssl(open))) + JSON.stringify(await objectsOf(openssl(open)))
    expect(output).toContain('PKCS#12 file, not encrypted, 1 certificates')
    for (const secret of secretsOf(textIn(made, `${PKI}/apiserver.key`)))
      expect(output).not.toContain(secret)
  })

  it.each([['PEM'], ['DER']])('PKCS#7 in %s', async (form) => {
    const bag = openssl(['crl2pkcs7', '-nocrl', '-certfile', 'a.crt', '-outform', form])
    expect(await objectsOf(bag)).toMatchObject([
      { kind: 'certificate', subject: 'CN=kube-apiserver' },
    ])
  })

  it('private keys in DER are keys, and not shown', async () => {
    for (const args of [
      ['pkey', '-outform', 'DER'],
      ['ec', '-outform', 'DER'],
      ['pkcs8', '-topk8', '-nocrypt', '-outform', 'DER'],
    ]) {
      const der = openssl([...args, '-in', 'a.key'])
      const inspected = await inspectFile('a.der', der)
      expect(inspected.objects, args.join(' ')).toMatchObject([
        { kind: 'private key', key: 'EC P-256' },
      ])
    }
  })
})
