import { describe, expect, it } from 'vitest'
import { auditTree } from '../../../src/audit/audit.js'
import { LAYOUT_IDS } from '../../../src/audit/read/layouts.js'
import type { AuditReport } from '../../../src/audit/types.js'
import type { FileTree } from '../../../src/files/tree.js'
import { NOW } from '../support.js'
import { FIXTURES } from './fixtures.js'
import type { Defect } from './workshop.js'

const audit = (tree: FileTree): Promise<AuditReport> => auditTree(tree, { at: NOW })
const brief = ({ findings }: AuditReport) => [
  ...new Set(
    findings.flatMap(({ severity, code }) => (severity === 'info' ? [] : [`${severity} ${code}`])),
  ),
]

/** Which rules speak of each defect; one of them is enough. */
const TOLD: Readonly<Record<Defect['how'], RegExp>> = {
  expired: /^(V01|X03)$/,
  'foreign-key': /^(K01|F06|X01|X06)$/,
  'foreign-authority': /^(C01|C02|C18|C19|F07|X04)$/,
}

const OWN_WAY = new Set([
  ...['k3s I01', 'rke2 I01', 'minikube E14', 'minikube I01', 'kubespray E15'],
  ...['E14', 'E15', 'F18', 'I01', 'M09'].map((code) => `microk8s ${code}`),
])

it('has a fixture for every layout', () => {
  const shown = new Set(FIXTURES.map(({ layout }) => layout))
  expect(LAYOUT_IDS.filter((id) => !shown.has(id))).toEqual([])
})

describe.each(FIXTURES)('$title', ({ layout, make, pairs, known }) => {
  it(`is recognised as ${layout}, and only the truth is told of it`, async () => {
    const report = await audit(await make())
    expect(brief(report).sort()).toEqual([...known].sort())
    // What a project makes so is not mended by making it again.
    const made = report.findings.filter(({ severity }) => severity !== 'info')
    for (const { code, fix } of made)
      if (OWN_WAY.has(`${report.layouts[0]?.owner} ${code}`)) expect(fix).toMatch(/^none: /)
    expect(report.unrecognised).toEqual([])
    expect(report.layouts.map(({ layout: id }) => id)).toEqual([layout])
  })

  const hows = ['expired', 'foreign-key', 'foreign-authority'] as const
  it.each(
    pairs.flatMap(({ path, not }) => hows.flatMap((how) => (how === not ? [] : [{ path, how }]))),
  )('$how: $path', async (defect) => {
    const report = await audit(await make(defect))
    const told = report.findings.filter(({ code }) => TOLD[defect.how].test(code))
    const base = defect.path.replace(/(\.crt|\.pem)$/, '')
    const paths = told.map(({ path }) => path ?? '').filter((path) => path.startsWith(base))
    expect(paths, JSON.stringify(report.findings)).not.toEqual([])
  })
})
