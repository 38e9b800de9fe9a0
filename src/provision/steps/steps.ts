import type { Cluster, ClusterNode } from '../../cluster/cluster.js'
import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { accessActions } from './access.js'
import { bindingActions, labelActions, tokenActions } from './cluster.js'
import { cniActions } from './cni.js'
import { hostActions } from './host.js'
import { initActions, joinActions } from './kubeadm.js'
import { packageActions } from './packages.js'
import { pushActions } from './place.js'
import { runtimeActions } from './runtime.js'
import { servedActions, verifyActions } from './verify.js'

/** Which hosts a step is for; `joining`: all but the initial control plane. */
export type StepScope = 'all' | 'initial' | 'joining'

/**
 * One step of provisioning. `actions` is pure: from what is true on the host it says what is still to do,
 * as data. No action that changes something means that the step is done, so the same function is the
 * check before, the plan, the work, and the proof afterwards.
 */
export interface Step {
  readonly id: string
  readonly about: string
  readonly on: StepScope
  readonly actions: (context: StepContext) => readonly Action[]
}

/** The steps in their order. Preflight (step 0) comes before all of them, on every host. */
export const STEPS = [
  { id: 'host', about: 'host name, hosts, swap, kernel', on: 'all', actions: hostActions },
  { id: 'runtime', about: 'container runtime', on: 'all', actions: runtimeActions },
  { id: 'packages', about: 'Kubernetes packages', on: 'all', actions: packageActions },
  { id: 'push', about: "the node's files", on: 'all', actions: pushActions },
  { id: 'init', about: 'the first control plane', on: 'initial', actions: initActions },
  { id: 'config', about: 'RBAC, namespaces, manifests', on: 'initial', actions: bindingActions },
  { id: 'token', about: 'a bootstrap token to join with', on: 'initial', actions: tokenActions },
  { id: 'join', about: 'joining the cluster', on: 'joining', actions: joinActions },
  { id: 'served', about: 'certificates in use', on: 'all', actions: servedActions },
  { id: 'labels', about: 'labels and taints', on: 'initial', actions: labelActions },
  { id: 'cni', about: 'pod network', on: 'initial', actions: cniActions },
  { id: 'access', about: "the operator's access", on: 'initial', actions: accessActions },
  { id: 'verify', about: 'the cluster works', on: 'initial', actions: verifyActions },
] as const satisfies readonly Step[]

/** Name of a step of provisioning. */
export type StepId = (typeof STEPS)[number]['id']

export function isFor(step: Step, node: ClusterNode): boolean {
  return step.on === 'all' || (step.on === 'initial') === node.initial
}

/** Hosts that go through some steps together, `parallel` says whether side by side. */
export interface Wave {
  readonly nodes: readonly ClusterNode[]
  readonly steps: readonly Step[]
  readonly parallel: boolean
}

/**
 * The order of work: the first control plane alone, as the canary; then the further control planes one
 * by one (etcd takes one new member at a time); then the workers side by side; then what the whole
 * cluster needs.
 */
export function waves(cluster: Cluster, steps: readonly Step[] = STEPS): readonly Wave[] {
  const initial = cluster.nodes.filter((node) => node.initial)
  const others = cluster.nodes.filter((node) => !node.initial)
  const barrier = steps.findIndex((step) => step.on === 'joining')
  const early = barrier < 0 ? steps : steps.slice(0, barrier)
  const late = barrier < 0 ? [] : steps.slice(barrier)
  const of = (nodes: readonly ClusterNode[], rows: readonly Step[], parallel: boolean): Wave => ({
    nodes,
    parallel,
    steps: rows.filter((step) => nodes.some((node) => isFor(step, node))),
  })
  const planes = others.filter((node) => node.role === 'control-plane')
  const workers = others.filter((node) => node.role === 'worker')
  const all = [
    of(initial, early, false),
    ...planes.map((node) => of([node], steps, false)),
    of(workers, steps, true),
    of(initial, late, false),
  ]
  return all.filter((wave) => wave.nodes.length > 0 && wave.steps.length > 0)
}
