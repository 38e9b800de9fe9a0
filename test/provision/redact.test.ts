import { createPrivateKey } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactor } from '../../src/provision/run/redact.js'
import { testKeyPem } from '../ca/support.js'

const redact = redactor()

/** Every key of the fixtures in each form that tools write. */
const pems = ['rsa2048-1', 'rsa2048-2', 'p256-1', 'p256-2', 'p384-1'].flatMap((name) => {
  const key = createPrivateKey(testKeyPem(name))
  const old = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1'
  return [
    String(key.export({ format: 'pem', type: 'pkcs8' })),
    String(key.export({ format: 'pem', type: old as 'pkcs1' })),
  ]
})

const bodyOf = (pem: string) => pem.replace(/-----[^-]+-----|\s/g, '')
const wrapped = (text: string, width: number, end: string) =>
  (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join(end)
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** What is left when line breaks, as they are or escaped, and blanks are taken out. */
const unbroken = (text: string) => text.replace(/\\+[nr]/g, '').replace(/[\s"',>|]/g, '')

/** A run of a secret that long gives something away. */
const TELLING = 40
function survives(secret: string, text: string): string | undefined {
  const left = unbroken(text)
  for (let at = 0; at + TELLING <= secret.length; at++) {
    const part = secret.slice(at, at + TELLING)
    if (left.includes(part)) return part
  }
  return undefined
}

const before = 'I1122 08:45:00.123456 init.go:42] the control plane could not be started:\n'
const after = '\nerror execution phase wait-control-plane: see journalctl -xeu kubelet\n'

describe('a private key in what a host says', () => {
  const ends = fc.constantFrom('\n', '\r\n', '\n    ', '\\n', '\\r\\n', '\\\\n', '",\n"', '\n> ')
  const shapes = fc.record({
    pem: fc.constantFrom(...pems),
    width: fc.integer({ min: 16, max: 120 }),
    end: ends,
    marked: fc.boolean(),
    twice: fc.boolean(),
  })
  const shown = shapes.map(({ pem, width, end, marked, twice }) => {
    const secret = twice ? base64(pem) : bodyOf(pem)
    const [, label = ''] = /BEGIN ([A-Z ]+)/.exec(pem) ?? []
    const body = wrapped(secret, width, end)
    const block = `-----BEGIN ${label}-----${end}${body}${end}-----END ${label}-----`
    return { secret, text: marked && !twice ? block : body }
  })

  it('is taken out, however it is cut and wrapped', () => {
    const whole = { minLength: 0, maxLength: 1 } as const
    fc.assert(
      fc.property(
        shown,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.constant(before), whole),
        fc.array(fc.constant(after), whole),
        ({ secret, text }, one, two, head, tail) => {
          const cut = text.slice(
            Math.floor(Math.min(one, two) * text.length),
            Math.ceil(Math.max(one, two) * text.length),
          )
          const clean = redact(`${head.join('')}${cut}${tail.join('')}`)
          expect(survives(secret, clean)).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is taken out line by line where a journal puts words before each', () => {
    for (const pem of pems) {
      const lines = pem.split('\n').map((line) => `Nov 22 08:45:00 cp kubelet[812]: ${line}`)
      for (let at = 0; at < lines.length; at++)
        expect(survives(bodyOf(pem), redact(lines.slice(at).join('\n')))).toBeUndefined()
    }
  })

  it.each([
    ['in a kubeconfig', (pem: string) => `    client-key-data: ${base64(pem)}\n`],
    ['in JSON', (pem: string) => JSON.stringify({ 'ca.key': pem })],
    ['in JSON in JSON', (pem: string) => JSON.stringify(JSON.stringify({ 'ca.key': pem }))],
    ['as one word', (pem: string) => `key=${bodyOf(pem)}`],
    [
      'in hexadecimal',
      (pem: string) => Buffer.from(bodyOf(pem), 'base64').toString('hex').slice(0, 400),
    ],
  ])('is taken out %s', (_where, show) => {
    for (const pem of pems) {
      const clean = redact(show(pem))
      expect(clean).toContain('[secret]')
      expect(survives(bodyOf(pem), clean)).toBeUndefined()
      expect(survives(base64(pem), clean)).toBeUndefined()
      expect(clean).not.toMatch(/[0-9a-f]{60}/)
    }
  })

  it('that is known is taken out in short pieces too', () => {
    const [pem = ''] = pems
    const known = redactor([bodyOf(pem), 'abcdef.0123456789abcdef'])
    const piece = bodyOf(pem).slice(101, 119)
    expect(known(`see ${piece}!`)).toBe('see [secret]!')
    expect(known('a half: 0123456\n789abcdef')).toBe('a half: [secret]')
  })
})

describe('other secrets in what a host says', () => {
  it.each([
    ['{\\"token\\": \\"s3cr3t-t0k3n-value\\"}', /s3cr3t/],
    ['kubeadm join --certificate-key 00112233', /00112233/],
    ['Using certificate key:\n0011223344', /0011223344/],
    ['{"token-secret":"MDEyMzQ1Njc4OWFiY2RlZg=="}', /MDEy/],
    ['    access-token: ya29.short', /ya29/],
    ['Authorization: Bearer 1234567890abc', /1234567890abc/],
    ['Err https://alice:s3cr3t@mirror.example/deb 404', /s3cr3t/],
  ])('%j', (text, secret) => {
    const clean = redact(text)
    expect(clean).toContain('[secret]')
    expect(clean).not.toMatch(secret)
  })
})

describe('what is no secret', () => {
  it.each([
    '[ERROR FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml]: it exists',
    'the host key of cp is unknown: ssh-ed25519 SHA256:uNiVztksCsDhcc0u9e8BrZJ7nRxMmKDdtlPvUk8lX9w',
    `/etc/kubernetes/pki/ca.crt is another authority (its SHA-256 is ${'0123456789abcdef'.repeat(4)})`,
    'E: Failed to fetch https://pkgs.k8s.io/core:/stable:/v1.28/deb/InRelease  Could not resolve',
    'complete the interrupted push 20261122T084500Z-1a2b3c in /var/lib/kpki/generations',
    'product_uuid 4C4C4544-0050-3510-8052-B4C04F564433 is also that of cp2',
    'Unable to create MutatingWebhookConfigurationListWatchHandlerFactory for v1beta1',
    'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve',
  ])('%s', (text) => expect(redact(text)).toBe(text))

  // Anything that looks back over the whole text would not come to an end here.
  it('long output is read once', () => {
    const text = `${'A1b'.repeat(10)} word\n`.repeat(20_000)
    expect(redact(`${text}-----BEGIN X`)).toContain('word')
    expect(redact('-----END '.repeat(20_000))).toContain('END')
    expect(redact('-----BEGIN PRIVATE KEY-----'.repeat(20_000))).toBe('[secret]')
    for (const piece of [
      '-',
      'BEGIN ',
      'END ',
      '\\',
      '\\n',
      'a-',
      'eyJ-',
      'token',
      'token ',
      '30',
      '://a:',
    ])
      expect(redact(piece.repeat(400_000)).length).toBeGreaterThan(0)
  })
})
