import type { Cluster } from '../cluster/cluster.js'
import { at } from '../values/json.js'

/** What an image is for. */
export type ImageName =
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'pause'
  | 'etcd'
  | 'coredns'

/** An image that a cluster needs, with its tag. */
export interface Image {
  readonly component: ImageName
  /** `registry.k8s.io/etcd:3.5.10-0` */
  readonly image: string
}

const DEFAULT_REPOSITORY = 'registry.k8s.io'
const CORE = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const

/**
 * Every image in the order of that release's `kubeadm config images list`. With external etcd there is none of
 * etcd; disabled add-ons have none either (`proxy.disabled`, `dns.disabled` of kubeadm's ClusterConfiguration).
 * /
 *
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { imagesOf, parseCluster } from 'kpki'
 *
 * const { cluster } = parseCluster(await readFile('cluster.yaml', 'utf8'))
 * for (const image of imagesOf(cluster)) console.log(image)
 * ```
 */
export function imagesOf(cluster: Cluster): readonly Image[] {
  const { clusterConfiguration } = cluster.kubeadm
  const names: ImageName[] = [...CORE, ...cluster.release.imageOrder]
  return names
    .filter((name) => {
      if (name === 'etcd') return cluster.etcd.kind === 'local'
      const addon = name === 'kube-proxy' ? 'proxy' : name === 'coredns' ? 'dns' : undefined
      return addon === undefined || at(clusterConfiguration, addon, 'disabled') !== true
    })
    .map((component) => ({ component, image: imageOf(cluster, component) }))
}

/** One image with its tag. */
export function imageOf(cluster: Cluster, component: ImageName): string {
  const { imageRepository, release, dns, etcd } = cluster
  switch (component) {
    case 'pause':
      return `${imageRepository}/pause:${release.images.pause}`
    case 'etcd': {
      const own = etcd.kind === 'local' ? etcd.imageRepository : undefined
      return `${own || imageRepository}/etcd:${etcdTag(cluster)}`
    }
    case 'coredns': {
      const repository = dns.imageRepository || imageRepository
      // The official image moved one level down; mirrors keep it where it was.
      const folder = repository === DEFAULT_REPOSITORY ? `${repository}/coredns` : repository
      return `${folder}/coredns:${dns.imageTag || release.images.coredns}`
    }
    default:
      return `${imageRepository}/${component}:${release.version.text.replaceAll('+', '_')}`
  }
}

/** The tag of etcd's image: the user's, else the release's. */
export function etcdTag({ etcd, release }: Cluster): string {
  return (etcd.kind === 'local' && etcd.imageTag) || release.images.etcd
}
