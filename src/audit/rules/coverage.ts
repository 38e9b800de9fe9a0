import { type ComponentName, FLAGS, type FlagRow, OTHER_SETTINGS } from '../../manifests/flags.js'
import { CIS_FLAGS } from './cis.js'
import { RULES } from './index.js'

/** What decides who gets in, and the rules that judge it; without any it is listed only. */
export interface Covered {
  readonly component: ComponentName
  /** `--flag`, a variable, or kind and field of a file. */
  readonly setting: string
  readonly decides: string
  readonly rules: readonly string[]
  readonly since?: string
  readonly until?: string
}

/** Every rule that judges a flag: those that its row names, those of its file, CIS's, and that of flags that are gone. */
export function rulesOfFlag(row: FlagRow): readonly string[] {
  const codes = [
    ...(row.judgedBy ?? []),
    ...(row.reader === undefined ? [] : ['X01']),
    ...(row.key === undefined || row.component === 'kubelet' ? [] : ['X01']),
    ...(CIS_FLAGS.get(`${row.component} ${row.flag}`) ?? []),
    ...(row.until === undefined ? [] : ['M15']),
  ]
  return RULES.flatMap(({ code }) => (codes.includes(code) ? [code] : []))
}

/** Every setting of every component that decides who gets in. */
export const COVERAGE: readonly Covered[] = [
  ...FLAGS.flatMap((row): readonly Covered[] => {
    const { component, flag, decides, field, since, until } = row
    if (decides === undefined) return []
    const setting = field === undefined ? `--${flag}` : `--${flag}, ${field.join('.')}`
    return [
      {
        component,
        setting,
        decides,
        rules: rulesOfFlag(row),
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
      },
    ]
  }),
  ...OTHER_SETTINGS.flatMap(({ name, components, decides, judgedBy = [] }) =>
    components.map((component) => ({ component, setting: name, decides, rules: judgedBy })),
  ),
]

/** The page docs/audit-coverage.md. Markdown. */
export function coveragePage(): string {
  const components = [...new Set(COVERAGE.map(({ component }) => component))]
  const counts = components.map((component) => {
    const own = COVERAGE.filter((one) => one.component === component)
    const judged = own.filter(({ rules }) => rules.length > 0)
    return `| ${component} | ${judged.length} | ${own.length - judged.length} |`
  })
  const parts = components.map((component) => {
    const own = COVERAGE.filter((one) => one.component === component)
    const judged = own.filter(({ rules }) => rules.length > 0)
    const listed = own.filter(({ rules }) => rules.length === 0)
    return `## ${component}

| setting | decides | judged by | releases |
|---|---|---|---|
${judged.map(lineOf).join('\n')}

Listed, and not judged:

| setting | decides | releases |
|---|---|---|
${listed.map((one) => `| \`${one.setting}\` | ${one.decides} | ${releasesOf(one)} |`).join('\n')}
`
  })
  return `# What \`kpki audit\` reads of what decides who gets in

<!-- Written from the table of flags and the rules by \`npm run docs\`. -->

Every flag, variable and field of a file that decides authentication, authorization, serving, trust, identity, the
place of a secret, who can reach a server, or which pods a node runs, for Kubernetes 1.28 to 1.37 and etcd 3.5 to 3.7.
What no rule judges is said by name: nothing is claimed of it.

- *authentication*: who a client is; *authorization*: what somebody may do; *serving*: what a server shows, and how
  it speaks; *trust*: whom a component believes; *identity*: as whom a component, a node or the cluster appears;
  *secret*: where a key, a token or another secret lies; *reach*: who can reach a server, and which way requests
  take; *pods*: which pods a node runs.

| component | judged | listed only |
|---|---|---|
${counts.join('\n')}

${parts.join('\n')}`
}

function lineOf(one: Covered): string {
  const rules = one.rules.map((code) => `[${code}](rules/${code.charAt(0)}.md)`)
  return `| \`${one.setting}\` | ${one.decides} | ${rules.join(', ')} | ${releasesOf(one)} |`
}

function releasesOf({ since, until }: Covered): string {
  const from = since === undefined ? '' : `from ${since}`
  const to = until === undefined ? '' : `until ${until}`
  return [from, to].filter((text) => text !== '').join(', ')
}
