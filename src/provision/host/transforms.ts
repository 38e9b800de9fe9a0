import { bytesOfBase64 } from '../../values/bytes.js'
import type { JsonObject } from '../../values/json.js'
import { tomlString } from './formats.js'

/** What kpki wants of containerd's configuration, by version of its file format. */
interface TomlSetting {
  readonly table: string
  readonly key: string
  readonly value: string
}

const certsDir = '/etc/containerd/certs.d'

// Version 2 is containerd 1.x; 2.x writes version 3 and still reads 2.
const places = (version: number, pause: string, mirrors: boolean): readonly TomlSetting[] => {
  const cri = 'io.containerd.grpc.v1.cri'
  const [runtime, images] = ['io.containerd.cri.v1.runtime', 'io.containerd.cri.v1.images']
  const old = version < 3
  const runc = ['containerd', 'runtimes', 'runc', 'options']
  return [
    {
      table: ['plugins', old ? cri : runtime, ...runc].join('\0'),
      key: 'SystemdCgroup',
      value: 'true',
    },
    old
      ? { table: ['plugins', cri].join('\0'), key: 'sandbox_image', value: tomlString(pause) }
      : {
          table: ['plugins', images, 'pinned_images'].join('\0'),
          key: 'sandbox',
          value: tomlString(pause),
        },
    ...(mirrors
      ? [
          {
            table: ['plugins', old ? cri : images, 'registry'].join('\0'),
            key: 'config_path',
            value: tomlString(certsDir),
          },
        ]
      : []),
  ]
}

/**
 * Adapts containerd's configuration, as `containerd config default` prints it or as it lies on the host:
 * systemd cgroups, the release's pause image, mirrors from certs.d. Everything else stays as it is.
 */
export function adaptContainerd(base: string, values: JsonObject): string {
  const version = Number(/^[ \t]*version[ \t]*=[ \t]*(\d+)/m.exec(base)?.[1] ?? '0')
  if (version < 2) throw new Error(`containerd's configuration has version ${version}, not 2 or 3`)
  const wanted = places(version, String(values.pause), values.mirrors === true)
  let lines = base.split('\n')
  for (const place of wanted) lines = set(lines, place)
  return lines.join('\n').replace(/^([ \t]*disabled_plugins[ \t]*=[ \t]*\[)([^[\]]*)\]/m, enableCri)
}

const enableCri = (_all: string, start: string, list: string) =>
  `${start}${list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !/^["'](?:io\.containerd\.grpc\.v1\.)?cri["']$/.test(item))
    .join(', ')}]`

function set(lines: readonly string[], place: TomlSetting): string[] {
  const header = lines.findIndex((line) => tableName(line) === place.table)
  if (header < 0) return [...lines, tableHeader(place.table), `  ${place.key} = ${place.value}`, '']
  const next = lines.findIndex((line, at) => at > header && tableName(line) !== undefined)
  const end = next < 0 ? lines.length : next
  const key = new RegExp(`^(\\s*)${place.key}\\s*=\\s*`)
  const at = lines.findIndex((line, index) => index > header && index < end && key.test(line))
  if (at < 0) {
    const indent = /^\s*/.exec(lines[header] ?? '')?.[0] ?? ''
    return lines.toSpliced(header + 1, 0, `${indent}  ${place.key} = ${place.value}`)
  }
  const [prefix = ''] = key.exec(lines[at] ?? '') ?? []
  const same = (lines[at] ?? '').slice(prefix.length).trim().replaceAll("'", '"') === place.value
  return same ? [...lines] : lines.with(at, `${prefix}${place.value}`)
}

/** `[a."b.c".d]` as its parts joined by NUL; undefined for other lines. */
function tableName(line: string): string | undefined {
  const inner = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1]
  if (inner === undefined) return undefined
  const parts = inner.matchAll(/\s*(?:"([^"]*)"|'([^']*)'|([^.\s]+))\s*(?:\.|$)/gy)
  return [...parts].map(([, double, single, bare]) => double ?? single ?? bare).join('\0')
}

const tableHeader = (table: string) =>
  `[${table
    .split('\0')
    .map((part) => (/^[\w-]+$/.test(part) ? part : tomlString(part)))
    .join('.')}]`

/**
 * Returns an ASCII-armoured OpenPGP key unchanged if its only primary key has `fingerprint`
 * (version 4: SHA-1 over the packet, RFC 9580 §5.5.4.1).
 *
 * @throws Error that names both fingerprints.
 */
export function verifiedKey(armoured: string, fingerprint: string, digest: Digest): string {
  const wanted = fingerprint.replaceAll(/\s/g, '').toUpperCase()
  const found = primaryKeys(armoured).map((body) => fingerprintOf(body, digest))
  if (found.length === 1 && found[0] === wanted) return armoured
  const seen = found.length === 0 ? 'no key' : found.join(', ')
  throw new Error(
    `the repository's signing key is ${seen}, not ${wanted} (spec.packages.keyFingerprint)`,
  )
}

function fingerprintOf(body: Uint8Array, digest: Digest): string {
  if (body[0] !== 4) return `version ${body[0]}`
  const framed = new Uint8Array([0x99, body.length >> 8, body.length & 0xff, ...body])
  return digest('sha1', framed).toUpperCase()
}

/** Bodies of the public-key packets (tag 6) of every armoured block. */
function primaryKeys(armoured: string): readonly Uint8Array[] {
  const blocks = armoured.matchAll(
    /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n:]*:[^\n]*\n)*\r?\n([A-Za-z0-9+/=\s]*?)(?:\n=[A-Za-z0-9+/]{4}\s*)?-----END/g,
  )
  return [...blocks].flatMap((match) => {
    const bytes = bytesOfBase64((match[1] ?? '').replaceAll(/\s/g, ''))
    return bytes ? [...packets(bytes)].filter(({ tag }) => tag === 6).map(({ body }) => body) : []
  })
}

function* packets(
  bytes: Uint8Array,
): Generator<{ readonly tag: number; readonly body: Uint8Array }> {
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at] ?? 0
    if ((head & 0x80) === 0) return
    const modern = (head & 0x40) !== 0
    const tag = modern ? head & 0x3f : (head >> 2) & 0x0f
    const { size, start } = modern
      ? modernLength(bytes, at + 1)
      : oldLength(bytes, at + 1, head & 3)
    yield { tag, body: bytes.subarray(start, start + size) }
    at = start + size
  }
}

function modernLength(bytes: Uint8Array, at: number) {
  const first = bytes[at] ?? 0
  if (first < 192) return { size: first, start: at + 1 }
  if (first < 224) return { size: ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192, start: at + 2 }
  return { size: number(bytes, at + 1, 4), start: at + 5 }
}

function oldLength(bytes: Uint8Array, at: number, type: number) {
  const width = [1, 2, 4][type] ?? 0
  return width === 0
    ? { size: bytes.length - at, start: at }
    : { size: number(bytes, at, width), start: at + width }
}

const number = (bytes: Uint8Array, at: number, width: number) =>
  bytes.subarray(at, at + width).reduce((value, byte) => value * 256 + byte, 0)

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

/** Name of a transformation of a file that a host already has. */
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
  // The last block that is whole: a mark that lost its other one begins and ends nothing.
  const last = base.lastIndexOf(end)
  const from = last < 0 ? -1 : base.lastIndexOf(begin, last)
  const to = base.indexOf(end, from)
  if (from >= 0) return base.slice(0, from) + whole + base.slice(to + end.length)
  return `${base === '' || base.endsWith('\n') ? base : `${base}\n`}${whole}`
}
