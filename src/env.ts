import { runtimeEngine } from './ca/engine.js'
import { randomSerial } from './ca/issue.js'
import { generateKey } from './ca/keys.js'
import type { Env } from './certs/issue.js'

/** The runtime's own crypto engine, clock and randomness. Give another {@link Env} to make runs repeatable. */
export function defaultEnv(): Env {
  return envOf(runtimeEngine(), new Date())
}

/** An environment on another engine or at another time. */
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
