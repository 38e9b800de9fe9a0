import * as v from 'valibot'
import type { Waiver } from '../../audit/types.js'
import { isKpkiError, KpkiError, type SpecIssue } from '../../errors.js'
import { loadYaml } from '../../files/yaml/yaml.js'
import { parseDate } from '../../values/time.js'
import type { Io } from '../io.js'
import { readText } from './text.js'

/** `waivers[0].rule`, as people write it. */
export function issuePath(keys: readonly unknown[]): string {
  if (keys.length === 0) return 'the file'
  return keys
    .map((key, at) =>
      typeof key === 'number' ? `[${key}]` : `${at === 0 ? '' : '.'}${String(key)}`,
    )
    .join('')
}

/** All mistakes of a file as one error; a single one is the error itself. */
export function mistakes(name: string, issues: readonly SpecIssue[], help: string): KpkiError {
  const [first] = issues
  const message =
    issues.length === 1 && first !== undefined
      ? `${name}: ${first.path}: ${first.message}`
      : `${name} has ${issues.length} mistakes`
  const hint = (issues.length === 1 ? first?.fix : undefined) ?? help
  return new KpkiError('ERR_SPEC_INVALID', message, { issues }, { hint })
}

/** Looked for in the current folder; never in what is audited: a tree must not excuse itself. */
export const WAIVERS_FILE = '.kpki-audit.yaml'

const text = v.pipe(v.string('is not a text'), v.trim(), v.nonEmpty('is empty'))

const day = v.pipe(
  text,
  v.regex(
    /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/,
    'is not a date such as 2027-03-31',
  ),
  v.check((value) => parseDate(value) !== undefined, 'is not a date such as 2027-03-31'),
)

const waiver = v.strictObject(
  {
    rule: text,
    node: v.optional(text),
    path: v.optional(text),
    reason: v.pipe(text, v.minLength(8, 'does not say why: a reason is a sentence')),
    expires: v.optional(day),
  },
  problem,
)

const file = v.strictObject(
  { apiVersion: v.optional(v.literal('kpki/v1alpha1')), waivers: v.array(waiver, 'is not a list') },
  problem,
)

// valibot words a strict object's complaints for programmers.
function problem({ expected, received }: { expected: string | null; received: string }): string {
  if (expected === 'never') return `is not a known key`
  return received === 'undefined' ? 'is missing' : 'is not a mapping of keys to values'
}

/**
 * Reads the accepted findings: the given file, or `.kpki-audit.yaml` of the current folder if there is one.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` with every mistake, `ERR_FILE_MISSING`, `ERR_YAML_INVALID`.
 */
export async function readWaivers(io: Io, path: string | undefined): Promise<readonly Waiver[]> {
  const name = path ?? WAIVERS_FILE
  const content = await contentOf(io, name, path === undefined)
  return content === undefined ? [] : parseWaivers(content, name)
}

/** @throws KpkiError `ERR_SPEC_INVALID` with every mistake. */
export function parseWaivers(content: string, name: string): readonly Waiver[] {
  const value = loadYaml(content, name, { textPaths: ['waivers.*.expires', 'waivers.*.node'] })
  const result = v.safeParse(file, value ?? { waivers: [] })
  if (result.success)
    return result.output.waivers.map(({ rule, reason, node, path, expires }) => ({
      rule,
      reason,
      ...(node === undefined ? {} : { node }),
      ...(path === undefined ? {} : { path }),
      ...(expires === undefined ? {} : { expires }),
    }))
  const issues: SpecIssue[] = result.issues.map((issue) => ({
    path: issuePath(issue.path?.map(({ key }) => key) ?? []),
    message: issue.message,
  }))
  const help =
    'a waiver has rule, reason, and if wanted node, path and expires: a date from which it no longer holds'
  throw mistakes(name, issues, help)
}

async function contentOf(io: Io, name: string, optional: boolean): Promise<string | undefined> {
  try {
    return await readText(io, name)
  } catch (error) {
    if (optional && isKpkiError(error) && error.code === 'ERR_FILE_MISSING') return undefined
    throw error
  }
}
