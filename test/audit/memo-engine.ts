import { type CryptoEngine, type EngineKey, runtimeEngine } from '../../src/ca/engine.js'

const isKey = (value: unknown): value is EngineKey =>
  typeof value === 'object' && value !== null && 'usages' in value

const REMEMBERED = new Set(['digest', 'importKey', 'verify'])

/**
 * The runtime's engine, that answers the same question from memory: hundreds of trees that differ in
 * one file ask for the same digests, keys and signatures over and over.
 */
export function memoEngine(): CryptoEngine {
  const { subtle } = runtimeEngine()
  const answers = new Map<string, unknown>()
  const numbers = new WeakMap<object, number>()
  let keys = 0
  const text = (value: unknown): string => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
    if (!isKey(value)) return JSON.stringify(value)
    const number = numbers.get(value) ?? ++keys
    numbers.set(value, number)
    return `key ${number}`
  }
  const remembering = new Proxy(subtle, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return (...args: readonly unknown[]) => {
        if (!REMEMBERED.has(String(name))) return Reflect.apply(method, target, args)
        const question = [String(name), ...args.map(text)].join('\n')
        const answer = answers.get(question) ?? Reflect.apply(method, target, args)
        answers.set(question, answer)
        return answer
      }
    },
  })
  return { subtle: remembering, getRandomValues: (array) => crypto.getRandomValues(array) }
}
