import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { subject } from '../../src/ca/certificate/names.js'
import { readCertificate } from '../../src/ca/certificate/read.js'
import { readContainer } from '../../src/ca/containers.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { issueCertificate } from '../../src/ca/issue.js'
import {
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  signatureAlgorithmOf,
} from '../../src/ca/keys/algorithms.js'
import { generateKey, publicKeyPem } from '../../src/ca/keys/keys.js'
import { type PrivateKey, readPrivateKey } from '../../src/ca/keys/private-key.js'
import { verifySignature } from '../../src/ca/keys/signature.js'
import { encodePem } from '../../src/ca/pem.js'
import { readRequest } from '../../src/ca/request.js'
import { authority, requestFor, testKey } from '../ca/support.js'

const engine = runtimeEngine()
const folder = mkdtempSync(join(tmpdir(), 'kpki-openssl-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ALGORITHMS = Object.keys(KEY_ALGORITHMS) as KeyAlgorithm[]
const keys = new Map<KeyAlgorithm, Promise<PrivateKey>>()
function keyOf(algorithm: KeyAlgorithm): Promise<PrivateKey> {
  const key = keys.get(algorithm) ?? generateKey(engine, algorithm)
  keys.set(algorithm, key)
  return key
}

function openssl(args: readonly string[], input = ''): string {
  return execFileSync('openssl', args, {
    cwd: folder,
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

function save(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return name
}

const pemOf = (der: Uint8Array) => encodePem('CERTIFICATE', der)

describe('keys', () => {
  test.each(ALGORITHMS)('%s in all forms', async (algorithm) => {
    const key = await keyOf(algorithm)
    openssl(['pkey', '-noout', '-check'], key.pem())
    openssl(['pkey', '-noout', '-check'], encodePem('PRIVATE KEY', key.pkcs8()))
    expect(openssl(['pkey', '-pubout'], key.pem())).toBe(publicKeyPem(key.spki))
    expect(openssl(['pkey', '-traditional'], encodePem('PRIVATE KEY', key.pkcs8()))).toBe(key.pem())
  })
  test('OpenSSL encrypted keys are refused as such', async () => {
    const pem = testKey('rsa2048-1').pem()
    for (const form of [['-traditional'], []]) {
      const sealed = openssl(['rsa', '-aes128', '-passout', 'pass:x', ...form], pem)
      expect(() => readPrivateKey(sealed)).toThrow(/is encrypted/)
    }
  })
})

describe('chains pass openssl verify -x509_strict', () => {
  const pairs = ALGORITHMS.flatMap((ca) => ALGORITHMS.map((leaf) => [ca, leaf] as const))
  test.each(pairs)('CA %s, leaf %s', async (caAlgorithm, leafAlgorithm) => {
    const caKey = await keyOf(caAlgorithm)
    const root = await authority(engine, caKey, {
      subject: subject({ CN: 'root' }),
      altNames: { dns: ['root'], ip: [] },
    })
    const middleKey = testKey('p256-4')
    const middle = await authority(
      engine,
      middleKey,
      { subject: subject({ CN: 'middle' }), pathLength: 0 },
      root,
    )
    save('root.pem', pemOf(root.certificate.der))
    save('middle.pem', pemOf(middle.certificate.der))
    openssl(['verify', '-x509_strict', '-check_ss_sig', '-CAfile', 'root.pem', 'root.pem'])
    openssl(['verify', '-x509_strict', '-CAfile', 'root.pem', 'middle.pem'])
    const key = await keyOf(leafAlgorithm)
    const leafOf = async (profile: 'server' | 'client' | 'peer', issuer: typeof root) => {
      const altNames = { dns: ['a.example'], ip: ['10.0.0.1', 'fd00::1'] }
      const request = await requestFor(engine, key, {
        profile,
        altNames,
        subject: subject({ CN: 'leaf', O: ['b', 'a'] }),
      })
      save('leaf.pem', pemOf(await issueCertificate(request, issuer)))
    }
    const verify = (purpose: string, ...more: string[]) =>
      openssl([
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-CAfile',
        'root.pem',
        ...more,
        'leaf.pem',
      ])
    await leafOf('server', root)
    verify('sslserver', '-verify_hostname', 'a.example')
    verify('sslserver', '-verify_ip', 'fd00::1')
    expect(() => verify('sslclient')).toThrow()
    await leafOf('client', middle)
    verify('sslclient', '-untrusted', 'middle.pem')
    expect(() => verify('sslserver', '-untrusted', 'middle.pem')).toThrow()
    await leafOf('peer', middle)
    verify('sslserver', '-untrusted', 'middle.pem')
    verify('sslclient', '-untrusted', 'middle.pem')
  })
})

describe('reads what OpenSSL writes', () => {
  const make = (...args: string[]) =>
    openssl([
      'req',
      '-x509',
      '-newkey',
      ...args,
      '-nodes',
      '-keyout',
      'made.key',
      '-subj',
      '/O=o/CN=x',
      '-days',
      '10',
    ])
  test.each([
    [['rsa:2048', '-sha512'], true],
    [['rsa:2048', '-sha1'], false],
    [['rsa:2048', '-md5'], false],
    [
      ['rsa:2048', '-sha384', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:-1'],
      true,
    ],
    [['ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha512'], true],
    [['ed25519'], true],
  ])('%s', async (args, supported) => {
    const facts = readCertificate(make(...args))
    expect(facts.subject.commonNames).toEqual(['x'])
    expect(facts.oddities).toEqual([])
    expect(signatureAlgorithmOf(facts).supported).toBe(supported)
    expect(await verifySignature(engine, facts, facts.publicKey.spki)).toBe(supported)
  })

  test('requests', async () => {
    save('key.pem', testKey('rsa2048-1').pem())
    const pem = openssl([
      'req',
      '-new',
      '-key',
      'key.pem',
      '-subj',
      '/CN=x',
      '-addext',
      'subjectAltName=DNS:a,IP:::1',
      '-addext',
      'extendedKeyUsage=clientAuth',
    ])
    expect(await readRequest(pem)).toMatchObject({
      signatureValid: true,
      subject: { commonNames: ['x'] },
      altNames: { dns: ['a'], ip: ['::1'] },
      extendedKeyUsage: { usages: ['clientAuth'] },
    })
    const bare = await readRequest(openssl(['req', '-new', '-key', 'key.pem', '-subj', '/CN=x']))
    expect(bare.altNames).toBeUndefined()
  })

  test('PKCS#7 and PKCS#12', async () => {
    save('key.pem', testKey('rsa2048-1').pem())
    const { certificate } = await authority(engine, testKey('rsa2048-1'))
    save('cert.pem', pemOf(certificate.der))
    save('two.pem', pemOf(certificate.der).repeat(2))
    const p7 = openssl(['crl2pkcs7', '-nocrl', '-certfile', 'two.pem'])
    expect(await readContainer(Buffer.from(p7))).toEqual({
      kind: 'pkcs7',
      certificates: [certificate.der, certificate.der],
    })
    const export12 = (...more: string[]) => {
      openssl([
        'pkcs12',
        '-export',
        '-in',
        'cert.pem',
        '-inkey',
        'key.pem',
        '-passout',
        'pass:x',
        '-out',
        'out.p12',
        ...more,
      ])
      return readContainer(readFileSync(join(folder, 'out.p12')))
    }
    expect(await export12()).toEqual({
      kind: 'pkcs12',
      encrypted: true,
      mac: true,
      certificateBags: 0,
      keyBags: 1,
      plainKeyBags: 0,
      encryptedParts: 1,
    })
    expect(await export12('-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac')).toEqual({
      kind: 'pkcs12',
      encrypted: false,
      mac: false,
      certificateBags: 1,
      keyBags: 1,
      plainKeyBags: 1,
      encryptedParts: 0,
    })
    expect(await readContainer(certificate.der)).toBeUndefined()
    expect(await readContainer(Buffer.from('hello'))).toBeUndefined()
  })
})
