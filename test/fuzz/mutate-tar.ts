import type { Choices } from './choices.js'
import type { Mutation } from './mutate.js'
import { joined } from './mutate-bytes.js'

const BLOCK = 512
/** Where the fields of a header are (POSIX.1-2001), and what is put there. */
const FIELDS: readonly (readonly [at: number, size: number])[] = [
  [0, 100],
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 6],
  [263, 2],
  [345, 155],
]
const VALUES: readonly string[] = [
  '',
  '/',
  '../x',
  '/etc/passwd',
  'a/../../b',
  './',
  'a'.repeat(155),
  '00000000000',
  '77777777777',
  '-1',
  '8',
  'x',
  'g',
  'L',
  'K',
  '1',
  '2',
  '3',
  '5',
  '7',
  'S',
  'ustar',
  'ustar ',
  '00',
  '\x80\0\0\0\0\0\0\0\0\0\x10\0',
  '\xff'.repeat(12),
  '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '00000001000',
  '00000000001',
  '20000000000',
]
const PAX = [
  '30 path=../../../../etc/x\n',
  '18 size=999999999\n',
  '12 path=a/b\n',
  '0 \n',
  '9 =\n',
  '-1 a=b\n',
  '19 path=\0__proto__\n',
]

function headersOf(input: Uint8Array): readonly number[] {
  const found: number[] = []
  const text = Buffer.from(input).toString('latin1')
  for (let at = 0; at + BLOCK <= input.length; at += BLOCK)
    if (text.startsWith('ustar', at + 257)) found.push(at)
  return found
}

function withSum(input: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(input)
  const block = copy.subarray(at, at + BLOCK)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.set(Buffer.from(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  return copy
}

function member(change: (block: Uint8Array, choices: Choices) => void): Mutation {
  return (input, choices) => {
    const at = choices.one(headersOf(input))
    if (at === undefined) return input
    const copy = Uint8Array.from(input)
    change(copy.subarray(at, at + BLOCK), choices)
    return withSum(copy, at)
  }
}

const putField = (block: Uint8Array, choices: Choices): void => {
  const [at, size] = choices.one(FIELDS) ?? [0, 1]
  block.fill(0, at, at + size)
  block.set(Buffer.from(choices.one(VALUES) ?? '', 'latin1').subarray(0, size), at)
}

/** Changes of tar archives by their members, with right checksums. */
export const TAR: readonly Mutation[] = [
  member(putField),
  member((block, choices) => {
    putField(block, choices)
    putField(block, choices)
  }),
  function duplicate(input, choices) {
    const at = choices.one(headersOf(input)) ?? 0
    const part = input.subarray(at, at + BLOCK * (1 + choices.below(3)))
    const place = BLOCK * choices.below(input.length / BLOCK + 1)
    return joined(input.subarray(0, place), part, input.subarray(place))
  },
  function extended(input, choices) {
    const at = choices.one(headersOf(input)) ?? 0
    const header = Uint8Array.from(input.subarray(at, at + BLOCK))
    if (header.length < BLOCK) return input
    header[156] = (choices.one(['x', 'g', 'L', 'K']) ?? 'x').charCodeAt(0)
    const records = new Uint8Array(BLOCK)
    const text = Buffer.from(choices.one(PAX) ?? '', 'latin1')
    records.set(text)
    header.fill(0, 124, 136)
    header.set(Buffer.from(text.length.toString(8).padStart(11, '0')), 124)
    return joined(input.subarray(0, at), withSum(header, 0), records, input.subarray(at))
  },
  function cutBlock(input, choices) {
    const at = BLOCK * choices.below(input.length / BLOCK + 1)
    return joined(input.subarray(0, at), input.subarray(at + BLOCK))
  },
]
