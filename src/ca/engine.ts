import type { webcrypto } from 'node:crypto'

/** Where keys, signatures, digests and random bytes come from: the shape of WebCrypto's `Crypto`. */
export type CryptoEngine = Pick<webcrypto.Crypto, 'subtle' | 'getRandomValues'>

export type EngineKey = webcrypto.CryptoKey

/** The runtime's own WebCrypto, the default. */
export function runtimeEngine(): CryptoEngine {
  return globalThis.crypto
}

/** `@peculiar/webcrypto`, loaded when first asked for. */
export async function peculiarEngine(): Promise<CryptoEngine> {
  const { Crypto } = await import('@peculiar/webcrypto')
  return new Crypto() as CryptoEngine
}
