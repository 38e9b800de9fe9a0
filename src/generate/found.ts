import type { CertificateFacts } from '../ca/certificate/facts.js'
import type { Authorities } from '../certs/authorities.js'
import { BACKDATING } from '../certs/issue.js'
import { type Files, filesOf } from '../certs/paths.js'
import type { PlannedLeaf } from '../certs/plan.js'
import { type Found, foundIn } from '../certs/reconcile.js'
import { AUTHORITIES } from '../certs/table.js'
import type { Cluster } from '../cluster/cluster.js'
import { isKpkiError, KpkiError } from '../errors.js'
import { type FileTree, levels, type TreeEntry, textAt } from '../files/tree.js'
import { embeddedCredentials } from '../kubeconfig/read.js'
import type { FolderLayout } from './layout.js'

/** Reads what lies in a leaf's place; `problem` says why that is impossible. */
export function readLeaf(
  before: FileTree,
  { place }: PlannedLeaf,
  files: Files,
): { readonly found: Found; readonly problem?: string } {
  try {
    const certificate = textAt(before, files.certificate)
    const embeds = place.kind === 'kubeconfig' || place.kind === 'operator'
    const texts = embeds
      ? embeddedCredentials(certificate ?? '')
      : { certificate, key: textAt(before, files.key) }
    return { found: foundIn(texts) }
  } catch (cause) {
    if (!isKpkiError(cause)) throw cause
    return { found: {}, problem: `it cannot be read: ${cause.message}` }
  }
}

/** @throws KpkiError `ERR_FILE_UNSAFE` when something else lies in the place of a file or of a folder above it. */
export function refuseUnusable(
  folder: string,
  files: readonly { readonly path: string }[],
  before: FileTree,
): void {
  if (before.size === 0) return
  for (const { path } of files)
    for (const level of levels(path)) {
      const entry = before.get(level)
      const wanted = level === path ? 'file' : 'directory'
      if (entry === undefined || entry.kind === wanted) continue
      const place = folder === '' ? level : `${folder}/${level}`
      throw new KpkiError(
        'ERR_FILE_UNSAFE',
        `${place} is not a ${wanted === 'file' ? wanted : 'folder'} to use: it is ${whatIs(entry)}`,
        { path: place },
        { hint: 'links are not followed here: put the thing itself in its place, or remove it' },
      )
    }
}

function whatIs(entry: TreeEntry): string {
  if (entry.kind === 'other') return entry.reason
  return { file: 'a file', directory: 'a folder', symlink: 'a link' }[entry.kind]
}

/** @throws KpkiError `ERR_CLOCK` when an authority began later than `now`. */
export function refuseEarlyAuthorities(authorities: Authorities, now: Date): void {
  for (const { id, facts } of authorities.values())
    refuseEarly(`authorities/${AUTHORITIES[id].base}.crt`, facts, now)
}

/** @throws KpkiError `ERR_CLOCK` when a certificate of the folder began later than `now`. */
export function refuseEarlyLeaves(
  cluster: Cluster,
  { folder, certificates }: FolderLayout,
  before: FileTree,
  now: Date,
): void {
  for (const planned of certificates) {
    if (planned.profile === 'authority') continue
    const files = filesOf(cluster, planned.place)
    if (!before.has(files.certificate)) continue
    const { facts } = readLeaf(before, planned, files).found
    if (facts !== undefined) refuseEarly(`${folder}/${files.certificate}`, facts, now)
  }
}

// A clock in the past would make certificates that have ended when the clock is right again. Clocks of machines
// differ by minutes: what is made is back-dated by as much as is believed here.
function refuseEarly(path: string, { notBefore: start }: CertificateFacts, now: Date): void {
  if (start.getTime() - now.getTime() <= BACKDATING) return
  const notBefore = start.toISOString()
  throw new KpkiError(
    'ERR_CLOCK',
    `the clock says ${now.toISOString()}, but ${path} is not valid before ${notBefore}`,
    { path, notBefore },
    {
      hint: 'set the clock of this machine; if the clock was wrong when that was made, remove it with its key (an authority: generate into a new folder)',
    },
  )
}
