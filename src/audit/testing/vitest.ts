/**
 * `import 'kpki/vitest'` adds matchers to Vitest's `expect`. They audit, so they are awaited:
 *
 * ```ts
 * import 'kpki/vitest'
 *
 * test('our cluster', async () => {
 *   const pki = await generate(cluster)
 *   await expect(pki).toBeHealthyPki()
 *   await expect(pki).not.toAllowConnection('kubelet/worker1', 'etcd/controlplane')
 *   await expect(pki).toOutlive('2027-06-01')
 * })
 * ```
 *
 * @module
 */
import { expect } from 'vitest'
import type { FailOn } from '../types.js'
import type { HealthOptions } from './assert.js'
import { pkiMatchers } from './matchers.js'

expect.extend(pkiMatchers)

/** The matchers that `kpki/vitest` adds to `expect`. */
export interface PkiMatchers {
  /** Every connection is as it must be, every component starts, and no finding is an error. */
  toBeHealthyPki(options?: HealthOptions): Promise<void>
  /** The connection succeeds; with `.not`: it is refused. Unknown is neither. Names as in reports: `kubelet/worker1`. */
  toAllowConnection(from: string, to: string, options?: HealthOptions): Promise<void>
  /** No certificate ends before the date. */
  toOutlive(date: string | Date, options?: HealthOptions): Promise<void>
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: must be declared as Vitest declares it
  interface Assertion<T = any> extends PkiMatchers {}
}

export type { FailOn, HealthOptions }
