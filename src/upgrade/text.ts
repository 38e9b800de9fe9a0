import { differencesText, nodeNames } from '../compare/text.js'
import type { Difference } from '../compare/types.js'
import { plural, printable } from '../values/text.js'
import type { UpgradeArea, UpgradeItem, UpgradePlan, UpgradeStep } from './types.js'

const AREAS: Readonly<Record<UpgradeArea, string>> = {
  certificate: 'certificates',
  rbac: 'role bindings',
  configuration: 'configuration',
  manifest: 'static pods',
  kubelet: 'kubelet',
  etcd: 'etcd',
  host: 'machines',
}

/** An upgrade plan for people: what to do before each step, then what changes, then who does it. */
export function upgradeText(plan: UpgradePlan): string {
  const { from, to, steps, kubeadm } = plan
  if (steps.length === 0) return `${printable(plan.cluster)} is at ${to} already\n`
  const urgent = steps.flatMap(({ items }) => items.filter(({ before }) => before === true))
  const head = [
    `${printable(plan.cluster)}: ${from} → ${to} in ${plural(steps.length, 'step')}: `,
    `${[from, ...steps.map((step) => step.to)].join(' → ')}\n`,
    steps.length > 1
      ? 'kubeadm upgrades one minor at a time; control planes first, then their kubelets, then workers\n'
      : '',
    urgent.length > 0
      ? `${plural(urgent.length, 'thing')} must be done before a step (marked !)\n`
      : '',
  ]
  return [
    ...head,
    ...steps.map(stepText),
    '\nat every step kubeadm\n',
    ...kubeadm.does.map((line) => `  - ${printable(line)}\n`),
    'and leaves\n',
    ...kubeadm.leaves.map((line) => `  - ${printable(line)}\n`),
  ].join('')
}

function stepText({ from, to, items, differences }: UpgradeStep): string {
  const areas = (Object.keys(AREAS) as UpgradeArea[]).flatMap((area) => {
    const own = items.filter((item) => item.area === area)
    return own.length === 0 ? [] : [`\n${AREAS[area]}\n`, ...own.map(itemText)]
  })
  // What certificates say is told above.
  const others = differencesText(differences.filter(isFile))
  const files = others === '' ? '' : `\nfiles\n${indented(others)}`
  return `\n== ${from} → ${to}\n${areas.join('')}${files}`
}

function isFile({ kind }: Difference): boolean {
  return kind !== 'certificate'
}

function itemText(item: UpgradeItem): string {
  const { what, kubeadm, todo, nodes = [], source, before } = item
  const where = nodes.length === 0 ? '' : ` (${nodeNames(nodes)})`
  const lines = [`  ${before === true ? '!' : '-'} ${printable(what)}${where}\n`]
  if (kubeadm !== 'nobody') lines.push(`      kubeadm: ${kubeadm}\n`)
  if (todo !== undefined) lines.push(`      to do: ${printable(todo)}\n`)
  if (source !== undefined) lines.push(`      see ${source}\n`)
  return lines.join('')
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ')
}
