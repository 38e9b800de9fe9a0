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

/** What of a component was not given, and had to be to say that it starts; by `<name>/<node>`. */
function unseenComponents({ evidence, kubelets }: Fleet): ReadonlyMap<string, Unseen> {
  const found = new Map<string, Unseen>()
  const add = (key: string, unseen: Unseen | undefined) => {
    if (unseen && !found.has(key)) found.set(key, unseen)
  }
  for (const node of evidence.nodes)
    for (const launch of node.launches) {
      if (launch.component === 'kubelet') continue
      const key = `${launch.component}/${node.name}`
      add(key, hidden(sightOf(node, launch)) ?? filesUnseen(node, launch))
    }
  for (const kubelet of kubelets) {
    const { node, clientCa, serving } = kubelet
    const key = `kubelet/${node.name}`
    add(key, hidden(kubeletSight(kubelet)))
    if (clientCa?.kind === 'file') add(key, unseenFile(clientCa.file, 'client CA'))
    if (typeof serving !== 'string') add(key, unseenPair(serving, 'server'))
    add(key, unseenFile(fileOnNode(node, kubelet.kubelet.kubeconfigPath), 'kubeconfig'))
  }
  return found
}

function hidden({ unseen, assumed }: Sight): Unseen | undefined {
  return unseen ?? (assumed === undefined ? undefined : { message: assumed })
}

/** The outages as reports carry them, in order of node and component. */
export function componentStates(outages: Outages, fleet: Fleet): readonly ComponentState[] {
  const unseen = unseenComponents(fleet)
  const assumed = assumedComponents(fleet)
  const given = [...outages].map(([key, problem]): ComponentState => {
    const cut = key.indexOf('/')
    const name = key.slice(0, cut) as ComponentName
    const node = key.slice(cut + 1)
    const why = problem ?? unseen.get(key)
    if (!why) return { node, name, starts: true }
    const path = why.node === node ? why.path : undefined
    return {
      node,
      name,
      starts: problem ? false : 'unknown',
      reason: problem && assumed.has(key) ? `${why.message} ${ASSUMED}` : why.message,
      ...(path !== undefined && { path }),
    }
  })
  return [...given, ...absentNodes(fleet)]
}

/** Components, as `<name>/<node>`, whose flags no file bears out. */
function assumedComponents({ evidence, kubelets }: Fleet): ReadonlySet<string> {
  return new Set([
    ...evidence.nodes.flatMap((node) =>
      node.launches.flatMap((launch) =>
        sightOf(node, launch).assumed === undefined ? [] : [`${launch.component}/${node.name}`],
      ),
    ),
    ...kubelets.flatMap((one) => (one.kubelet.assumed ? [`kubelet/${one.node.name}`] : [])),
  ])
}

/** Nodes of the cluster file of which there is nothing: each has a kubelet, of which nothing is known. */
function absentNodes({ evidence: { cluster, nodes } }: Fleet): readonly ComponentState[] {
  const given = new Set(nodes.map(({ name }) => name))
  return (cluster?.nodes ?? [])
    .filter(({ name }) => !given.has(name))
    .map(({ name }) => ({
      node: name,
      name: 'kubelet',
      starts: 'unknown',
      reason: 'nothing was given of a node that the cluster file has',
    }))
}
