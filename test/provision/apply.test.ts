import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { applySteps } from '../../src/provision/apply.js'
import type { Inputs } from '../../src/provision/context.js'
import { openSession } from '../../src/provision/host/fleet.js'
import {
  provisionApply,
  provisionPlan,
  provisionPush,
  provisionStatus,
} from '../../src/provision/provision.js'
import { TransportError } from '../../src/provision/ssh/transport.js'
import type { Step } from '../../src/provision/steps/steps.js'
import { base64, clusterOf, factsOf, inputsOf, token } from './cluster.js'
import { type FleetOptions, fleetOf, type SimulatedHost } from './fleet.js'

/** Steps that only flip a fact on the host, to see the machinery at work. */
const stepOf = (id: string, on: Step['on'] = 'all'): Step => ({
  id,
  about: id,
  on,
  actions: ({ facts }) =>
    facts.values('done').includes(id)
      ? []
      : [{ kind: 'run', id, about: `do ${id}`, script: `do ${id}`, args: [], timeoutMs: 1_000 }],
})
const steps = ['one', 'two', 'three'].map((id) => stepOf(id))
const doing = (script: string) => /do (\w+)$/.exec(script.trim())?.[1]
const finish = (host: SimulatedHost, id: string) => {
  host.facts = { ...host.facts, done: [...((host.facts.done as string[]) ?? []), id] }
}
const settings = { steps, concurrency: 10, stopAfterFailures: 3 }
const flips: FleetOptions['onScript'] = (_node, script, _args, host) => {
  const id = doing(script)
  if (id) finish(host, id)
  return undefined
}
const run = (inputs: Inputs, fleet: ReturnType<typeof fleetOf>, more = {}) => {
  const sessions = inputs.cluster.nodes.map((node) => openSession(inputs, fleet.world, node))
  return applySteps(inputs, fleet.world, sessions, { ...settings, ...more })
}

