import type { Command } from 'commander'
import type { Io } from '../io.js'

/** Gives a verb its options, its help and what it does. */
export type VerbSetup = (verb: Command, io: Io) => Command

export interface VerbRow {
  readonly name: string
  readonly alias?: string
  /** One line for `kpki --help`. */
  readonly summary: string
  /** The verb's own file: loaded when the verb or its help is asked for. */
  readonly load: () => Promise<VerbSetup>
}

/** Every verb: the one place to add one, beside its file in this folder. */
export const VERBS: readonly VerbRow[] = [
  {
    name: 'init',
    summary: 'write a commented cluster file',
    load: async () => (await import('./init.js')).initCommand,
  },
  {
    name: 'gen',
    alias: 'generate',
    summary: 'make every certificate, kubeconfig, manifest and configuration of a cluster',
    load: async () => (await import('./gen.js')).genCommand,
  },
  {
    name: 'inspect',
    summary: 'decode certificates, requests, keys, kubeconfigs and whole trees',
    load: async () => (await import('./inspect.js')).inspectCommand,
  },
  {
    name: 'audit',
    summary: 'prove which connections of a cluster will work, and find what will hurt',
    load: async () => (await import('./audit.js')).auditCommand,
  },
  {
    name: 'expiry',
    summary: 'list when every certificate ends, the first first',
    load: async () => (await import('./expiry.js')).expiryCommand,
  },
  {
    name: 'graph',
    summary: 'draw who connects to whom with which certificate',
    load: async () => (await import('./graph.js')).graphCommand,
  },
  {
    name: 'explain',
    summary: 'say what an audit rule or an error code means, and how to mend it',
    load: async () => (await import('./explain.js')).explainCommand,
  },
  {
    name: 'convert',
    summary: 'convert between kubeadm’s configuration and cluster.yaml',
    load: async () => (await import('./convert.js')).convertCommand,
  },
  {
    name: 'diff',
    summary: 'say what differs between two trees, clusters or releases',
    load: async () => (await import('./diff.js')).diffCommand,
  },
  {
    name: 'images',
    summary: 'list every image of a cluster, for mirrors and pre-pulls',
    load: async () => (await import('./images.js')).imagesCommand,
  },
  {
    name: 'manifests',
    summary: 'print the static pods of a cluster',
    load: async () => (await import('./manifests.js')).manifestsCommand,
  },
  {
    name: 'upgrade-plan',
    summary: 'say what an upgrade of Kubernetes changes, step by step',
    load: async () => (await import('./upgrade-plan.js')).upgradePlanCommand,
  },
  {
    name: 'provision',
    summary: 'make a cluster of bare servers over SSH, with the files that gen made',
    load: async () => (await import('./provision.js')).provisionCommand,
  },
  {
    name: 'ports',
    summary: 'the inbound ports that each role needs',
    load: async () => (await import('./ports.js')).portsCommand,
  },
]
