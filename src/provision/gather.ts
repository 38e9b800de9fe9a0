import type { ClusterNode } from '../cluster/cluster.js'
import type { Inputs } from './context.js'
import { type HostFacts, parseFacts } from './facts.js'
import { FACTS_SCRIPT } from './facts-script.js'
import { filesToPush } from './push-files.js'
import { expectDone, type Remote } from './remote.js'
import { repositoryOf } from './steps/packages.js'
import type { Clock } from './transport.js'

/** Reads what is true on a host. The repository is tried only where it may be needed: `first`. */
export async function gather(
  inputs: Inputs,
  node: ClusterNode,
  remote: Remote,
  clock: Clock,
  first: boolean,
): Promise<HostFacts> {
  const tree = inputs.trees.get(node.name) ?? new Map()
  const context = { ...inputs, node, tree }
  const key = first && !inputs.options.offline ? `${repositoryOf(inputs)}Release.key` : ''
  const paths = filesToPush(context).map((entry) => entry.path)
  const args = [node.initial ? 'cluster' : '-', key, ...paths]
  const sent = clock.now()
  const options = { timeoutMs: 120_000, quiet: true, maxOutput: 8_388_608 }
  const result = await remote.script(FACTS_SCRIPT, args, options)
  expectDone(result, 'asking the host')
  return parseFacts(result.stdout, node.name, sent, clock.now())
}
