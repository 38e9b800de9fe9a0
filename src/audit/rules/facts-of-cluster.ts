import { isIp, nthAddress, parseCidr } from '../../cluster/addresses.js'
import { flagList, flagOf } from '../command-line.js'
import { at, filled } from '../documents.js'
import type { ComponentName, Estate, Launch, NodeFacts } from '../estate.js'
import { parseHost } from '../hosts.js'
import { indexOf } from './index-of-estate.js'

export function launchOf(node: NodeFacts, component: ComponentName): Launch | undefined {
  return node.launches.find((launch) => launch.component === component)
}

/** Every launch of a component that really was found, not assumed. */
export function launchesOf(
  estate: Estate,
  component: ComponentName,
): readonly { readonly node: NodeFacts; readonly launch: Launch }[] {
  return indexOf(estate).launches.filter(
    ({ launch }) => launch.component === component && launch.source !== 'default',
  )
}

/** Service ranges of the cluster, by flag or cluster file. */
export function serviceRanges(node: NodeFacts, { cluster }: Estate): readonly string[] {
  const launch = launchOf(node, 'kube-apiserver')
  const flags = launch ? flagList(launch.flags, 'service-cluster-ip-range') : []
  const ranges = flags.length > 0 ? flags : (cluster?.networking.serviceSubnets ?? [])
  return ranges.filter((range) => parseCidr(range) !== undefined)
}

/** Address of the `kubernetes` service in a range. */
export function firstServiceAddress(range: string): string {
  return nthAddress(range, 1)
}

/** The DNS domain of the cluster’s services, where something tells it. */
export function dnsDomain(node: NodeFacts, { cluster }: Estate): string | undefined {
  const issuer = flagOf(
    launchOf(node, 'kube-apiserver')?.flags ?? new Map(),
    'service-account-issuer',
  )
  const fromIssuer = /^https:\/\/kubernetes\.default\.svc\.(.+)$/.exec(issuer ?? '')?.[1]
  return (
    cluster?.networking.dnsDomain ?? filled(at(node.kubelet?.config, 'clusterDomain')) ?? fromIssuer
  )
}

/** Host of the control-plane endpoint, by cluster file or kubeadm configuration. */
export function endpointHost(node: NodeFacts, { cluster }: Estate): string | undefined {
  if (cluster) return cluster.controlPlaneEndpoint?.host
  const configured = node.kubeadm.flatMap(
    ({ value }) => filled(at(value, 'controlPlaneEndpoint')) ?? [],
  )[0]
  return configured === undefined ? undefined : parseHost(configured)?.host
}

/** Hosts of a URL list flag. */
export function hostsOfFlag(launch: Launch, flag: string): readonly string[] {
  return flagList(launch.flags, flag).flatMap((url) => parseHost(url)?.host ?? [])
}

/** The name a node goes by in Kubernetes. */
export function nodeNameOf(node: NodeFacts): string {
  return node.kubelet?.hostnameOverride ?? node.name
}

export function isAddress(text: string): boolean {
  return isIp(text)
}
