import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { KpkiError } from '../../errors.js'
import { isCode, readBounded, unreadable } from '../../files/disk.js'
import { modeText } from '../../files/tree.js'
import type { Io } from '../io.js'

interface Places {
  /** Folders that are looked at as such. */
  readonly folders: readonly string[]
  /** Folders that are looked at with everything below them. */
  readonly whole: readonly string[]
}

/** What is asked of an entry of the disk. */
interface Owned {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/**
 * Refuses an output folder that others may write to or own: whoever plants an authority's key there is the root of
 * what is made next. Folders that are not there are nobody's.
 *
 * @throws KpkiError `ERR_FILE_UNSAFE` that names owner and mode.
 */
export async function refuseForeign(io: Io, out: string, places: Places): Promise<void> {
  const self = process.geteuid?.()
  if (self === undefined) return
  const sudo = self === 0 ? Number(io.env.SUDO_UID ?? 0) : self
  const trusted = new Set([self, 0, sudo])
  const names = await knownNames()
  const look = (path: string, owned: Owned): void => {
    const wrong = wrongWith(owned, trusted, names)
    if (wrong === undefined) return
    const { uid, gid, mode } = owned
    const [owner, group] = [names.users.get(uid) ?? uid, names.groups.get(gid)?.name ?? gid]
    throw new KpkiError(
      'ERR_FILE_UNSAFE',
      `${path} ${wrong} (owner ${owner}, group ${group}, mode ${modeText(mode)}): an authority that is planted there would be the cluster’s`,
      { path },
      {
        hint: 'look what lies there, then take it over with chown and chmod go-w; --accept-owner where a mount decides both',
      },
    )
  }
  // The user named it, and may reach it through a link.
  const top = await found(out, () => stat(out))
  if (top !== undefined) look(out, top)
  const pending = [...places.folders, ...places.whole].map((path) => join(out, path))
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const entry = await found(path, () => lstat(path))
    if (entry === undefined || entry.isSymbolicLink()) continue
    look(path, entry)
    const whole = places.whole.some((folder) => `${path}/`.startsWith(`${join(out, folder)}/`))
    if (whole && entry.isDirectory())
      for (const name of (await found(path, () => readdir(path))) ?? [])
        pending.push(join(path, name))
  }
}

async function found<T>(path: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (cause) {
    // What may not be looked at is not written to either: that is said where it is tried.
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'].some((code) => isCode(cause, code)))
      return undefined
    throw unreadable(path, cause)
  }
}

function wrongWith(
  { uid, gid, mode }: Owned,
  trusted: ReadonlySet<number>,
  names: KnownNames,
): string | undefined {
  if (!trusted.has(uid)) return 'is somebody else’s'
  if ((mode & 0o002) !== 0) return 'can be written by everybody'
  if ((mode & 0o020) !== 0 && !isPrivate(uid, gid, names))
    return 'can be written by a group of others'
  return undefined
}

interface KnownNames {
  readonly users: ReadonlyMap<number, string>
  readonly groups: ReadonlyMap<number, { readonly name: string; readonly members: string }>
}

// A user's own group has the user's name and nobody else in it; who is not known here has it by the same number.
function isPrivate(uid: number, gid: number, { users, groups }: KnownNames): boolean {
  const [user, group] = [users.get(uid), groups.get(gid)]
  const alone = ['', user].includes(group?.members ?? '')
  return alone && (user === undefined || group === undefined ? uid === gid : user === group.name)
}

const MAX_NAMES = 4 * 1024 * 1024

/** passwd(5) and group(5): only what this machine itself knows. */
async function knownNames(): Promise<KnownNames> {
  const [passwd, group] = await Promise.all(['/etc/passwd', '/etc/group'].map(linesOf))
  return {
    users: new Map((passwd ?? []).map(([name = '', , uid]) => [Number(uid), name])),
    groups: new Map(
      (group ?? []).map(([name = '', , gid, members = '']) => [Number(gid), { name, members }]),
    ),
  }
}

async function linesOf(path: string): Promise<readonly (readonly string[])[]> {
  const read = await readBounded(path, MAX_NAMES, { follow: true }).catch(() => undefined)
  if (!(read instanceof Uint8Array)) return []
  return new TextDecoder()
    .decode(read)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'))
    .reverse()
}
