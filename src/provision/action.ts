import type { FileEntry } from '../files/tree.js'
import type { JsonObject } from '../values/json.js'
import type { TransformId } from './host/transforms.js'
import type { Redact } from './run/redact.js'
import type { Secret } from './run/remote.js'

/** What every action has. */
export interface ActionBase {
  /** Stable within its step. */
  readonly id: string
  /** What it does, in a few words, without secrets. */
  readonly about: string
  /** What it interrupts, if anything. */
  readonly disrupts?: string
}

/** A short script that ends by itself. */
export interface RunAction extends ActionBase {
  readonly kind: 'run'
  readonly script: string
  readonly args: readonly string[]
  readonly timeoutMs: number
  /** Content for the script's standard input. */
  readonly stdin?: Secret<string>
}

/** A long script that goes on when the connection is lost; the next run attaches to it. */
export interface JobAction extends ActionBase {
  readonly kind: 'job'
  readonly script: string
  readonly args: readonly string[]
  readonly timeoutMs: number
}

/** Computes a file's content from what is there (or what a command prints) and writes it if it differs. */
export interface RewriteAction extends ActionBase {
  readonly kind: 'rewrite'
  /** Absolute path on the host. */
  readonly path: string
  readonly mode: number
  /** A script whose output is the base; without one, the file itself. */
  readonly source?: { readonly script: string; readonly args: readonly string[] }
  readonly transform: TransformId
  readonly values: JsonObject
  /** Runs after the file has changed. */
  readonly after?: { readonly script: string; readonly args: readonly string[] }
}

/** A file of the node's tree with what happens to it. */
export interface FileChange {
  readonly path: string
  readonly change: 'create' | 'replace' | 'mode'
  readonly mode: number
  /** `uid:gid` */
  readonly owner: string
  readonly sha256: string
  /** SHA-256 of what is there now. */
  readonly before?: string
}

/** Places files as one generation. */
export interface PushAction extends ActionBase {
  readonly kind: 'push'
  readonly changes: readonly FileChange[]
  readonly entries: Secret<readonly FileEntry[]>
  /** Folders to make where they are missing, parents first. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[]
}

/** Asks until the answer is yes; changes nothing. */
export interface ProbeAction extends ActionBase {
  readonly kind: 'probe'
  readonly script: string
  readonly args: readonly string[]
  readonly timeoutMs: number
}

/** Merges the cluster's admin kubeconfig into a person's. */
export interface KubeconfigAction extends ActionBase {
  readonly kind: 'kubeconfig'
  /** The operator's own, or that of the login user on the host. */
  readonly whose: 'operator' | 'login-user'
  readonly content: Secret<string>
}

/** One thing to do on a host, as data. */
export type Action =
  | RunAction
  | JobAction
  | RewriteAction
  | PushAction
  | ProbeAction
  | KubeconfigAction

/** An action as a plan shows it: data that can be compared, hashed and reviewed, without secrets. */
export interface PlannedAction {
  readonly id: string
  readonly kind: Action['kind']
  readonly about: string
  readonly disrupts?: string
  readonly command?: string
  readonly path?: string
  readonly files?: readonly FileChange[]
}

/** @param redact for what the action has of the host's own words */
export function planned(action: Action, redact: Redact): PlannedAction {
  const { kind, disrupts } = action
  const [id, about] = [redact(action.id), redact(action.about)]
  const shown = { id, kind, about, ...(disrupts === undefined ? {} : { disrupts }) }
  switch (action.kind) {
    case 'push':
      return { ...shown, files: action.changes }
    case 'rewrite':
      return { ...shown, path: action.path }
    case 'run':
    case 'job':
    case 'probe':
      return { ...shown, command: redact(commandOf(action)) }
    case 'kubeconfig':
      return shown
  }
}

/** The script with its positional parameters, as one would type it. */
function commandOf(action: RunAction | JobAction | ProbeAction): string {
  const args = action.args.map((arg, at) => `$${at + 1}=${arg}`).join(' ')
  return args === '' ? action.script.trim() : `${action.script.trim()}\n# with ${args}`
}

/** Whether an action changes the host or the operator's files. */
export function changes(action: Action): boolean {
  return action.kind !== 'probe'
}
