import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Texts at which readers of configuration have gone wrong before, theirs or those of others. */
export const TOKENS: readonly string[] = [
  '',
  ' ',
  '\t',
  '\0',
  '\r\n',
  '\u2028',
  '\ufeff',
  '\u001b[2J',
  '\u202e',
  '\ud800',
  'é',
  '😀',
  '~',
  'null',
  'yes',
  'no',
  'true',
  '0',
  '-1',
  '0777',
  '0x10',
  '1e400',
  '.inf',
  '.nan',
  '1.30',
  '9007199254740993',
  '1_000',
  '1:30',
  '2026-02-30',
  '2026-03-01T12:00:00Z',
  '-0',
  '99999999999999999999999999',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '<<',
  '*',
  '*a',
  '&a ',
  '!!str',
  '!x ',
  '- ',
  '? ',
  ': ',
  '#',
  '---',
  '...',
  '|',
  '>',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '\\',
  '%',
  '@',
  '`',
  ',',
  '../../etc/passwd',
  '/',
  '//',
  '/etc/kubernetes/pki',
  'C:\\',
  'a'.repeat(254),
  'a.'.repeat(130),
  'x'.repeat(5000),
  '10.0.0.0/8',
  '10.0.0.1',
  '0.0.0.0/0',
  '::1',
  'fd00::/108',
  '::ffff:1.2.3.4',
  '256.1.1.1',
  '10.0.0.1:6443',
  '[::1]:6443',
  'fe80::1%eth0',
  'localhost',
  'https://a:b@c',
  'example..com',
  '-a',
  'v1.28.7',
  'v1.99.0',
  'v0.0.0',
  'kpki/v1alpha1',
  'kubeadm.k8s.io/v1beta3',
  'kubeadm.k8s.io/v1beta4',
  '1h',
  '87600h0m0s',
  '1.5h',
  '-1h',
  '9e9h',
  '$HOME',
  '${',
  '$(x)',
  '%s',
  '-----BEGIN CERTIFICATE-----',
  '-----END CERTIFICATE-----',
  'AAAA',
  '====',
  'QQ==',
  '--a=b',
  '--config=/x',
  '--',
  '-',
  '=',
  '"a b',
  "'a",
  'kube-apiserver',
  'etcd',
  'kubelet',
]

/** Changes line by line: `change` gets the lines and the number of one of them. */
function lines(
  change: (all: string[], at: number, choices: Choices, other: string[]) => void,
): Mutation {
  return (input, choices, other) => {
    const all = decoder.decode(input).split('\n')
    change(all, choices.below(all.length), choices, decoder.decode(other).split('\n'))
    return encoder.encode(all.join('\n'))
  }
}

const token = (choices: Choices): string => choices.one(TOKENS) ?? ''

/** Changes of lines and words. */
export const TEXT: readonly Mutation[] = [
  lines((all, at) => void all.splice(at, 1)),
  lines((all, at, choices) => {
    const line = all[at] ?? ''
    all.splice(at, 0, ...Array.from({ length: 2 ** choices.below(7) }, () => line))
  }),
  lines((all, at, choices) => {
    const to = choices.below(all.length)
    const line = all[at] ?? ''
    all[at] = all[to] ?? ''
    all[to] = line
  }),
  lines((all, at, choices) => {
    const line = all[at] ?? ''
    all[at] =
      choices.below(2) === 0
        ? `${' '.repeat(choices.below(9))}${line}`
        : line.slice(choices.below(5))
  }),
  // The value behind a key, an equals sign or a tab.
  lines((all, at, choices) => {
    const line = all[at] ?? ''
    const end = line.search(/[:=\t]/)
    all[at] = end < 0 ? token(choices) : `${line.slice(0, end + 1)} ${token(choices)}`
  }),
  lines((all, at, choices) => {
    const line = all[at] ?? ''
    const place = choices.below(line.length + 1)
    all[at] = line.slice(0, place) + token(choices) + line.slice(place + choices.below(2))
  }),
  lines((all, at, choices, other) => {
    const from = choices.below(other.length)
    all.splice(at, choices.below(4), ...other.slice(from, from + choices.below(8) + 1))
  }),
]
