import type { ClusterNode } from '../../src/cluster/cluster.js'
import type { ProvisionEvent } from '../../src/provision/event.js'
import type { World } from '../../src/provision/host/fleet.js'
import { REFRESH_MS } from '../../src/provision/run/lock.js'
import type { Exchange } from '../../src/provision/run/remote.js'
import {
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
} from '../../src/provision/ssh/transport.js'
import { factsText, NOW } from './cluster.js'

/** What one simulated host remembers. */
export interface SimulatedHost {
  /** Facts that differ from a fresh server's. */
  facts: Record<string, string | readonly string[] | undefined>
  lock: string | undefined
  readonly journal: string[]
  readonly argv: string[]
  runs: number
}

export interface FleetOptions {
  /** Called for each script that changes something; may answer, or throw a TransportError. */
  readonly onScript?: (
    node: ClusterNode,
    script: string,
    args: readonly string[],
    host: SimulatedHost,
    stdin: string,
  ) => RunResult | undefined
  readonly unreachable?: readonly string[]
}

export interface Fleet {
  readonly world: World
  readonly hosts: Map<string, SimulatedHost>
  readonly events: ProvisionEvent[]
  readonly log: Exchange[]
  /** Most hosts that had a command running at the same moment. */
  readonly peak: () => number
  readonly written: string[]
}

const done: RunResult = { exitCode: 0, stdout: '', stderr: '' }

/** A fleet that answers kpki's scripts from memory. */
export function fleetOf(options: FleetOptions = {}, signal?: AbortSignal): Fleet {
  const hosts = new Map<string, SimulatedHost>()
  const events: ProvisionEvent[] = []
  const log: Exchange[] = []
  const written: string[] = []
  // Time passes only while somebody waits for it.
  let now = NOW
  const busy = new Map<string, number>()
  let peak = 0
  const hostOf = (name: string) => {
    const known = hosts.get(name)
    if (known) return known
    const made: SimulatedHost = { facts: {}, lock: undefined, journal: [], argv: [], runs: 0 }
    hosts.set(name, made)
    return made
  }
  const answer = async (node: ClusterNode, words: readonly string[], run: RunOptions) => {
    const host = hostOf(node.name)
    host.argv.push(...words)
    host.runs += 1
    const [, , , , , text = '', ...args] = words
    const stdin = await textOf(run.stdin)
    const script = text === '-' ? stdin : text
    busy.set(node.name, (busy.get(node.name) ?? 0) + 1)
    peak = Math.max(peak, [...busy.values()].filter((count) => count > 0).length)
    try {
      // Everybody else gets a turn meanwhile.
      await new Promise(setImmediate)
      return reply(node, host, script, args, stdin)
    } finally {
      busy.set(node.name, (busy.get(node.name) ?? 1) - 1)
    }
  }
  const reply = (
    node: ClusterNode,
    host: SimulatedHost,
    script: string,
    args: readonly string[],
    stdin: string,
  ): RunResult => {
    if (script.includes('kpki-facts-begin')) {
      const journal = host.journal.at(-1)
      const time = String(now / 1000)
      const facts = { time, ...host.facts, ...(journal ? { journal } : {}) }
      const stdout = factsText(node.name, node.addresses[0] ?? '', facts)
      return { ...done, stdout }
    }
    if (script.includes('nonce=$1 owner=$2')) {
      const [nonce = '', owner = '', , dead] = args
      const held = host.lock?.split('\n')[0]
      if (held && held !== nonce && held !== dead)
        return { ...done, stdout: `held\t3\t${host.lock?.split('\n')[1]}\n` }
      host.lock = `${nonce}\n${owner}`
      return { ...done, stdout: 'taken\n' }
    }
    if (script.includes('rm -f lock')) {
      if (host.lock?.startsWith(`${args[0]}\n`)) host.lock = undefined
      return done
    }
    if (!host.lock?.startsWith(`${args[0]}\n`))
      return { exitCode: 75, stdout: '', stderr: 'the lock of this host is not ours' }
    if (script.includes('>>journal')) {
      host.journal.push(args[1] ?? '')
      return done
    }
    return options.onScript?.(node, script, args.slice(1), host, stdin) ?? done
  }
  const world: World = {
    clock: {
      now: () => now,
      sleep: (ms, stop) =>
        new Promise((resolve, reject) => {
          stop?.addEventListener('abort', () => reject(new Error('aborted')))
          // What lasts so long is the refreshing of locks: it ends with its work, and none is due before.
          if (ms >= REFRESH_MS) return
          now += ms
          setImmediate(resolve)
        }),
    },
    connect: async (node) => {
      if (options.unreachable?.includes(node.name))
        throw new TransportError('connect', 'no connection: connection refused')
      const transport: Transport = {
        run: (words, run) => answer(node, words, run),
        close: async () => undefined,
      }
      return transport
    },
    owner: {
      operator: 'alice@laptop',
      machine: 'laptop',
      pid: 4711,
      nonce: Math.random().toString(16).slice(2),
      since: new Date(now).toISOString(),
    },
    isAlive: () => true,
    randomHex: () => Math.random().toString(16).slice(2, 8),
    writeKubeconfig: async (text) => void written.push(text),
    log: (exchange) => void log.push(exchange),
    emit: (happening) => {
      events.push({ time: new Date(now).toISOString(), run: 'run', ...happening } as ProvisionEvent)
    },
    signal,
  }
  return { world, hosts, events, log, peak: () => peak, written }
}

async function textOf(stdin: RunOptions['stdin']): Promise<string> {
  if (stdin === undefined) return ''
  if (stdin instanceof Uint8Array) return Buffer.from(stdin).toString('latin1')
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}
