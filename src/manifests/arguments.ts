import type { Argument, Cluster } from '../cluster/cluster.js'
import type { Release } from '../releases/features.js'
import { compareText } from '../values/text.js'
import { type DefaultFlags, FLAGS, partOf, pathOf, type StaticPodName } from './flags.js'

/**
 * Default flags and the user's, merged by the release's rule (kubeadm's `ArgumentsToCommand`).
 * A flag that the user names loses its default. An empty value stays: `--name=`.
 */
export function mergeArguments(
  rule: Release['extraArgs'],
  defaults: DefaultFlags,
  extra: readonly Argument[],
): readonly Argument[] {
  const named = new Set(extra.map((argument) => argument.name))
  const kept = Object.entries(defaults)
    .filter(([name]) => !named.has(name))
    .map(([name, value]) => ({ name, value }))
  switch (rule) {
    case 'replace': {
      const last = new Map(extra.map((argument) => [argument.name, argument]))
      return [...kept, ...last.values()].sort(byNameAndValue)
    }
    case 'repeat':
      return [...kept, ...extra].sort(byNameAndValue)
    case 'append':
      return [...kept.sort(byNameAndValue), ...extra]
  }
}

/** Arguments as a command line takes them: `--name=value`. */
export function commandLine(merged: readonly Argument[]): readonly string[] {
  return merged.map(({ name, value }) => `--${name}=${value}`)
}

/** The value a flag ends up with where kubeadm looks at the user's arguments: the last one given. */
export function argumentValue(extra: readonly Argument[], name: string): string | undefined {
  return extra.findLast((argument) => argument.name === name)?.value
}

function byNameAndValue(a: Argument, b: Argument): number {
  return compareText(a.name, b.name) || compareText(a.value, b.value)
}

// Written into kubeadm.yaml as the user's arguments are, so that kubeadm, given that file, makes the same pods in
// every release; what the user says comes first.
function additions(cluster: Cluster, component: StaticPodName): readonly Argument[] {
  return FLAGS.flatMap((row) => {
    const { flag: name, instead, online } = row
    if (row.component !== component) return []
    if (instead?.when(cluster)) return [{ name, value: pathOf(cluster, instead.file, partOf(row)) }]
    return online && cluster.pki.caKeys === 'offline' ? [{ name, value: '' }] : []
  })
}

function given(cluster: Cluster, component: StaticPodName): readonly Argument[] {
  switch (component) {
    case 'etcd':
      return cluster.etcd.kind === 'local' ? cluster.etcd.extraArgs : []
    case 'kube-apiserver':
      return cluster.apiServer.extraArgs
    case 'kube-controller-manager':
      return cluster.controllerManager.extraArgs
    case 'kube-scheduler':
      return cluster.scheduler.extraArgs
  }
}

/** Arguments of a component beyond kubeadm's defaults: kpki's own, then the user's. */
export function extraArguments(cluster: Cluster, component: StaticPodName): readonly Argument[] {
  const user = given(cluster, component)
  const own = additions(cluster, component).filter(
    (argument) => argumentValue(user, argument.name) === undefined,
  )
  return [...own, ...user]
}
