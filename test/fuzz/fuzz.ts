import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { isKpkiError } from '../../src/errors.js'
import { inputOf } from './mutate.js'
import { leakOf, type Secrets, secretsOf } from './secrets.js'
import type { Target } from './targets.js'

/** How often, with what seed, and where inputs are kept that were answered in a new way. */
export interface FuzzOptions {
  readonly runs: number
  readonly seed: number
  /** A folder; without it nothing is kept. */
  readonly corpus?: string
  /** Milliseconds after which an answer counts as none. For people: a test must not look at a clock. */
  readonly patience?: number
}

export interface Fuzzed {
  readonly runs: number
  /** How many ways of answering were seen. */
  readonly ways: number
  readonly findings: readonly Finding[]
}

export interface Finding {
  readonly message: string
  readonly input: Uint8Array
}

const BATCH = 1000
/** Beyond these a target's answers tell no more of its ways. */
const MAX_SEEDS = 1500
/** Once so many have been found, a target has something to be mended first. */
const ENOUGH = 5

/** What a target begins with: what lies in fixtures/fuzz, what its row names, and what earlier runs have kept. */
export function seedsOf(target: Target, corpus?: string): readonly Uint8Array[] {
  const kept = corpus === undefined ? [] : [join(corpus, target.name)]
  const places = [join('fixtures/fuzz', target.name), ...(target.seeds ?? []), ...kept]
  return places.flatMap(filesOf).map((path) => new Uint8Array(readFileSync(path)))
}

function filesOf(path: string): readonly string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .filter((name) => name !== 'README.md')
    .map((name) => join(path, name))
}

/**
 * Gives a target one input. The way in which it answers: the code of its error, or what it says it found.
 *
 * @throws Error when it is not as promised
 */
export async function answered(
  target: Target,
  input: Uint8Array,
  secrets: Secrets,
  patience = Number.POSITIVE_INFINITY,
): Promise<string> {
  const started = performance.now()
  const { way, said } = await saidTo(target, input)
  const leak = target.showsUnknown ? undefined : leakOf(said, secrets)
  if (leak !== undefined) throw new Error(`it tells a secret: ${leak}`)
  const took = performance.now() - started
  if (took > patience) throw new Error(`it takes ${Math.round(took)} ms`)
  return way
}

async function saidTo(
  { read, codes }: Target,
  input: Uint8Array,
): Promise<{ readonly way: string; readonly said: string }> {
  try {
    const said = await read(input)
    return { way: `read ${wayOf(said)}`, said }
  } catch (error) {
    if (!isKpkiError(error)) throw error
    if (!codes.includes(error.code)) throw error
    return { way: `${error.code} ${wayOf(error.message)}`, said: everythingOf(error) }
  }
}

/** A message without the names and numbers of the one input that it speaks of. */
function wayOf(said: string): string {
  return said
    .slice(0, 400)
    .replace(/"[^"]*"/g, '""')
    .replace(/[0-9]+/g, '0')
    .slice(0, 160)
}

/** All that printing an error prints, causes included. */
function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause, ...rest } = error
  const more = cause === undefined ? '' : everythingOf(cause)
  return `${message} ${JSON.stringify(rest)} ${more}`
}

/** Gives a target inputs made from its seeds. Those that are answered in a new way are seeds from then on. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<Fuzzed> {
  const { corpus, patience } = options
  const seeds = [...seedsOf(target, corpus)]
  const secrets = secretsOf(seedsOf(target))
  const ways = new Set<string>()
  const findings = new Map<string, Finding>()
  let runs = 0
  // What is kept already is no news.
  for (const input of seeds)
    ways.add(await answered(target, input, secrets).catch(({ message }: Error) => message))

  while (runs < options.runs && findings.size < ENOUGH) {
    const known = [...seeds]
    const numbers = fc.noBias(fc.array(fc.nat(), { minLength: 1, maxLength: 40, size: 'max' }))
    const property = fc.asyncProperty(numbers, async (list) => {
      runs++
      const input = inputOf(target.shape, known, list)
      try {
        const way = await answered(target, input, secrets, patience)
        if (ways.has(way) || seeds.length >= MAX_SEEDS) return
        ways.add(way)
        seeds.push(input)
        if (corpus !== undefined) keep(join(corpus, target.name), input)
      } catch (error) {
        if (!findings.has(signatureOf(error))) throw error
      }
    })
    const numRuns = Math.min(BATCH, options.runs - runs)
    const result = await fc.check(property, { numRuns, seed: options.seed + runs })
    if (!result.failed) continue
    const [list = []] = result.counterexample ?? []
    const error = result.errorInstance
    const input = inputOf(target.shape, known, list)
    findings.set(signatureOf(error), { message: textOf(error), input })
  }
  return { runs, ways: ways.size, findings: [...findings.values()] }
}

const textOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}\n${placeOf(error)}` : String(error)

function signatureOf(error: unknown): string {
  return error instanceof Error ? `${wayOf(error.message)} ${placeOf(error)}` : String(error)
}

/** The first lines of the stack. */
function placeOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 3)
    .join('\n')
}

/** Writes an input under its hash. */
export function keep(folder: string, input: Uint8Array): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16))
  writeFileSync(path, input)
  return path
}
