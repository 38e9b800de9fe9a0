/** The rule that a failure of a must-succeed connection is reported under, by its reason. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'connection-name': ['no-san', 'name-mismatch'],
  'connection-expired': ['expired', 'not-yet-valid'],
  'connection-usage': ['usage'],
  'connection-credential': [
    'file-missing',
    'file-unmounted',
    'unparsable',
    'key-missing',
    'key-encrypted',
    'key-mismatch',
    'contradiction',
    'dangling-context',
    'plain-http',
  ],
  'connection-identity': ['refused'],
  'connection-pin': ['pin'],
  'connection-token-key': ['token-key'],
  'component-down': ['component-down', 'no-etcd', 'no-quorum'],
}

const BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries(RULES).flatMap(([rule, codes]) => codes.map((code) => [code, rule] as const)),
)

/** Everything else is a matter of trust: signatures, CA bits, path lengths, missing CAs. */
export function ruleOfProblem(code: string): string {
  return BY_CODE.get(code) ?? 'connection-untrusted'
}
