import { resolve } from 'node:path'
import type { Command } from 'commander'
import { runtimeEngine } from '../../ca/engine.js'
import { envOf, planningEnv } from '../../ca/env.js'
import type { Cluster } from '../../cluster/cluster.js'
import { KpkiError } from '../../errors.js'
import {
  foldersOf,
  makeRoot,
  readTree,
  removeLeftOvers,
  removePaths,
  writeTree,
} from '../../files/disk.js'
import { withLock } from '../../files/lock.js'
import { directory, type FileTree, file, treeOf } from '../../files/tree.js'
import { type Change, compare, type DatedCertificate, type Part } from '../../generate/changes.js'
import { refuseUnusable } from '../../generate/found.js'
import { type GenerateOptions, generateParts } from '../../generate/generate.js'
import { refuseLastCopy, type StalePath, stalePaths } from '../../generate/stale.js'
import { parseDuration } from '../../values/time.js'
import { CLUSTER_FILE, loadCluster } from '../input/cluster-file.js'
import { refuseForeign } from '../input/owner.js'
import { type ExitCode, type Io, issueLine } from '../io.js'
import { hostSystem } from '../options.js'
import { changeLines, dates, datesData, notes, staleLines, summary } from '../output.js'

export interface GenOptions {
  readonly file?: string
  readonly out: string
  readonly hostOs?: string
  readonly renewBefore?: string
  readonly acceptOwner?: boolean
  readonly dryRun?: boolean
  readonly check?: boolean
  readonly json?: boolean
  readonly prune?: boolean
  readonly yes?: boolean
}

