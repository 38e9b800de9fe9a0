import type { Argument, Cluster, ClusterNode, ExtraVolume } from '../../cluster/cluster.js'
import type { ProbePaths } from '../../releases/features.js'
import type { JsonObject } from '../../values/json.js'
import type { DefaultFlags, StaticPodName } from '../flags.js'
import type { ProbeTarget } from './probes.js'
import type { Mount } from './volumes.js'

/**
 * How several stacked etcd members come to life:
 * `one-by-one` as kubeadm does it, the first alone and each further one joining those before it (it has to be
 * announced with `etcdctl member add` first);
 * `together` all at once, every member knowing all of them from the start.
 */
export type EtcdStart = 'one-by-one' | 'together'

/** The node that a static pod is made for. */
export interface Site {
  readonly cluster: Cluster
  readonly node: ClusterNode
  readonly etcdStart: EtcdStart
}

/** One static pod of the control plane, as a row. */
export interface Component {
  readonly name: StaticPodName
  /** kubeadm's defaults beyond those of the table of flags. */
  readonly flags: (site: Site) => DefaultFlags
  /** The user's arguments as kubeadm passes them on, where it changes any. */
  readonly adjust?: (site: Site, extra: readonly Argument[]) => readonly Argument[]
  readonly mounts: (site: Site) => readonly Mount[]
  /** The mounts keep their order; else they are sorted by name. */
  readonly mountsInOrder?: true
  readonly extraVolumes: (cluster: Cluster) => readonly ExtraVolume[]
  readonly extraEnvs: (cluster: Cluster) => readonly JsonObject[]
  readonly probe: (site: Site) => { readonly target: ProbeTarget; readonly paths: ProbePaths }
  readonly requests: { readonly cpu: string; readonly memory?: string }
  readonly annotations?: (site: Site) => Readonly<Record<string, string>>
}
