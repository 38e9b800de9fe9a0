/** One mistake in a cluster file: where it is, what is wrong, and how to mend it. */
export interface SpecIssue {
  /** Path in the user's own words, for example `spec.nodes[1].address`. */
  readonly path: string
  readonly message: string
  /** What to write instead. */
  readonly fix?: string
}

/** One error code. `D` is what an error of it carries besides its message; the field itself is never set. */
export interface ErrorRow<D extends object> {
  /**
   * Exit status of the command line: 2 the caller asked wrongly, 3 the world failed. (0 is success; 1 is
   * kept for findings and pending changes, which are values, not errors.)
   */
  readonly exit: 2 | 3
  /** When it is thrown, as a sentence without a full stop. */
  readonly about: string
  readonly details?: D
}

function row<D extends object>(exit: 2 | 3, about: string): ErrorRow<D> {
  return { exit, about }
}

/** A file, by its path. */
interface AtPath {
  readonly path: string
}

/** Every error code: the one place to add one. `kpki explain CODE` and docs/errors.md follow. */
export const ERRORS = {
  ERR_USAGE: row(
    2,
    'a command line or a call asks for something that does not exist or fit together',
  ),
  ERR_SPEC_INVALID: row<{ readonly issues: readonly SpecIssue[] }>(
    2,
    'a cluster file, kubeadm configuration or waivers file has mistakes; `issues` holds every one with its path',
  ),
  ERR_YAML_INVALID: row<{ readonly path?: string; readonly line?: number }>(
    2,
    'a text is not YAML, or uses what kpki does not read (anchors without end, duplicate keys)',
  ),
  ERR_PEM_INVALID: row<Partial<AtPath>>(2, 'a text holds no PEM block of the kind that is needed'),
  ERR_DER_INVALID: row<Partial<AtPath>>(2, 'bytes are not the DER structure that they should be'),
  ERR_KEY_INVALID: row<Partial<AtPath>>(
    2,
    'a key cannot be read, or is of a kind that is not used',
  ),
  ERR_KEY_MISMATCH: row<AtPath>(
    2,
    'a key does not belong to its certificate, or a signature to its authority',
  ),
  ERR_CA_KEY_MISSING: row<{ readonly authority: string }>(
    2,
    'an authority has to sign, and its key is not there',
  ),
  ERR_FILE_MISSING: row<AtPath>(2, 'a file that was named does not exist'),
  ERR_FILE_UNSAFE: row<AtPath>(
    2,
    'a path leads through a link or out of its folder, or others may write there',
  ),
  ERR_FILE_UNREADABLE: row<AtPath>(3, 'a file is there and cannot be read'),
  ERR_NO_PKI: row<Partial<AtPath>>(
    2,
    'an audit was given nothing of a Kubernetes PKI, or a part that holds nothing of it',
  ),
  ERR_CLOCK: row<AtPath & { readonly notBefore: string }>(
    3,
    'the clock is behind what lies in the output folder: what would be made now would end too early',
  ),
  ERR_LOCKED: row<AtPath & { readonly owner: string }>(
    3,
    'another run is at work in the same folder',
  ),
  ERR_WRITE_FAILED: row<AtPath>(3, 'a file or folder cannot be written'),
  ERR_REMOTE: row<{ readonly host: string; readonly step?: string }>(
    3,
    'a host cannot be reached, or a step failed on it',
  ),
  ERR_PLAN_STALE: row(2, 'a reviewed plan no longer fits what it would be applied to'),
  ERR_INTERNAL: row(3, 'kpki contradicts itself: a bug, please report it'),
} as const

/** The stable code of an error: a row of the table of error codes. */
export type ErrorCode = keyof typeof ERRORS

/** What each error code carries besides its message. */
export type ErrorDetails = {
  readonly [C in ErrorCode]: (typeof ERRORS)[C] extends ErrorRow<infer D> ? D : never
}

/**
 * Every error that kpki throws on purpose. `code` is stable across releases, `message` is a lower-case
 * sentence that names the value, `hint` is what to do about it. Secrets never occur in either.
 */
export class KpkiError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C
  readonly details: ErrorDetails[C]
  readonly hint: string | undefined

  constructor(
    code: C,
    message: string,
    details: ErrorDetails[C],
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KpkiError'
    this.code = code
    this.details = details
    this.hint = options.hint
  }
}

/**
 * Narrows an unknown error to a {@link KpkiError}; `switch (error.code)` then narrows `details`.
 *
 * @example
 * ```ts
 * import { isKpkiError, parseCluster } from 'kpki'
 *
 * try {
 *   parseCluster('apiVersion: kpki/v1alpha1')
 * } catch (error) {
 *   if (!isKpkiError(error) || error.code !== 'ERR_SPEC_INVALID') throw error
 *   for (const { path, message } of error.details.issues) console.log(path, message)
 * }
 * ```
 */
export function isKpkiError(
  error: unknown,
): error is { [C in ErrorCode]: KpkiError<C> }[ErrorCode] {
  return error instanceof KpkiError
}

/** The message of anything thrown; only kpki's own are trusted to name no secret. */
export function messageOf(error: unknown): string {
  return isKpkiError(error) ? error.message : 'could not be read'
}
