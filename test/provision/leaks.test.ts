import { describe, expect, it } from 'vitest'
import { readOver } from '../../src/cli/input/ssh.js'
import type { Action } from '../../src/provision/action.js'
import { applySteps } from '../../src/provision/apply.js'
import { openSession } from '../../src/provision/host/fleet.js'
import { provisionPlan, provisionRollback, provisionStatus } from '../../src/provision/provision.js'
import { connectFault } from '../../src/provision/ssh/ssh.js'
import type { RunResult } from '../../src/provision/ssh/transport.js'
import type { Step } from '../../src/provision/steps/steps.js'
import { testKeyPem } from '../ca/support.js'
import { clusterOf, inputsOf } from './cluster.js'
import { fleetOf, type SimulatedHost } from './fleet.js'

/** A key that is none of ours: nothing but its looks gives it away. */
const pem = testKeyPem('rsa2048-2').trimEnd()
const body = pem.replace(/-----[^-]+-----|\s/g, '')
const single = Buffer.from(pem).toString('base64')
const outputs = [`${pem}\nthe end`, pem, pem.split('\n').slice(-9).join('\n'), `data: ${single}`]

function expectClean(...shown: readonly unknown[]) {
  const text = JSON.stringify(shown).replaceAll(/\\n|; |\s/g, '')
  for (const secret of [body, single])
    for (let at = 0; at + 24 <= secret.length; at++)
      expect(text).not.toContain(secret.slice(at, at + 24))
  expect(text).toContain('[secret]')
}

const actions = {
  run: { kind: 'run', script: 'leak', args: [], timeoutMs: 1 },
  probe: { kind: 'probe', script: 'leak', args: [], timeoutMs: 600 },
  job: { kind: 'job', script: 'leak', args: [], timeoutMs: 600 },
} as const
const about = { id: 'leak', about: 'something' }

async function applied(action: Action, answer: (script: string) => RunResult | undefined) {
  const fleet = fleetOf({ onScript: (_node, script) => answer(script) })
  const inputs = inputsOf(clusterOf(0))
  const sessions = inputs.cluster.nodes.map((node) => openSession(inputs, fleet.world, node))
  const step: Step = { id: 'leak', about: 'leak', on: 'all', actions: () => [action] }
  const settings = { steps: [step], concurrency: 1, stopAfterFailures: 1 }
  const { failures } = await applySteps(inputs, fleet.world, sessions, settings)
  expect(failures).toHaveLength(1)
  return { failures, events: fleet.events, log: fleet.log }
}

describe.each(outputs.map((output, at) => [at, output] as const))(
  'a key that a host prints (%i)',
  (_at, output) => {
    it('when a command fails', async () => {
      for (const [stdout, stderr] of [
        ['', output],
        [output, ''],
      ] as const)
        expectClean(
          await applied({ ...about, ...actions.run }, (script) =>
            script.endsWith('leak') ? { exitCode: 1, stdout, stderr } : undefined,
          ),
        )
    })

    it('while something is waited for', async () => {
      expectClean(
        await applied({ ...about, ...actions.probe }, (script) =>
          script.endsWith('leak') ? { exitCode: 1, stdout: '', stderr: output } : undefined,
        ),
      )
    })

    it.each(['ended 1', 'running'])('as output of a job that is %s', async (state) => {
      expectClean(
        await applied({ ...about, ...actions.job }, (script) =>
          script.includes('tail -c')
            ? { exitCode: 0, stdout: `${state}\n${output}`, stderr: '' }
            : undefined,
        ),
      )
    })

    it('as what it says of itself', async () => {
      const line = output.replaceAll('\n', ' ').slice(-900)
      const facts = {
        os: line,
        hostname: line,
        generation: line,
        kubeletActive: line,
        dpkgBroken: line,
        package: `kubelet ii ${line.replaceAll(' ', '')}`,
      }
      const host = (lock?: string): SimulatedHost => ({
        ...{ facts, lock, journal: [], argv: [], runs: 0 },
      })
      const fleet = fleetOf({
        onScript: () => ({ exitCode: 0, stdout: output, stderr: '' }),
      })
      fleet.hosts.set('controlplane', host())
      const inputs = inputsOf(clusterOf(0))
      expectClean(await provisionPlan(inputs, fleet.world), fleet.events)
      expectClean(await provisionStatus(inputs, fleet.world))
      expectClean(await provisionRollback(inputs, fleet.world))
      fleet.hosts.set(
        'controlplane',
        host(`x\n{"operator":${JSON.stringify(line)},"pid":1,"nonce":"x"}`),
      )
      expectClean(await provisionRollback(inputs, fleet.world))
    })

    it('when a connection fails', async () => {
      expectClean(connectFault(`Permission denied\n${output}`).message)
      const transport = {
        run: async () => ({ exitCode: 1, stdout: '', stderr: output.replaceAll('\n', ' ') }),
        close: async () => undefined,
      }
      const failed = await readOver(transport, 'node').catch((error: Error) => error.message)
      expectClean(failed)
    })
  },
)
