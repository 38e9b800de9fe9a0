import { afterEach, describe, expect, it, vi } from 'vitest'
import { VERBS } from '../../src/cli/verbs/table.js'
import { kpki } from './audit-support.js'

const NOW = new Date('2026-03-01T00:00:00Z')

/** Names of the verbs whose files were loaded for a command line, and what it printed. */
async function loadedBy(...argv: readonly string[]) {
  const spies = VERBS.map((row) => ({ name: row.name, spy: vi.spyOn(row, 'load') }))
  const { exit, out } = await kpki('.', argv, NOW)
  const loaded = spies.filter(({ spy }) => spy.mock.calls.length > 0).map(({ name }) => name)
  return { exit, out, loaded }
}

describe('help', () => {
  afterEach(() => vi.restoreAllMocks())

  it('lists every verb with its summary, and loads none of them', async () => {
    const { exit, out, loaded } = await loadedBy('--help')
    expect({ exit, loaded }).toEqual({ exit: 0, loaded: [] })
    const plain = out.replace(/\s+/g, ' ')
    for (const { name, summary } of VERBS) expect(plain).toContain(`${name} ${summary}`)
  })

  it.each(VERBS.map(({ name }) => name))('%s: only its own file is loaded', async (name) => {
    const { exit, out, loaded } = await loadedBy(name, '--help')
    expect({ exit, loaded }).toEqual({ exit: 0, loaded: [name] })
    expect(out).toContain(`kpki ${name}`)
    expect(out).toContain('Examples:')
  })

  it('knows a verb by its other name', async () => {
    expect(await loadedBy('generate', '--help')).toMatchObject({ exit: 0, loaded: ['gen'] })
  })
})
