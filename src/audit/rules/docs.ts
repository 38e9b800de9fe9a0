import type { InputLevel, Level, Rule, RuleGroup, Severity } from '../types.js'
import { type Fix, fixInGeneral } from './remedies.js'

/** Groups in the order of the catalogue; what the trust graph shows comes last. */
export const GROUP_TITLES: Readonly<Record<RuleGroup, string>> = {
  P: 'PEM and file content',
  K: 'Keys',
  C: 'Chains and issuers',
  E: 'Extensions and usages',
  S: 'Names',
  N: 'Serial numbers and signatures',
  V: 'Validity',
  I: 'Identity',
  T: 'Topology and placement',
  A: 'Service accounts, encryption, tokens',
  F: 'Kubeconfigs',
  O: 'Modes and owners',
  M: 'Manifests and flags',
  R: 'Rotation',
  X: 'Connections and components',
}

const LEVELS: Readonly<Record<Level, string>> = {
  C: 'critical',
  H: 'high',
  M: 'medium',
  L: 'low',
  I: 'information',
}

/** What each severity means, and the levels that a rule of it can have. */
export const SEVERITY_MEANINGS: Readonly<
  Record<Severity, { readonly means: string; readonly levels: readonly Level[] }>
> = {
  error: {
    means:
      'A connection or component does not work, or somebody gets what nobody meant to give him, as the files stand.',
    levels: ['C', 'H'],
  },
  warning: {
    means:
      'Everything works and nobody gets in today, and one more step, such as a stolen file, an upgrade or a date, makes it an error.',
    levels: ['H', 'M'],
  },
  info: { means: 'Nothing is wrong; somebody may want to know.', levels: ['L', 'I'] },
}

const NEEDS: Readonly<Record<InputLevel, string>> = {
  bytes: 'the files',
  metadata: 'the files with their modes and owners',
  manifests: 'manifests, units or a kubelet configuration',
  'second-tree': 'an earlier tree to compare with',
}

/** Rules of the catalogue that no file can decide, and why. */
export const NOT_DECIDABLE: readonly (readonly [code: string, id: string, why: string])[] = [
  ['V13', 'clock-skew', 'a node’s clock is not in its files'],
  ['V14', 'renewed-not-loaded', 'what a running process has loaded is not in its files'],
  ['O09', 'hardlink-acl', 'trees carry neither link counts nor access lists'],
  ['O11', 'archive-modes', 'an unpacked archive is judged by O01, O02 and F21 like any tree'],
  ['R10', 'restart-owed', 'start times of processes, and the journal, are not in the files'],
]

/** The page of one rule, as `kpki explain` prints it and docs/rules holds it. Markdown. */
export function rulePage(rule: Rule): string {
  const { code, id, title, why, fix, remedy, citation, level, severity, needs, profiles } = rule
  const lines = [
    `## ${code} ${id}`,
    '',
    `${sentence(title)}`,
    '',
    why,
    '',
    `- Severity: ${severity} (catalogue: ${LEVELS[level]}); a finding may be graver or milder.`,
    `- Needs: ${NEEDS[needs]}.`,
    `- Profiles: ${profiles.join(', ')}.`,
    `- Source: ${citation}`,
  ]
  lines.push(...fixLines(remedy ?? fix))
  return `${lines.join('\n')}\n`
}

/** kpki's words and kubeadm's, where they differ. */
function fixLines(fix: Fix | undefined): readonly string[] {
  if (fix === undefined) return []
  const [kpki, kubeadm] = [fixInGeneral(fix, 'kpki'), fixInGeneral(fix, 'kubeadm')]
  if (kpki === kubeadm) return [`- Fix: \`${kpki}\``]
  return [`- Fix, kpki: \`${kpki}\``, `- Fix, kubeadm: \`${kubeadm}\``]
}

function sentence(title: string): string {
  return `${title.charAt(0).toUpperCase()}${title.slice(1)}.`
}

/** The pages of docs/rules by file name: one for each group, and the list. */
export function rulePages(rules: readonly Rule[]): ReadonlyMap<string, string> {
  const pages = new Map<string, string>()
  const groups = [...new Set(rules.map(({ group }) => group))]
  for (const group of groups) {
    const own = rules.filter((rule) => rule.group === group)
    pages.set(`${group}.md`, `# ${GROUP_TITLES[group]}\n\n${own.map(rulePage).join('\n')}`)
  }
  pages.set('README.md', overview(rules, groups))
  return pages
}

function overview(rules: readonly Rule[], groups: readonly RuleGroup[]): string {
  const tables = groups.map((group) => {
    const own = rules.filter((rule) => rule.group === group)
    const rows = own.map(
      ({ code, id, severity, title }) =>
        `| [${code}](${group}.md#${code.toLowerCase()}-${id}) | ${id} | ${severity} | ${title} |`,
    )
    return `## ${group}: ${GROUP_TITLES[group]}\n\n| Code | Rule | Severity | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  const severities = Object.entries(SEVERITY_MEANINGS).map(
    ([severity, { means, levels }]) =>
      `| ${severity} | ${means} | ${levels.map((level) => LEVELS[level]).join(', ')} |`,
  )
  const undecided = NOT_DECIDABLE.map(([code, id, why]) => `| ${code} | ${id} | ${why} |`)
  return `# The rules of \`kpki audit\`

${rules.length} rules. \`kpki explain RULE\` prints the same pages. Generated from src/audit/rules; do not edit.

## Severities

| Severity | Means | Levels |
|---|---|---|
${severities.join('\n')}

${tables.join('\n')}
## Not decidable from files

| Code | Rule | Why |
|---|---|---|
${undecided.join('\n')}
`
}
