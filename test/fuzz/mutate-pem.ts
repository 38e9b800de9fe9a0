import { encodePem, parsePem } from '../../src/ca/pem.js'
import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'
import { joined } from './mutate-bytes.js'
import { DER } from './mutate-der.js'

const LABELS = [
  'CERTIFICATE',
  'CERTIFICATE REQUEST',
  'NEW CERTIFICATE REQUEST',
  'PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
  'PUBLIC KEY',
  'RSA PUBLIC KEY',
  'EC PARAMETERS',
  'PKCS7',
  'CMS',
  'X509 CRL',
  'TRUSTED CERTIFICATE',
  'OPENSSH PRIVATE KEY',
  '',
  'A'.repeat(100),
  'CERTIFICATE\u001b[2J',
  '__proto__',
]

const HEADERS = [
  'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n',
  '__proto__: x\n\n',
  ': \n',
  'a:b\n',
]

type Change = (label: string, der: Uint8Array, choices: Choices, other: Uint8Array) => string

/** Writes one of the blocks anew. */
function block(change: Change): Mutation {
  return (input, choices, other) => {
    const one = choices.one(parsePem(input))
    if (!one) return input
    const text = change(one.label, one.der, choices, other)
    return joined(input.subarray(0, one.start), Buffer.from(text), input.subarray(one.end))
  }
}

/** Changes of PEM by its blocks, and of the DER in them. */
export const PEM: readonly Mutation[] = [
  ...DER.map((mutate) =>
    block((label, der, choices, other) =>
      encodePem(label, mutate(der, choices, choices.one(parsePem(other))?.der ?? der)),
    ),
  ),
  block((_, der, choices) => encodePem(choices.one(LABELS) ?? '', der)),
  block((label, der, choices) => {
    const text = encodePem(label, der)
    const line = text.indexOf('\n') + 1
    return text.slice(0, line) + (choices.one(HEADERS) ?? '') + text.slice(line)
  }),
  block((label, der, choices) =>
    Array.from({ length: 2 ** choices.below(5) }, () => encodePem(label, der)).join(''),
  ),
  block((label, der, choices, other) => {
    const from = choices.one(parsePem(other))
    return encodePem(label, der) + (from ? encodePem(from.label, from.der) : '')
  }),
]
