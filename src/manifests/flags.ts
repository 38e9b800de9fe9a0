import type { Argument } from '../cluster/cluster.js'
import type { Release } from '../releases.js'

/** A component's default flags by name, as kubeadm computes them. */
export type Flags = Readonly<Record<string, string>>

/**
 * Default flags and the user's, merged by the release's rule (kubeadm's `ArgumentsToCommand`).
 * A flag that the user names loses its default. An empty value stays: `--name=`.
 */
export function mergeArguments(
  rule: Release['extraArgs'],
  defaults: Flags,
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
  return compareBytes(a.name, b.name) || compareBytes(a.value, b.value)
}

/** Go's string order for the texts that occur here. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
