/** A member of an archive; directories have no data. */
export interface TarMember {
  readonly path: string
  readonly mode: number
  readonly data?: Uint8Array
}

const block = 512
const encoder = new TextEncoder()
const decoder = new TextDecoder()

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

/** Reads an archive that {@link writeTar} or another ustar writer made; a bad checksum is an Error. */
export function readTar(archive: Uint8Array): readonly TarMember[] {
  const members: TarMember[] = []
  for (let at = 0; at + block <= archive.length; ) {
    const head = archive.subarray(at, at + block)
    if (head.every((byte) => byte === 0)) break
    if (octal(head, 148, 8) !== checksum(head)) throw new Error(`tar: bad checksum at byte ${at}`)
    const prefix = text(head, 345, 155)
    const path = prefix ? `${prefix}/${text(head, 0, 100)}` : text(head, 0, 100)
    const size = octal(head, 124, 12)
    const start = at + block
    if (start + size > archive.length) throw new Error(`tar: ${path} is cut off`)
    const mode = octal(head, 100, 8)
    const type = head[156]
    if (type === 0x35) members.push({ path: path.replace(/\/$/, ''), mode })
    else members.push({ path, mode, data: archive.slice(start, start + size) })
    at = start + Math.ceil(size / block) * block
  }
  return members
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
  put(`${digits(checksum(head), 6)}\0 `, 148)
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

const text = (head: Uint8Array, at: number, size: number) =>
  decoder.decode(head.subarray(at, at + size)).replace(/\0[\s\S]*$/, '')

const octal = (head: Uint8Array, at: number, size: number) =>
  Number.parseInt(text(head, at, size).trim() || '0', 8)

/** The sum of the header's bytes, the checksum field itself read as spaces. */
function checksum(head: Uint8Array): number {
  let sum = 0
  for (const [at, byte] of head.entries()) sum += at >= 148 && at < 156 ? 32 : byte
  return sum
}
