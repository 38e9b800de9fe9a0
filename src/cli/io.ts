/** 0 done or clean · 1 findings or pending changes · 2 asked wrongly · 3 the world failed. */
export type ExitCode = 0 | 1 | 2 | 3

/** The outside of the command line: everything a verb may touch besides files and hosts. */
export interface Io {
  /** The product. */
  readonly out: (text: string) => void
  /** The talk: progress, warnings, errors. */
  readonly err: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether a person sees the talk as it comes: colours and progress. */
  readonly isTerminal: boolean
  readonly now: () => Date
  /** Records how the run ends; the first non-zero code stays. */
  readonly exit: (code: ExitCode) => void
}