/** What is still referred to, in bytes. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

describe('a fleet of 200', () => {
  it('stays within the bound, keeps memory flat, and one failure stops nobody else', async () => {
    const inputs = inputsOf(clusterOf(199))
    const fleet = fleetOf({
      onScript: (node, script, args, host, stdin) => {
        if (node.name === 'worker77' && doing(script) === 'two')
          return { exitCode: 9, stdout: 'x'.repeat(100_000), stderr: 'out of luck' }
        flips?.(node, script, args, host, stdin)
        return { exitCode: 0, stdout: 'y'.repeat(50_000), stderr: '' }
      },
    })
    const before = heldBytes()
    const applied = await run(inputs, fleet, { concurrency: 8 })
    expect(fleet.peak()).toBe(8)
    expect(applied.failures).toMatchObject([{ host: 'worker77', step: 'two' }])
    expect(applied.failures[0]?.message).toMatch(
      /worker77: two: do two failed with exit code 9: .*out of luck/,
    )
    const all = inputs.cluster.nodes.flatMap(({ name }) =>
      ['one', 'two', 'three'].map((step) => `${name} ${step}`),
    )
    expect(applied.changed.map(({ host, step }) => `${host} ${step}`).sort()).toEqual(
      all.filter((each) => !/^worker77 (two|three)$/.test(each)).sort(),
    )
    expect(applied.notRun).toEqual([{ host: 'worker77', step: 'three' }])
    fleet.log.length = 0
    // of answers of 50 kB, 600 for the steps alone
    expect(heldBytes() - before).toBeLessThan(20 * 1024 * 1024)
    for (const host of fleet.hosts.values()) expect(host.lock).toBeUndefined()
  })

  it('begins no further host after so many failures', async () => {
    const fleet = fleetOf({
      onScript: (node, script, args, host, stdin) =>
        node.name.startsWith('worker')
          ? { exitCode: 1, stdout: '', stderr: 'broken' }
          : flips?.(node, script, args, host, stdin),
    })
    const applied = await run(inputsOf(clusterOf(20)), fleet, {
      concurrency: 2,
      stopAfterFailures: 3,
    })
    // the fourth was under way when the third failed
    const begun = ['worker1', 'worker2', 'worker3', 'worker4']
    expect(applied.failures.map(({ host, step }) => `${host} ${step}`)).toEqual(
      begun.map((host) => `${host} one`),
    )
    const left = Array.from({ length: 20 }, (_, at) => `worker${at + 1}`).flatMap((host) =>
      (begun.includes(host) ? ['two', 'three'] : ['one', 'two', 'three']).map((step) => ({
        host,
        step,
      })),
    )
    expect(applied.notRun).toHaveLength(left.length)
    expect(applied.notRun).toEqual(expect.arrayContaining(left))
  })

  it('goes nowhere else when the first control plane fails', async () => {
    const fleet = fleetOf({ onScript: () => ({ exitCode: 1, stdout: '', stderr: 'broken' }) })
    const applied = await run(inputsOf(clusterOf(3)), fleet)
    expect(applied.failures.map(({ host }) => host)).toEqual(['controlplane'])
    expect([...fleet.hosts.keys()]).toEqual(['controlplane'])
  })
})

describe('an interruption', () => {
  it('at every command: the next run completes it and does nothing twice', async () => {
    const inputs = inputsOf(clusterOf(2))
    const did: string[] = []
    for (let at = 0; ; at++) {
      did.length = 0
      let count = 0
      let dead = false
      const fleet = fleetOf({
        onScript: (node, script, args, host, stdin) => {
          if (dead || count++ === at) {
            dead = true
            throw new Error('killed')
          }
          const id = doing(script)
          if (id) did.push(`${node.name} ${id}`)
          return flips?.(node, script, args, host, stdin)
        },
      })
      await run(inputs, fleet, { concurrency: 1 })
      const finished = !dead
      dead = false
      count = Number.NEGATIVE_INFINITY
      for (const host of fleet.hosts.values()) host.lock = undefined
      const second = await run(inputs, fleet, { concurrency: 1 })
      expect(second.failures).toEqual([])
      expect(did.sort()).toEqual(
        inputs.cluster.nodes
          .flatMap(({ name }) => ['one', 'three', 'two'].map((id) => `${name} ${id}`))
          .sort(),
      )
      const third = await run(inputs, fleet, { concurrency: 1 })
      expect(third.changed).toEqual([])
      if (finished) break
    }
  })

  it('of the connection makes the step ask anew, without repeating what was done', async () => {
    let cuts = 0
    let times = 0
    const fleet = fleetOf({
      onScript: (node, script, args, host, stdin) => {
        flips?.(node, script, args, host, stdin)
        if (doing(script) === 'two') times++
        // The command ran, its answer is lost.
        if (doing(script) === 'two' && cuts++ === 0)
          throw new TransportError('cut', 'the connection was lost')
        return undefined
      },
    })
    const applied = await run(inputsOf(clusterOf(0)), fleet)
    expect(applied.failures).toEqual([])
    expect(times).toBe(1)
    expect(fleet.events.filter((event) => event.type === 'retry')).toMatchObject([
      { host: 'controlplane', message: expect.stringMatching(/^two: the connection was lost/) },
    ])
  })

  it('by Ctrl-C ends between two commands, with the lock released', async () => {
    const abort = new AbortController()
    const fleet = fleetOf(
      {
        onScript: (node, script, args, host, stdin) => {
          flips?.(node, script, args, host, stdin)
          if (doing(script) === 'two') abort.abort()
          return undefined
        },
      },
      abort.signal,
    )
    const applied = await run(inputsOf(clusterOf(2)), fleet)
    expect(applied.interrupted).toBe(true)
    expect(applied.failures).toEqual([])
    expect(applied.notRun).toContainEqual({ host: 'worker2', step: 'one' })
    for (const host of fleet.hosts.values()) expect(host.lock).toBeUndefined()
  })

  it('by a reboot takes the lock anew', async () => {
    let once = true
    const fleet = fleetOf({
      onScript: (node, script, args, host, stdin) => {
        if (once && doing(script) === 'two') {
          once = false
          host.lock = undefined
          throw new TransportError('cut', 'the connection was lost')
        }
        return flips?.(node, script, args, host, stdin)
      },
    })
    expect((await run(inputsOf(clusterOf(0)), fleet)).failures).toEqual([])
  })
})

describe('a step that does not take effect', () => {
  it('is a failure that says what is left', async () => {
    const applied = await run(inputsOf(clusterOf(0)), fleetOf())
    expect(applied.failures[0]?.message).toMatch(
      /controlplane: one: it did not take effect, still to do: do one/,
    )
  })
})

describe('two operators', () => {
  it('the second one is told who is at work', async () => {
    const fleet = fleetOf({ onScript: flips })
    const host: SimulatedHost = {
      facts: {},
      lock: 'x\n{"operator":"bob@desk","machine":"desk","pid":7,"nonce":"x","since":"today"}',
      journal: [],
      argv: [],
      runs: 0,
    }
    fleet.hosts.set('controlplane', host)
    await expect(run(inputsOf(clusterOf(1)), fleet)).rejects.toThrow(
      /controlplane is in use by bob@desk/,
    )
    expect(fleet.hosts.has('worker1')).toBe(false)
  })
})

describe('the whole', () => {
  const only = { steps: ['push'] }
  it('reports every problem of every host and changes nothing', async () => {
    const fleet = fleetOf({ unreachable: ['worker2'] })
    for (const name of ['controlplane', 'worker1'])
      fleet.hosts.set(name, {
        facts: { time: '1' },
        lock: undefined,
        journal: [],
        argv: [],
        runs: 0,
      })
    const report = await provisionApply(inputsOf(), fleet.world)
    expect(report).toMatchObject({ ok: false, started: false, changed: [] })
    const found = report.plan.problems.map(({ host, check }) => `${host} ${check}`)
    expect(found).toEqual(
      expect.arrayContaining(['worker2 reach', 'controlplane clock', 'worker1 clock']),
    )
    expect(fleet.hosts.get('worker1')?.runs).toBe(1)
  })

  it.each<[string, SimulatedHost['facts'], string]>([
    ['a file that is not base64', { hosts: 'MTI3*' }, 'reach: its answer about hosts'],
    [
      'a certificate that is not base64',
      { file: [`etc/kubernetes/pki/ca.crt\tfile\t644:0:0\t${'0'.repeat(64)}\t???`] },
      'reach: its answer about etc/kubernetes/pki/ca.crt',
    ],
    ['a kubeconfig that is not YAML', { kubeconfig: base64('a: [') }, 'access: '],
  ])('%s is the problem of its host alone', async (_what, facts, problem) => {
    const fleet = fleetOf()
    const host = { facts, lock: undefined, journal: [], argv: [], runs: 0 }
    fleet.hosts.set('controlplane', host)
    const plan = await provisionPlan(inputsOf(), fleet.world)
    const found = plan.problems.map(({ host, check, message }) => `${host} ${check}: ${message}`)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`controlplane ${problem}`)
    const planned = plan.steps.filter(({ host }) => host === 'worker2').map(({ step }) => step)
    expect(planned).toContain('join')
    expect(fleet.events.filter(({ type }) => type === 'problem')).toHaveLength(1)
    const status = await provisionStatus(inputsOf(), fleet.world)
    expect(status.map(({ host }) => host)).toEqual(['controlplane', 'worker1', 'worker2'])
  })

  it('what the API server says of nodes is taken only in the form that it has', () => {
    const { nodes } = factsOf('node', '10.0.0.1', {
      node: [
        'a\tTrue\t[1]\t"x"',
        'b\tTrue\t{"k":1,"l":"v"}\t[null,{"key":1},{"key":"k","effect":"e"}]',
      ],
    })
    expect(nodes.get('a')).toEqual({ ready: true, labels: {}, taints: [] })
    expect(nodes.get('b')).toEqual({
      ready: true,
      labels: { l: 'v' },
      taints: [{ key: 'k', effect: 'e' }],
    })
  })

  it('a reviewed plan is refused when it, the files or the hosts have changed', async () => {
    const inputs = inputsOf()
    const plan = await provisionPlan(inputs, fleetOf().world, only)
    const refused = (reviewed: typeof plan, from = inputs) =>
      expect(provisionApply(from, fleetOf().world, { ...only, reviewed })).rejects
    await refused({ ...plan, steps: [] }).toMatchObject({ code: 'ERR_PLAN_STALE' })
    await refused(plan, { ...inputs, adminKubeconfig: 'other' }).toThrow(
      /files to place have changed/,
    )
    const more = await provisionPlan(inputs, fleetOf().world, { steps: ['host'] })
    await expect(
      provisionApply(inputs, fleetOf().world, { steps: ['host', 'push'], reviewed: more }),
    ).rejects.toThrow(/the hosts have changed since/)
  })

  it('an interrupted run is not continued with other files, unless told to', async () => {
    const entry = {
      time: 't',
      run: 'r',
      operator: 'bob@desk',
      inputs: 'other',
      step: 'push',
      state: 'started',
    }
    const fleet = fleetOf()
    fleet.hosts.set('worker1', {
      facts: {},
      lock: undefined,
      journal: [JSON.stringify(entry)],
      argv: [],
      runs: 0,
    })
    const plan = await provisionPlan(inputsOf(), fleet.world)
    expect(plan.problems).toMatchObject([{ host: 'worker1', check: 'journal' }])
    expect((await provisionPlan(inputsOf(), fleet.world, { restart: true })).problems).toEqual([])
  })

  it('refuses to put secrets on a worker that belong to a control plane', async () => {
    const inputs = inputsOf()
    const full = inputs.trees.get('controlplane') ?? new Map()
    const trees = new Map(inputs.trees).set('worker1', full)
    const report = await provisionPush({ ...inputs, trees }, fleetOf().world)
    expect(report.plan.problems).toMatchObject([
      { host: 'worker1', check: 'secrets', level: 'error' },
    ])
  })

  it('shows a planted secret nowhere: not in arguments, events, log, errors, plan or report', async () => {
    const inputs = inputsOf()
    const own = (name: string) => [
      token,
      ...(name === 'controlplane' ? ['c2VjcmV0LWFkbWluLWtleQ=='] : []),
      ...[...(inputs.trees.get(name)?.values() ?? [])].flatMap((entry) =>
        entry.kind === 'file' && entry.path.endsWith('.key')
          ? [Buffer.from(entry.data).toString().split('\n')[1] ?? '']
          : [],
      ),
    ]
    const secrets = inputs.cluster.nodes.flatMap(({ name }) => own(name))
    expect(new Set(secrets).size).toBe(
      2 + 'ca sa apiserver kubelet kubelet kubelet'.split(' ').length,
    )
    // Every host prints all that it holds, as a careless tool would.
    const fleet = fleetOf({
      onScript: ({ name }) => ({
        exitCode: 1,
        stdout: own(name).join('\n'),
        stderr: own(name).join(' '),
      }),
    })
    const report = await provisionApply(inputs, fleet.world, {
      steps: ['push', 'init', 'join', 'access'],
    })
    const workers = await provisionApply(inputs, fleet.world, {
      ...only,
      nodes: ['worker1', 'worker2'],
    })
    expect([...report.failures, ...workers.failures].map(({ host, step }) => [host, step])).toEqual(
      [
        ['controlplane', 'push'],
        ['worker1', 'push'],
        ['worker2', 'push'],
      ],
    )
    const argv = [...fleet.hosts.values()].flatMap((host) => host.argv)
    const shown = JSON.stringify([report, workers, fleet.events, fleet.log, argv])
    for (const each of secrets) expect(shown).not.toContain(each)
  })
})
