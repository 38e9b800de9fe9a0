import type { Inputs } from '../context.js'
import { openSession, type World } from '../host/fleet.js'
import { eachOf } from '../run/pool.js'
import { expectDone, remoteError } from '../run/remote.js'
import type { PortRule } from './ports.js'

/** One port of one host, tried from another. */
export interface PortResult {
  readonly from: string
  readonly to: string
  readonly port: number
  readonly id: string
  readonly wanted: 'open' | 'closed'
  /** `filtered`: no answer at all; `refused`: nobody listens, but nothing is in the way. */
  readonly found: 'open' | 'refused' | 'filtered' | 'unknown'
  readonly ok: boolean
}

/** What trying every port from every host has shown. */
export interface PortCheck {
  readonly results: readonly PortResult[]
  readonly errors: readonly { readonly host: string; readonly message: string }[]
}

// Tries TCP connections, all at once. Refused says that nothing is in the way, which is what a rule is about.
const TRY = `for x in "$@"; do (
  h=\${x%=*}; p=\${x##*=}
  out=$(timeout 4 bash -c 'exec 3<>"/dev/tcp/$1/$2"' try "$h" "$p" 2>&1); r=$?
  case "$r $out" in 0*) s=open;; *refused*) s=refused;; *) s=filtered;; esac
  printf 'port\\t%s\\t%s\\n' "$x" "$s"
) & done; wait`

/** TCP ports to try; of a range only its first. */
const tried = (rules: readonly PortRule[]) => rules.filter((rule) => rule.protocol === 'tcp')

/**
 * Proves from the hosts that ports are open to the nodes that need them, and closed to the others (for
 * example etcd to workers).
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { isKpkiError, parseCluster } from 'kpki'
 * import { loadInputs, openWorld, checkPorts, portRules } from 'kpki/provision'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * const inputs = await loadInputs({ cluster, out: 'out', base: '.' })
 * const world = await openWorld({ kubeconfig: undefined })
 * try {
 *   const { results, errors } = await checkPorts(inputs, world, portRules(cluster))
 *   console.log(results.filter(({ ok }) => !ok), errors)
 * } catch (error) {
 *   if (!isKpkiError(error)) throw error
 *   console.log(error.message)
 * } finally {
 *   await world.close()
 * }
 * ```
 */
export async function checkPorts(
  inputs: Inputs,
  world: World,
  rules: readonly PortRule[],
  concurrency = 10,
): Promise<PortCheck> {
  const results: PortResult[] = []
  const errors: { host: string; message: string }[] = []
  const { nodes } = inputs.cluster
  await eachOf(nodes, concurrency, async (node) => {
    const session = openSession(inputs, world, node)
    const wanted = nodes
      .filter((other) => other.name !== node.name)
      .flatMap((other) =>
        tried(rules)
          .filter((rule) => rule.role === other.role && rule.source !== 'operators')
          .map((rule) => ({
            rule,
            to: other.name,
            address: other.addresses[0] ?? '',
            wanted:
              rule.source === 'control-plane' && node.role !== 'control-plane'
                ? ('closed' as const)
                : ('open' as const),
          })),
      )
    try {
      const args = wanted.map(({ rule, address }) => `${address}=${rule.from}`)
      const { remote } = session
      const answer = expectDone(remote, await remote.script(TRY, args), 'trying ports')
      const found = new Map(
        [...answer.stdout.matchAll(/^port\t(\S+)\t(\w+)$/gm)].map(([, key, state]) => [key, state]),
      )
      for (const { rule, to, address, wanted: want } of wanted) {
        const state = (found.get(`${address}=${rule.from}`) ?? 'unknown') as PortResult['found']
        const ok = want === 'open' ? state === 'open' || state === 'refused' : state === 'filtered'
        results.push({
          from: node.name,
          to,
          port: rule.from,
          id: rule.id,
          wanted: want,
          found: state,
          ok,
        })
      }
    } catch (cause) {
      const error = remoteError({ host: node.name, step: 'ports' }, cause, session.redact)
      errors.push({ host: node.name, message: error.message })
    } finally {
      await session.close()
    }
  })
  return { results, errors }
}
