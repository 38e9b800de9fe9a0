/** One header of a tar archive, already with its long names where known. */
export interface Header {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** The type flag as written. */
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds since the epoch. */
  readonly mtime: number
  /** Target of a symbolic or hard link. */
  readonly link: string
}

/** What extension headers say about the next entry. */
export interface Overrides {
  readonly path?: string
  readonly link?: string
  /** Raw pax records. */
  readonly pax?: Uint8Array
}

const CHECKSUM = { at: 148, size: 8 }
const decoder = new TextDecoder()

/** Whether a file that begins so says it is an archive; damaged ones do, too, and those before POSIX do not. */
export function hasMagic(start: Uint8Array): boolean {
  return textAt(start, 257, 6).startsWith('ustar')
}

/** Reads a header block (POSIX.1-2001 ustar, with GNU's binary numbers); undefined when it is none. */
export function headerOf(block: Uint8Array): Header | undefined {
  const stated = numberAt(block, CHECKSUM.at, CHECKSUM.size)
  if (stated === undefined || !checksums(block).includes(stated)) return undefined
  const size = numberAt(block, 124, 12)
  if (size === undefined || size < 0) return undefined
  const name = textAt(block, 0, 100)
  const prefix = hasMagic(block) && block[263] === 0x30 ? textAt(block, 345, 155) : ''
  const path = prefix === '' ? name : `${prefix}/${name}`
  const type = String.fromCharCode(block[156] ?? 0)
  const kind = kindOf(type, path)
  return {
    path,
    kind,
    type,
    mode: (numberAt(block, 100, 8) ?? 0) & 0o7777,
    uid: numberAt(block, 108, 8) ?? 0,
    gid: numberAt(block, 116, 8) ?? 0,
    // links and devices have no content, whatever their size field says
    size: hasContent(type) ? size : 0,
    mtime: numberAt(block, 136, 12) ?? 0,
    link: type === '1' || type === '2' ? textAt(block, 157, 100) : '',
  }
}

function kindOf(type: string, path: string): Header['kind'] {
  if (type === '0' || type === '\0' || type === '7')
    return path.endsWith('/') ? 'directory' : 'file'
  if (type === '5') return 'directory'
  return type === '2' ? 'symlink' : 'other'
}

function hasContent(type: string): boolean {
  return !/^[1-6]$/.test(type)
}

/** Lays long names and pax records over the header that they precede. */
export function applyPax(header: Header, { path, link, pax }: Overrides): Header {
  const records = pax === undefined ? new Map<string, string>() : paxRecords(pax)
  const number = (key: string, otherwise: number): number => {
    const value = Number(records.get(key) ?? Number.NaN)
    return Number.isFinite(value) && value >= 0 ? value : otherwise
  }
  const whole = records.get('path') ?? path ?? header.path
  return {
    ...header,
    path: whole,
    kind: kindOf(header.type, whole),
    link: header.link === '' ? '' : (records.get('linkpath') ?? link ?? header.link),
    size: hasContent(header.type) ? Math.trunc(number('size', header.size)) : 0,
    uid: number('uid', header.uid),
    gid: number('gid', header.gid),
    mtime: number('mtime', header.mtime),
  }
}

/** Records of the form `<length> <key>=<value>\n`; what is malformed ends the reading. */
function paxRecords(data: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at)
    const length = Number(decoder.decode(data.subarray(at, Math.max(at, space))))
    if (space < 0 || !Number.isInteger(length) || length <= space - at + 2) break
    const record = decoder.decode(data.subarray(space + 1, at + length - 1))
    const equals = record.indexOf('=')
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}

/**
 * A NUL-terminated text.
 *
 * @example
 * ```ts
 * import { file, textOf } from 'kpki'
 *
 * console.log(textOf(file('etc/hostname', 'worker1', 0o644)))
 * ```
 */
export function nulTerminated(data: Uint8Array): string {
  const end = data.indexOf(0)
  return decoder.decode(end < 0 ? data : data.subarray(0, end))
}

function textAt(block: Uint8Array, at: number, size: number): string {
  return nulTerminated(block.subarray(at, at + size))
}

/** Octal digits, or GNU's base 256 for what does not fit. */
function numberAt(block: Uint8Array, at: number, size: number): number | undefined {
  const field = block.subarray(at, at + size)
  const [first = 0] = field
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f
    for (const byte of field.subarray(1)) value = value * 256 + byte
    return Number.isSafeInteger(value) ? value : undefined
  }
  const digits = nulTerminated(field).trim()
  if (digits === '') return 0
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

// The sum of a header's bytes, the checksum's own read as spaces; historic writers summed signed bytes.
function checksums(block: Uint8Array): readonly [number, number] {
  let unsigned = 0
  let signed = 0
  for (const [at, value] of block.entries()) {
    const isChecksum = at >= CHECKSUM.at && at < CHECKSUM.at + CHECKSUM.size
    const byte = isChecksum ? 0x20 : value
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  return [unsigned, signed]
}

/** A member of an archive; directories have no data. */
export interface TarMember {
  readonly path: string
  readonly mode: number
  readonly data?: Uint8Array
}

const block = 512
const encoder = new TextEncoder()

/**
 * Writes a POSIX ustar archive, owner root, time 0. Paths over 100 bytes are split at a `/` as the format
 * asks; one that can't be split is a RangeError.
 */
export function* writeTar(members: Iterable<TarMember>): Generator<Uint8Array> {
  for (const member of members) {
    yield header(member)
    if (!member.data) continue
    yield member.data
    const rest = member.data.length % block
    if (rest > 0) yield new Uint8Array(block - rest)
  }
  yield new Uint8Array(2 * block)
}

function header(member: TarMember): Uint8Array {
  const head = new Uint8Array(block)
  const put = (value: string, at: number) => head.set(encoder.encode(value), at)
  const { name, prefix } = split(member.data ? member.path : `${member.path}/`)
  put(name, 0)
  put(`${digits(member.mode & 0o7777, 7)}\0${digits(0, 7)}\0${digits(0, 7)}\0`, 100)
  put(`${digits(member.data?.length ?? 0, 11)}\0${digits(0, 11)}\0`, 124)
  put(member.data ? '0' : '5', 156)
  put('ustar\x0000root', 257)
  put('root', 297)
  put(prefix, 345)
  put(`${digits(checksums(head)[0], 6)}\0 `, 148)
  return head
}

function split(path: string): { readonly name: string; readonly prefix: string } {
  if (path === '/' || path.includes('\0')) throw new RangeError(`tar: bad path ${path}`)
  if (encoder.encode(path).length <= 100) return { name: path, prefix: '' }
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)]
    const fits = encoder.encode(prefix).length <= 155 && encoder.encode(name).length <= 100
    if (fits && name !== '') return { name, prefix }
  }
  throw new RangeError(`tar: path is too long: ${path}`)
}

const digits = (value: number, width: number) => value.toString(8).padStart(width, '0')
