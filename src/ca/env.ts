import { type CryptoEngine, runtimeEngine } from './engine.js'
import { randomSerial } from './issue.js'
import type { KeyAlgorithm } from './keys/algorithms.js'
import { generateKey } from './keys/keys.js'
import type { PrivateKey } from './keys/private-key.js'

/** What issuing takes from outside: the engine, the clock, keys and randomness. */
export interface Env {
  readonly engine: CryptoEngine
  readonly now: Date
  readonly newKey: (algorithm: KeyAlgorithm) => Promise<PrivateKey>
  /** Content octets of a fresh serial number. */
  readonly serial: () => Uint8Array
  readonly randomBytes: (length: number) => Uint8Array
}

/**
 * The runtime's own crypto engine, clock and randomness. Give another {@link Env} to make runs repeatable.
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { defaultEnv, generate } from 'kpki'
 *
 * const env = { ...defaultEnv(), now: new Date('2027-01-01T00:00:00Z') }
 * await generate(await readFile('cluster.yaml', 'utf8'), { env })
 * ```
 */
export function defaultEnv(): Env {
  return envOf(runtimeEngine(), new Date())
}

/**
 * An environment on another engine or at another time.
 *
 * @example
 * ```ts
 * import { envOf, peculiarEngine } from 'kpki'
 *
 * const env = envOf(await peculiarEngine(), new Date('2027-01-01T00:00:00Z'))
 * console.log(env.serial().length)
 * ```
 */
export function envOf(engine: Env['engine'], now: Date): Env {
  return {
    engine,
    now,
    newKey: (algorithm) => generateKey(engine, algorithm),
    serial: () => randomSerial(engine),
    randomBytes: (length) => engine.getRandomValues(new Uint8Array(length)),
  }
}

/** The same, but with the cheapest keys for a plan whose files are only compared and thrown away. */
export function planningEnv(env: Env): Env {
  return { ...env, newKey: () => env.newKey('ECDSA-P256') }
}
