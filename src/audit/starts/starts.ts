import type { ComponentName } from '../../manifests/flags.js'
import { flagOf } from '../../values/command-line.js'
import { isoDay } from '../../values/time.js'
import {
  absence,
  bundleProblem,
  fileOnNode,
  leafOf,
  pairProblem,
  type Refusal,
  type Unseen,
  unseenFile,
  unseenPair,
} from '../graph/credentials.js'
import {
  ASSUMED,
  type Fleet,
  type KubeletServer,
  kubeletSight,
  type Sight,
  sightOf,
} from '../graph/servers.js'
import type { Launch, NodeEvidence } from '../read/evidence.js'
import type { ComponentState } from '../types.js'
import { filesProblem, filesUnseen, kubeconfigFileProblem } from './files.js'
import { flagProblem, kubeletTlsProblem } from './flags.js'

/** What stops a component, by `<name>/<node>`; undefined for one that starts. */
export type Outages = ReadonlyMap<string, Refusal | undefined>

/**
 * Which components start, by their own files alone: flags that name missing files, pairs that do not
 * fit, bundles that do not parse. Whom they reach is another matter (see `connectionsOf`).
 */
export function componentOutages(fleet: Fleet, at: Date): Map<string, Refusal | undefined> {
  const outages = new Map<string, Refusal | undefined>()
  for (const node of fleet.evidence.nodes) {
    for (const launch of node.launches) {
      const { component } = launch
      const key = `${component}/${node.name}`
      if (component !== 'kubelet' && !outages.has(key))
        outages.set(key, launchProblem(node, launch))
    }
  }
  for (const kubelet of fleet.kubelets)
    outages.set(`kubelet/${kubelet.node.name}`, kubeletProblem(kubelet, at))
  return outages
}

function launchProblem(node: NodeEvidence, launch: Launch): Refusal | undefined {
  if (launch.failure) {
    const line = launch.failure.line === undefined ? '' : ` line ${launch.failure.line}`
    const message = `manifest ${launch.path ?? ''}${line}: ${launch.failure.message}`
    return {
      code: 'unparsable',
      message,
      node: node.name,
      ...(launch.path && { path: launch.path }),
    }
  }
  return flagProblem(node, launch) ?? filesProblem(node, launch)
}

function kubeletProblem(
  { node, kubelet, serving, clientCa }: KubeletServer,
  at: Date,
): Refusal | undefined {
  const { failure, configPath, flags } = kubelet
  const named = flagOf(flags, 'config')
  const gone =
    named && configPath === undefined && absence(fileOnNode(node, named), 'configuration')
  if (gone) return gone
  if (failure && configPath !== undefined) {
    const message = `kubelet configuration ${configPath}: ${failure.message}`
    return { code: 'unparsable', message, node: node.name, path: configPath }
  }
  const tls = kubeletTlsProblem(kubelet)
  if (tls !== undefined)
    return {
      code: 'flag',
      message: tls,
      node: node.name,
      ...(configPath !== undefined && { path: configPath }),
    }
  const ca =
    clientCa?.kind === 'file' ? bundleProblem(clientCa.file, 'client CA', 'every-block') : undefined
  const pair = typeof serving === 'string' ? undefined : pairProblem(serving, 'server')
  return ca ?? pair ?? credentialsProblem(node, kubelet, at)
}

// A kubelet whose client certificate has expired needs a bootstrap kubeconfig, which joining deletes.
function credentialsProblem(
  node: NodeEvidence,
  { kubeconfigPath, bootstrapKubeconfigPath }: KubeletServer['kubelet'],
  at: Date,
): Refusal | undefined {
  const bootstrap = fileOnNode(node, bootstrapKubeconfigPath)
  if (bootstrap.state === 'present') return undefined
  const file = fileOnNode(node, kubeconfigPath)
  // Before `kubeadm join` there is neither file, and no kubelet that could miss them.
  if (absence(file, 'kubeconfig')) return undefined
  const problem = kubeconfigFileProblem(node, file)
  if (problem) return problem
  const user = node.kubeconfigs.get(file.path)?.user
  const leaf =
    user?.certificate &&
    leafOf({ certificate: { ...file, pem: user.certificate }, key: file, embedded: true })
  if (!leaf || leaf.facts.notAfter >= at) return undefined
  const day = isoDay(leaf.facts.notAfter)
  const message = `its client certificate in ${file.path} expired on ${day}, and there is no bootstrap kubeconfig`
  return { code: 'expired', message, node: file.node, path: file.path }
}

/** How much of each component was given, files that its flags name included; by `<name>/<node>`. */
function sights({ evidence, kubelets }: Fleet): ReadonlyMap<string, Sight> {
  const found = new Map<string, Sight>()
  for (const node of evidence.nodes)
    for (const launch of node.launches) {
      const key = `${launch.component}/${node.name}`
      if (launch.component === 'kubelet' || found.has(key)) continue
      const unseen = filesUnseen(node, launch)
      found.set(key, { ...(unseen && { unseen }), ...sightOf(node, launch) })
    }
  for (const kubelet of kubelets) {
    const { node, clientCa, serving } = kubelet
    const unseen =
      (clientCa?.kind === 'file' ? unseenFile(clientCa.file, 'client CA') : undefined) ??
      (typeof serving === 'string' ? undefined : unseenPair(serving, 'server')) ??
      unseenFile(fileOnNode(node, kubelet.kubelet.kubeconfigPath), 'kubeconfig')
    found.set(`kubelet/${node.name}`, { ...(unseen && { unseen }), ...kubeletSight(kubelet) })
  }
  return found
}

/** The outages as reports carry them, in order of node and component. */
export function componentStates(outages: Outages, fleet: Fleet): readonly ComponentState[] {
  const seen = sights(fleet)
  const given = [...outages].map(([key, problem]): ComponentState => {
    const cut = key.indexOf('/')
    const name = key.slice(0, cut) as ComponentName
    const node = key.slice(cut + 1)
    const { assumed, unseen } = seen.get(key) ?? {}
    const why: Unseen | undefined =
      problem ?? (assumed === undefined ? unseen : { message: assumed })
    if (!why) return { node, name, starts: true }
    const path = why.node === node ? why.path : undefined
    return {
      node,
      name,
      starts: problem ? false : 'unknown',
      reason: problem && assumed !== undefined ? `${why.message} ${ASSUMED}` : why.message,
      ...(path !== undefined && { path }),
    }
  })
  // Each has a kubelet, of which nothing is known.
  const absent = fleet.absent.map(
    ({ name }): ComponentState => ({
      node: name,
      name: 'kubelet',
      starts: 'unknown',
      reason: 'nothing was given of a node that the cluster file has',
    }),
  )
  return [...given, ...absent]
}
