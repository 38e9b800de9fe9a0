import { type Cluster, controlPlanes, type LocalEtcd } from '../../cluster/cluster.js'
import { formatEndpoint } from '../../values/addresses.js'
import { advertised, etcdClientUrl, etcdPeerUrl, localhostOf } from '../endpoints.js'
import type { DefaultFlags } from '../flags.js'
import { etcdTag } from '../images.js'
import type { Component, Site } from './component.js'
import { etcdTarget } from './probes.js'
import { etcdMounts } from './volumes.js'

/** A stacked etcd member; with external etcd there is no such pod. */
export const ETCD: Component = {
  name: 'etcd',
  flags: (site) => ({
    ...memberFlags(site),
    ...guardFlags(site.cluster),
    ...membershipFlags(site),
  }),
  mounts: ({ cluster }) => etcdMounts(cluster, local(cluster)?.dataDir ?? ''),
  mountsInOrder: true,
  extraVolumes: () => [],
  extraEnvs: (cluster) => local(cluster)?.extraEnvs ?? [],
  probe: ({ cluster, node }) => ({
    target: etcdTarget(localhostOf(node), local(cluster)?.extraArgs ?? []),
    paths: cluster.release.etcdProbes,
  }),
  requests: { cpu: '100m', memory: '100Mi' },
  annotations: ({ node }) => ({
    'kubeadm.kubernetes.io/etcd.advertise-client-urls': etcdClientUrl(advertised(node)),
  }),
}

function local({ etcd }: Cluster): LocalEtcd | undefined {
  return etcd.kind === 'local' ? etcd : undefined
}

function memberFlags({ cluster, node }: Site): DefaultFlags {
  const address = advertised(node)
  const localhost = localhostOf(node)
  return {
    'advertise-client-urls': etcdClientUrl(address),
    'data-dir': local(cluster)?.dataDir ?? '',
    'initial-advertise-peer-urls': etcdPeerUrl(address),
    'listen-client-urls': `${etcdClientUrl(localhost)},${etcdClientUrl(address)}`,
    'listen-metrics-urls': `http://${formatEndpoint({ host: localhost, port: 2381 })}`,
    'listen-peer-urls': etcdPeerUrl(address),
    name: node.name,
    'snapshot-count': '10000',
  }
}

// Corruption check at start, and progress notifications for watches.
function guardFlags(cluster: Cluster): DefaultFlags {
  const { etcdFlags } = cluster.release
  const current = etcdFlags === 'current' || (etcdFlags === 'by-tag' && hasStableFlags(cluster))
  return current
    ? { 'feature-gates': 'InitialCorruptCheck=true', 'watch-progress-notify-interval': '5s' }
    : {
        'experimental-initial-corrupt-check': 'true',
        'experimental-watch-progress-notify-interval': '5s',
      }
}

// etcd 3.6.0 or newer; a pre-release of 3.6.0 (`3.6.0-0`) and a tag that is no version count as older, as in kubeadm.
function hasStableFlags(cluster: Cluster): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-?)/.exec(etcdTag(cluster))
  const [major = 0, minor = 0, patch = 0] = match?.slice(1, 4).map(Number) ?? []
  if (major !== 3) return major > 3
  return minor > 6 || (minor === 6 && (patch > 0 || match?.[4] === ''))
}

function membershipFlags({ cluster, node, etcdStart }: Site): DefaultFlags {
  const planes = controlPlanes(cluster)
  const upTo = planes.findIndex((plane) => plane.name === node.name) + 1
  const members = etcdStart === 'together' ? planes : planes.slice(0, upTo)
  const initialCluster = members
    .map((member) => `${member.name}=${etcdPeerUrl(advertised(member))}`)
    .join(',')
  return {
    'initial-cluster': initialCluster,
    ...(etcdStart === 'one-by-one' && upTo > 1 ? { 'initial-cluster-state': 'existing' } : {}),
  }
}
