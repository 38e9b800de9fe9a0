import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planText, progress, reportText, statusText } from '../../src/cli/verbs/provision.js'
import { generate } from '../../src/generate/generate.js'
import { envAt, small } from '../certs/clusters.js'
import { kubeadmFile } from '../cluster/support.js'
import { inputsOf } from '../provision/cluster.js'
import { kpki, writeOut } from './audit-support.js'

/** Clears the screen, names the window, hides and reverses text, and forges a line. */
const HOSTILE = 'x\u001b[2J\u001b]0;owned\u0007\u009b8m\u202e\u200b\rkpki: fine\nkpki: forged'
const now = new Date('2026-12-01T00:00:00Z')

/** Nothing but text, line breaks and tabs; and no line that somebody else wrote. */
function expectSafe(text: string) {
  expect(text).not.toMatch(/[^\P{C}\n\t]/u)
  expect(text).not.toMatch(/^\s*kpki: forged/m)
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kpki-terminal-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const kubeconfig = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': HOSTILE,
  clusters: [
    {
      name: HOSTILE,
      cluster: { server: `https://${HOSTILE}`, 'certificate-authority-data': 'eA==' },
    },
  ],
  users: [{ name: HOSTILE, user: { token: 'x' } }],
})

describe('what others have named, at a terminal or not', () => {
  const evil = 'evil\u001b[2J\nkpki: forged.conf'

  it('inspect', async () => {
    await writeFile(join(folder, evil), kubeconfig)
    const { out, exit } = await kpki(folder, ['inspect', evil], now)
    expect(exit).toBe(0)
    expect(out).toContain('\\u001b[2J')
    expectSafe(out)
    const json = await kpki(folder, ['inspect', '--json', evil], now)
    expectSafe(json.out)
    expect(JSON.parse(json.out)).toMatchObject([
      { path: evil, objects: [{ currentContext: HOSTILE }] },
    ])
  })

  it.each([
    ['a file that is not there', ['inspect', HOSTILE]],
    ['a word of the command line', ['inspect', `--${HOSTILE}`]],
    ['a verb', [HOSTILE]],
    ['a rule', ['explain', HOSTILE]],
    ['a time', ['audit', '.', '--at', HOSTILE]],
  ])('errors: %s', async (_what, argv) => {
    const { err, exit } = await kpki(folder, argv, now)
    expect(exit).toBe(2)
    expect(err).not.toBe('')
    expect(err).not.toMatch(/[^\P{C}\n\t]/u)
  })

  it('mistakes of a cluster file', async () => {
    const text = JSON.stringify({
      apiVersion: 'kpki/v1alpha1',
      kind: 'Cluster',
      metadata: { name: HOSTILE },
      spec: { [HOSTILE]: 1, kubernetesVersion: HOSTILE, nodes: [{ name: 'a', role: HOSTILE }] },
    })
    await writeFile(join(folder, 'bad.yaml'), text)
    const { err, exit } = await kpki(folder, ['gen', '-f', 'bad.yaml', '-o', 'none'], now)
    expect(exit).toBe(2)
    expectSafe(err)
  })

  describe('a tree', () => {
    beforeAll(async () => {
      const cluster = small()
      const out = join(folder, 'out')
      await writeOut(out, await generate(cluster, { env: envAt() }))
      const node = join(out, 'nodes', cluster.nodes[0]?.name ?? '')
      await writeFile(join(node, 'etc/kubernetes', evil), kubeconfig)
      await writeFile(join(node, 'etc/kubernetes/controller-manager.conf'), kubeconfig)
      await mkdir(join(out, 'nodes', evil, 'etc/kubernetes'), { recursive: true })
      await writeFile(join(out, 'nodes', evil, 'etc/kubernetes/kubelet.conf'), kubeconfig)
    })

    it.each([
      ['audit', []],
      ['audit', ['--verbose']],
      ['graph', ['--all']],
      ['graph', ['--all', '--format', 'dot']],
      ['audit', ['--format', 'json']],
    ])('%s %j', async (verb, more) => {
      const { out, err } = await kpki(folder, [verb, 'out', ...more], now)
      expect(out).toContain('evil')
      expectSafe(out)
      expectSafe(err)
    })

    it('colours are ours alone', async () => {
      const env = { FORCE_COLOR: '1' }
      const { out } = await kpki(folder, ['audit', 'out', '--verbose'], now, { env })
      expect(out).toContain('\u001b[31m')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours
      expectSafe(out.replace(/\u001b\[(?:[12]|22|3[1-6]|39)m/g, ''))
      expect(out).not.toContain('\u001b[2J')
    })
  })

  it('YAML is left to its own escapes', async () => {
    const text = kubeadmFile({
      cluster: 'apiServer: {extraArgs: {"audit-log-path": "/a\u200db"}}',
    })
    await writeFile(join(folder, 'kubeadm.yaml'), text)
    const { out, err } = await kpki(folder, ['convert', 'kubeadm.yaml', '--to', 'v1beta4'], now)
    expect(`${out}${err}`).toContain('/a\u200db')
  })
})

describe('what hosts say', () => {
  const problem = {
    host: 'cp',
    level: 'error',
    check: 'reach',
    message: HOSTILE,
    fix: HOSTILE,
  } as const
  const inputs = inputsOf()

  it('status, plan and report', () => {
    const host = { host: 'cp', role: 'control-plane', problems: [problem] }
    expectSafe(statusText([{ ...host, reached: false }]))
    expectSafe(
      statusText([
        {
          ...host,
          ...{ reached: true, kubelet: HOSTILE, versions: { [HOSTILE]: HOSTILE } },
          ...{ certificates: HOSTILE, generation: HOSTILE },
          files: { same: 1, differing: [HOSTILE], left: [HOSTILE] },
        },
      ]),
    )
    const plan = {
      apiVersion: 'kpki/v1alpha1',
      kind: 'ProvisionPlan',
      ...{ cluster: 'lab', inputs: '', hash: '', problems: [problem] },
      steps: [
        {
          ...({
            host: 'cp',
            step: 'host',
            about: 'host',
            state: 'needed',
            left: [HOSTILE],
          } as const),
          actions: [{ id: 'a', kind: 'run', about: HOSTILE, disrupts: HOSTILE } as const],
        },
      ],
    } as const
    expectSafe(planText(plan))
    const failures = [{ host: 'cp', step: 'host', message: HOSTILE, hint: HOSTILE }]
    const ended = { plan, failures, started: true, ok: false, changed: [], notRun: [] }
    expectSafe(reportText({ ...ended, interrupted: false }, inputs, now))
  })

  it.each([true, false])('progress (terminal: %s)', (isTerminal) => {
    const said: string[] = []
    const io = {
      ...{ out: () => undefined, err: (text: string) => void said.push(text), env: {}, cwd: '/' },
      ...{ isTerminal, now: () => now, exit: () => undefined },
    }
    const { event } = progress(io, false)
    const at = { time: now.toISOString(), run: 'run', host: 'cp', step: 'host' }
    event({ ...at, type: 'progress', message: HOSTILE })
    event({ ...at, type: 'retry', message: HOSTILE })
    event({ ...at, type: 'action', action: { id: 'a', kind: 'run', about: HOSTILE } })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what progress itself moves
    const text = said.join('').replace(/\u001b\[(?:1A|2K)/g, '')
    expect(text).toContain('forged')
    expectSafe(text)
  })
})
