import type { JsonObject } from '../cluster/cluster.js'
import { adaptContainerd } from './containerd.js'
import { verifiedKey } from './openpgp.js'

/** Hashes for what the transforms verify: the edge brings the implementation. */
export type Digest = (algorithm: 'sha1' | 'sha256', data: Uint8Array) => string

/** New content of a file from its base. Pure; an Error says why it can't be done. */
export type Transform = (base: string, values: JsonObject, digest: Digest) => string

export const TRANSFORMS = {
  /** The given text, whatever was there. */
  text: (_base, values) => String(values.text),
  /** Our marked block in /etc/hosts; the rest stays. */
  'hosts-block': (base, values) => withBlock(base, String(values.name), String(values.block)),
  /** Swap lines of fstab become comments that say who did it. */
  'no-swap': (base) => base.replace(swapLine, '# disabled by kpki: $&'),
  containerd: (base, values) => adaptContainerd(base, values),
  /** A repository's signing key, if it is the one that was named. */
  'signing-key': (base, values, digest) => verifiedKey(base, String(values.fingerprint), digest),
} as const satisfies Record<string, Transform>

export type TransformId = keyof typeof TRANSFORMS

const swapLine = /^[ \t]*[^\s#]\S*[ \t]+\S+[ \t]+swap[ \t].*$/gm

export function hasSwapLine(fstab: string): boolean {
  return fstab.search(swapLine) >= 0
}

/** Replaces the block between our two marks, or appends it. */
export function withBlock(base: string, name: string, block: string): string {
  const begin = `# BEGIN kpki ${name}\n`
  const end = `# END kpki ${name}\n`
  const whole = `${begin}${block}${end}`
  const from = base.indexOf(begin)
  const to = base.indexOf(end, from)
  if (from >= 0 && to >= 0) return base.slice(0, from) + whole + base.slice(to + end.length)
  return `${base === '' || base.endsWith('\n') ? base : `${base}\n`}${whole}`
}