/** `kpki gen`. */
export function genCommand(verb: Command, io: Io): Command {
  return verb
    .description(
      'Turns one cluster file into the files of every node. What is already in the output folder and still right is kept; authorities are never replaced.',
    )
    .option(
      '-f, --file <FILE>',
      'cluster.yaml, or kubeadm’s own configuration (- reads standard input); default: OUT/cluster.yaml',
    )
    .requiredOption('-o, --out <OUT>', 'output folder')
    .addOption(hostSystem())
    .option(
      '--renew-before <TIME>',
      'make certificates anew that end within this time (default: 30d; the last third of shorter lives)',
    )
    .option(
      '--accept-owner',
      'take an output folder that others own or may write to, as some mounts have it',
    )
    .option('--dry-run', 'print the plan and write nothing')
    .option('--check', 'write nothing; exit with 1 if the plan has changes')
    .option(
      '--prune',
      'remove the folders of nodes and kubeconfigs of users that left the cluster file',
    )
    .option('--yes', 'do not ask before that')
    .option('--json', 'print the plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kpki gen -f cluster.yaml -o out          make it, or bring it up to date
  kpki gen -o out --dry-run                what would change today
  kpki gen -o out --check || echo stale    in a scheduled job
  kpki gen -o out --prune                  and remove what nodes and users that left leave behind
`,
    )
    .action(async (options: GenOptions) => {
      io.exit(await runGen(io, options))
    })
}

/** What kpki makes in an output folder; anything else there is somebody's own. */
const FOLDERS = ['authorities', 'nodes', 'kubeconfig']

/** Makes or updates an output folder, or says what that would change. */
export async function runGen(io: Io, options: GenOptions): Promise<ExitCode> {
  if (options.out === '')
    throw new KpkiError(
      'ERR_USAGE',
      '--out is empty',
      {},
      { hint: 'name a folder; the present one is .' },
    )
  const out = resolve(io.cwd, options.out)
  const renewBefore = renewBeforeOf(options.renewBefore)
  const { cluster, text, warnings } = await loadCluster(io, options)
  if (options.acceptOwner !== true) {
    const nodes = cluster.nodes.map(({ name }) => `nodes/${name}`)
    await refuseForeign(io, out, {
      folders: ['nodes', ...nodes, 'kubeconfig'],
      whole: ['authorities'],
    })
  }
  for (const warning of warnings) io.err(`kpki: warning:${issueLine(warning).slice(1)}\n`)
  const writing = options.dryRun !== true && options.check !== true
  if (!writing) {
    const stale = await staleIn(out, cluster)
    const made = await make(io, out, cluster, text, { ...renewBefore, ...departed(stale) }, false)
    return report(io, options, cluster, { ...made, stale, pruned: options.prune === true })
  }
  await makeFolder(out)
  return withLock(out, async () => {
    await removeLeftOvers(out, FOLDERS)
    const stale = await staleIn(out, cluster)
    const pruned = options.prune === true && (await mayPrune(io, out, stale, options.yes === true))
    const made = await make(io, out, cluster, text, { ...renewBefore, ...departed(stale) }, true)
    if (pruned)
      await removePaths(
        out,
        stale.map(({ path }) => path),
      )
    return report(io, options, cluster, { ...made, stale, pruned })
  })
}

function renewBeforeOf(text: string | undefined): { readonly renewBefore?: number } {
  if (text === undefined) return {}
  const renewBefore = parseDuration(text)
  if (renewBefore !== undefined && renewBefore >= 0) return { renewBefore }
  throw new KpkiError(
    'ERR_USAGE',
    `--renew-before: "${text}" is not a time`,
    {},
    { hint: 'write it as 30d, 720h or 12h30m' },
  )
}

async function staleIn(out: string, cluster: Cluster): Promise<readonly StalePath[]> {
  const [nodes, kubeconfig] = await Promise.all(
    ['nodes', 'kubeconfig'].map((folder) => readTree(out, { folder, depth: 1 })),
  )
  return stalePaths(cluster, nodes ?? treeOf([]), kubeconfig ?? treeOf([]))
}

function departed(stale: readonly StalePath[]): { readonly departed: readonly string[] } {
  const nodes = stale.filter(({ path }) => path.startsWith('nodes/'))
  return { departed: nodes.map(({ path }) => path.slice('nodes/'.length)) }
}

async function mayPrune(
  io: Io,
  out: string,
  stale: readonly StalePath[],
  yes: boolean,
): Promise<boolean> {
  if (stale.length === 0) return false
  const authorities = await readTree(out, { folder: 'authorities' })
  for (const { path } of stale)
    if (path.startsWith('nodes/'))
      refuseLastCopy(path, await readTree(out, { folder: path }), authorities)
  const paths = stale.map(({ path }) => path).join(', ')
  if (yes) return true
  if (io.confirm !== undefined) return io.confirm(`remove ${paths} with the keys in it?`)
  const message = `--prune removes ${paths}, and nobody can be asked here`
  throw new KpkiError('ERR_USAGE', message, {}, { hint: 'say --yes' })
}

interface Made {
  readonly changes: readonly Change[]
  readonly certificates: readonly DatedCertificate[]
}

async function make(
  io: Io,
  out: string,
  cluster: Cluster,
  text: string,
  settings: Pick<GenerateOptions, 'renewBefore' | 'departed'>,
  writing: boolean,
): Promise<Made> {
  const changes: Change[] = []
  const certificates: DatedCertificate[] = []
  const existing = (folder: string): Promise<FileTree> => readTree(out, { folder })
  const now = envOf(runtimeEngine(), io.now())
  const env = writing ? now : planningEnv(now)
  const started = io.now().getTime()
  const writes = writing ? writer(out) : undefined
  try {
    for await (const part of parts(cluster, text, out, { env, existing, ...settings })) {
      await writes?.add(part)
      // The cluster file is told of first.
      if (part.folder === '') changes.unshift(...part.changes)
      else changes.push(...part.changes)
      certificates.push(...part.certificates)
      if (io.isTerminal && io.now().getTime() - started > 1000 && part.node !== undefined)
        io.err(`kpki: ${part.folder}\n`)
    }
  } finally {
    // Nothing may be under way when the lock is given back.
    await writes?.end()
  }
  return { changes, certificates }
}

// The cluster file goes before the nodes: with it, `kpki gen -o OUT` completes a run that was cut off. It goes behind
// the authorities: the secrets that it no longer holds are there by then.
async function* parts(
  cluster: Cluster,
  text: string,
  out: string,
  options: GenerateOptions,
): AsyncGenerator<Part> {
  const before = await readTree(out, { depth: 1 })
  const others = generateParts(cluster, options)
  // Until the first part is there, nothing is written: by then it is known that what lies in OUT can be used.
  const first = await others.next()
  refuseUnusable('', [{ path: CLUSTER_FILE }], before)
  const draft = { entry: file(CLUSTER_FILE, text, 0o600) }
  if (first.done !== true) yield first.value
  yield compare({ folder: '', drafts: [draft], folders: [], certificates: [] }, before)
  yield* others
}

interface Writer {
  readonly add: (part: Part) => Promise<void>
  readonly end: () => Promise<void>
}

const PARTS_IN_FLIGHT = 8

// A disk syncs many files in the time of one: several nodes are on their way while the next is made.
// What is not a node's is there for good before anything that builds on it.
function writer(out: string): Writer {
  const flying = new Set<Promise<void>>()
  let failed: { readonly cause: unknown } | undefined
  const check = (): void => {
    if (failed !== undefined) throw failed.cause
  }
  const end = async (): Promise<void> => {
    await Promise.all(flying)
    check()
  }
  const add = async (part: Part): Promise<void> => {
    const written: Promise<void> = writePart(out, part)
      .catch((cause: unknown) => {
        failed ??= { cause }
      })
      .finally(() => flying.delete(written))
    flying.add(written)
    if (part.node === undefined) await end()
    else if (flying.size >= PARTS_IN_FLIGHT) await Promise.race(flying)
    check()
  }
  return { add, end }
}

async function writePart(out: string, { folder, tree, changes }: Part): Promise<void> {
  const kept = new Set(changes.filter(({ action }) => action === 'keep').map(({ path }) => path))
  const prefix = folder === '' ? '' : `${folder}/`
  // Folders keep their modes where nothing in them is new, too.
  const folders = [...foldersOf(tree, folderMode(folder))].map((folder) => directory(...folder))
  const files = [...tree.values()].filter(
    ({ kind, path }) => kind !== 'directory' && !kept.has(prefix + path),
  )
  await writeTree(out, treeOf([...folders, ...files]), { folder, rootMode: 0o700 })
}

// A node's folders are the node's own: kubeadm's modes. Everything else is the operator's alone.
function folderMode(folder: string): number {
  return folder.startsWith('nodes/') ? 0o755 : 0o700
}

async function makeFolder(out: string): Promise<void> {
  try {
    await makeRoot(out, 0o700)
  } catch (cause) {
    throw new KpkiError(
      'ERR_WRITE_FAILED',
      `${out} can't be made`,
      { path: out },
      {
        cause,
        hint: 'choose a folder that you may write to with -o',
      },
    )
  }
}

interface Reported extends Made {
  readonly stale: readonly StalePath[]
  /** Whether what is stale goes. */
  readonly pruned: boolean
}

function report(io: Io, options: GenOptions, cluster: Cluster, made: Reported): ExitCode {
  const { changes, certificates, stale, pruned } = made
  const writing = options.dryRun !== true && options.check !== true
  if (options.json === true) {
    const plan = {
      changes,
      stale,
      pruned,
      certificates,
      ...datesData(certificates),
      notes: notes(cluster, certificates, io.now()),
    }
    io.out(`${JSON.stringify(plan, undefined, 2)}\n`)
  } else {
    io.out(changeLines(changes, !writing))
    io.out(staleLines(stale, pruned ? 'remove' : 'stale'))
    io.out(`${writing ? '' : 'plan: '}${summary(changes, pruned ? [] : stale)}\n`)
    for (const note of notes(cluster, certificates, io.now())) io.out(`note: ${note}\n`)
    io.out(dates(certificates))
  }
  const pending = stale.length > 0 || changes.some(({ action }) => action !== 'keep')
  return options.check === true && pending ? 1 : 0
}
