/** One mistake in a cluster file: where it is, what is wrong, and how to mend it. */
export interface SpecIssue {
  /** Path in the user's own words, for example `spec.nodes[1].address`. */
  readonly path: string
  readonly message: string
  /** What to write instead. */
  readonly fix?: string
}

/** What each error code carries besides its message. */
export interface ErrorDetails {
  ERR_USAGE: object
  ERR_SPEC_INVALID: { readonly issues: readonly SpecIssue[] }
  ERR_YAML_INVALID: { readonly path?: string; readonly line?: number }
  ERR_PEM_INVALID: { readonly path?: string }
  ERR_DER_INVALID: { readonly path?: string }
  ERR_KEY_INVALID: { readonly path?: string }
  ERR_KEY_MISMATCH: { readonly path: string }
  ERR_CA_KEY_MISSING: { readonly authority: string }
  ERR_FILE_MISSING: { readonly path: string }
  ERR_FILE_UNSAFE: { readonly path: string }
  ERR_FILE_UNREADABLE: { readonly path: string }
  ERR_LOCKED: { readonly path: string; readonly owner: string }
  ERR_WRITE_FAILED: { readonly path: string }
  ERR_REMOTE: { readonly host: string; readonly step?: string }
  ERR_PLAN_STALE: object
  ERR_INTERNAL: object
}

export type ErrorCode = keyof ErrorDetails

/**
 * Exit status of the command line for each code: 2 the caller asked wrongly, 3 the world failed.
 * (0 is success; 1 is kept for findings and pending changes, which are values, not errors.)
 */
export const ERROR_EXITS: { readonly [C in ErrorCode]: 2 | 3 } = {
  ERR_USAGE: 2,
  ERR_SPEC_INVALID: 2,
  ERR_YAML_INVALID: 2,
  ERR_PEM_INVALID: 2,
  ERR_DER_INVALID: 2,
  ERR_KEY_INVALID: 2,
  ERR_KEY_MISMATCH: 2,
  ERR_CA_KEY_MISSING: 2,
  ERR_FILE_MISSING: 2,
  ERR_FILE_UNSAFE: 2,
  ERR_FILE_UNREADABLE: 3,
  ERR_LOCKED: 3,
  ERR_WRITE_FAILED: 3,
  ERR_REMOTE: 3,
  ERR_PLAN_STALE: 2,
  ERR_INTERNAL: 3,
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

/** Narrows an unknown error to a {@link KpkiError}; `switch (error.code)` then narrows `details`. */
export function isKpkiError(
  error: unknown,
): error is { [C in ErrorCode]: KpkiError<C> }[ErrorCode] {
  return error instanceof KpkiError
}
