import { Option } from 'commander'
import { HOST_SYSTEMS } from '../cluster/cluster.js'

// Options that several verbs have.

/** `--host-os`. */
export function hostSystem(whose = 'the nodes'): Option {
  return new Option('--host-os <OS>', `operating system of ${whose}`).choices(HOST_SYSTEMS)
}

/** Reads a list: words with commas between them, the option may be repeated. It ends by itself: PATH may follow. */
export function words(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',').filter((word) => word !== '')]
}
