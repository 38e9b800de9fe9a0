import { expect, it } from 'vitest'
import { isKpkiError } from '../../src/errors.js'
import { seedsOf } from './fuzz.js'
import { TARGETS, type Target } from './targets.js'

/** What is repeated: whatever readers have a reason to look for again. */
const PIECES = [
  ...[' ', '\n', '\t', 'a', '0', '=', '-', '/', '.', ',', '"', "'", '\\', '#', '[', '{', '<', '\0'],
  ...[
    'a:\n',
    '- ',
    '- a\n',
    'a: ',
    '- - ',
    '"a',
    '*a ',
    '&a ',
    '<<: ',
    '[]\n',
    'a=b ',
    '--a=b ',
    '$A ',
    '\\\n',
  ],
  ...[
    '-----BEGIN X-----\n',
    '\n-----END X-----',
    'a: b\n',
    '[plugins."x"]\n',
    'file\t/x\tfile\n',
    'swap ',
  ],
]
const SIZES = { small: 16 * 1024, large: 256 * 1024 } as const
/** Sixteen times as much in sixteen times the time, and as much again for noise; the square would be 256 times. */
const MOST = 64
/** Less is too short to be measured, and too short to matter. */
const NEGLIGIBLE = 100

function pumped(seed: Uint8Array, piece: string, size: number): Uint8Array {
  const middle = Math.floor(seed.length / 2)
  const end = seed.subarray(0, middle).lastIndexOf(0x0a) + 1
  const part = Buffer.from(piece.repeat(Math.ceil(size / piece.length)))
  return new Uint8Array(Buffer.concat([seed.subarray(0, end), part, seed.subarray(end)]))
}

/** Milliseconds of this process's own work, whatever else the machine does. */
async function workOf({ read }: Target, input: Uint8Array): Promise<number> {
  const before = process.cpuUsage()
  try {
    await read(input)
  } catch (error) {
    if (!isKpkiError(error)) throw error
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Which pieces make a reader work more than in proportion, and how much more. */
async function superlinear(target: Target, seed: Uint8Array): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const piece of PIECES) {
    const [small, large] = [pumped(seed, piece, SIZES.small), pumped(seed, piece, SIZES.large)]
    let least = Number.POSITIVE_INFINITY
    let ratio = Number.POSITIVE_INFINITY
    for (let attempt = 0; attempt < 4 && least > NEGLIGIBLE && ratio > MOST; attempt++) {
      least = Math.min(least, await workOf(target, large))
      ratio = least / Math.max(await workOf(target, small), 1)
    }
    if (least > NEGLIGIBLE && ratio > MOST)
      wrong.push(`${JSON.stringify(piece)}: ${Math.round(least)} ms, ${Math.round(ratio)} times`)
  }
  return wrong
}

it.each(TARGETS)(
  '$name: the work grows with the size of the input, and no faster',
  async (target) => {
    const [seed = new Uint8Array()] = seedsOf(target)
    expect(await superlinear(target, seed)).toEqual([])
  },
)

it('a reader that does not is noticed', async () => {
  const read = (input: Uint8Array): string => {
    const text = Buffer.from(input).toString('latin1')
    let found = 0
    for (let at = 0; at < text.length; at += 8) if (text.slice(at).includes('never there')) found++
    return String(found)
  }
  const target: Target = { name: 'square', shape: 'text', codes: [], share: 1, read }
  expect(await superlinear(target, new Uint8Array())).not.toEqual([])
})
