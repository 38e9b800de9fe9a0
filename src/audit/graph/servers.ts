import { KUBELET_DIR } from '../../certs/paths.js'
import type { ClusterNode } from '../../cluster/cluster.js'
import type { CredentialRole } from '../../manifests/flags.js'
import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { isAnyHost, isLocalHost, parseHost, urlOf } from '../../values/hosts.js'
import { onNode } from '../../values/paths.js'
import type { Evidence, KubeletFacts, Launch, NodeEvidence } from '../read/evidence.js'
import { anonymousOf } from '../starts/access.js'
import { isAlwaysAllow } from '../starts/flags.js'
import { type ApiClient, apiClients } from './clients.js'
import {
  type Credential,
  credentialInLayout,
  credentialOf,
  fileOnNode,
  type TrustAnchors,
  trustOf,
  type Unseen,
} from './credentials.js'

/** An API server as its flags make it: what it serves with, whom it trusts, how it calls others. */
export interface ApiServer {
  readonly id: string
  readonly node: NodeEvidence
  readonly launch: Launch
  readonly port: number
  readonly serving?: Credential
  readonly clientCa?: TrustAnchors
  readonly frontProxyCa?: TrustAnchors
  readonly allowedNames: readonly string[]
  readonly etcdServers: readonly string[]
  readonly etcdClient?: Credential
  readonly etcdTrust?: TrustAnchors
  readonly kubeletClient?: Credential
  readonly kubeletTrust: TrustAnchors
  readonly frontProxy?: Credential
  /** Whoever logs in may do anything: `--authorization-mode=AlwaysAllow`, which turns anonymous requests off. */
  readonly open: boolean
  /** Requests without any credential are taken for those of system:anonymous, whatever they ask. */
  readonly anonymous: boolean
}

export type EtcdPort = {
  readonly serving?: Credential
  readonly trust?: TrustAnchors
  /** etcd demands a client certificate when either a CA file or the switch is given. */
  readonly demandsCertificate: boolean
  readonly urls: readonly string[]
}

export interface EtcdMember {
  readonly id: string
  readonly node: NodeEvidence
  readonly launch: Launch
  readonly client: EtcdPort
  readonly peer: EtcdPort
  /** Where the other members reach it. */
  readonly peerUrls: readonly string[]
  readonly healthcheck?: Credential
}

export interface KubeletServer {
  readonly id: string
  readonly node: NodeEvidence
  readonly kubelet: KubeletFacts
  /** `self-made`: by the kubelet itself at its first start; `requested`: by CSR from the cluster's signer. */
  readonly serving: Credential | 'self-made' | 'requested' | 'unseen'
  readonly clientCa?: TrustAnchors
}

/** How much of a component was given. */
export interface Sight {
  /** What it does depends on something that was not given. */
  readonly unseen?: Unseen
  /** Nothing says how it is started: the flags of this sentence are taken for its own. */
  readonly assumed?: string
}

/** What is said behind a judgement that no manifest, unit or argument file bears out. */
export const ASSUMED = '(flags assumed from the layout)'

/** What of a component’s start was given. */
export function sightOf({ name, layout }: NodeEvidence, launch: Launch): Sight {
  const { component, source, unseenFlags, path } = launch
  const who = `${component} on ${name}`
  if (source === 'default')
    return {
      assumed: `neither manifest nor unit of ${who} was given: the flags of the layout ${layout} are assumed`,
    }
  if (unseenFlags === undefined) return {}
  const message = `flags of ${who} are in ${unseenFlags}, which is not among the files that were given`
  return { unseen: { message, node: name, ...(path !== undefined && { path }) } }
}

/** The manifest or unit of a component, as a place; nothing where its flags are assumed. */
export function placeOfLaunch({ node, launch }: Pick<ApiServer, 'node' | 'launch'>) {
  return launch.path === undefined ? undefined : { node: node.name, path: launch.path }
}

/** What of a kubelet’s configuration was given. */
export function kubeletSight({ node, kubelet }: Pick<KubeletServer, 'node' | 'kubelet'>): Sight {
  return kubelet.assumed
    ? {
        assumed: `the configuration of the kubelet on ${node.name} was not given: kubeadm’s is assumed`,
      }
    : {}
}

/** Every server and every API client of the evidence, derived from its facts. */
export interface Fleet {
  readonly evidence: Evidence
  readonly apiServers: readonly ApiServer[]
  readonly etcd: readonly EtcdMember[]
  readonly kubelets: readonly KubeletServer[]
  readonly clients: readonly ApiClient[]
  readonly nodeByHost: ReadonlyMap<string, NodeEvidence>
  /** Nodes of the cluster file of which nothing was given. */
  readonly absent: readonly ClusterNode[]
  /** Their names and addresses. */
  readonly absentHosts: ReadonlySet<string>
}

export function fleetOf(evidence: Evidence): Fleet {
  const launched = (component: Launch['component']) =>
    evidence.nodes.flatMap((node) =>
      node.launches
        .filter((one) => one.component === component && !one.failure)
        .slice(0, 1)
        .map((launch) => ({ node, launch })),
    )
  const absent = absentNodes(evidence)
  return {
    evidence,
    apiServers: launched('kube-apiserver').map(({ node, launch }) => apiServer(node, launch)),
    etcd: launched('etcd').map(({ node, launch }) => etcdMember(node, launch)),
    kubelets: evidence.nodes.flatMap((node) =>
      node.kubelet ? [kubeletServer(node, node.kubelet)] : [],
    ),
    clients: apiClients([...evidence.nodes, ...(evidence.operator ? [evidence.operator] : [])]),
    nodeByHost: hostsOf(evidence),
    absent,
    absentHosts: new Set(absent.flatMap(({ name, addresses }) => [name, ...addresses])),
  }
}

function absentNodes({ cluster, nodes }: Evidence): readonly ClusterNode[] {
  const given = new Set(nodes.map(({ name }) => name))
  return (cluster?.nodes ?? []).filter(({ name }) => !given.has(name))
}

function hostsOf(evidence: Evidence): ReadonlyMap<string, NodeEvidence> {
  const hosts = new Map<string, NodeEvidence>()
  for (const node of evidence.nodes)
    for (const host of [node.name, ...node.addresses]) if (!hosts.has(host)) hosts.set(host, node)
  return hosts
}

/** Spreads an optional value under a key, leaving the key out when there is none. */
function some<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V })
}

function apiServer(node: NodeEvidence, launch: Launch): ApiServer {
  const { flags } = launch
  const credential = (role: CredentialRole) => credentialOf(node, launch, role)
  return {
    id: `kube-apiserver/${node.name}`,
    node,
    launch,
    port: Number(flagOf(flags, 'secure-port') ?? 6443) || 6443,
    ...some('serving', credential('apiserver')),
    ...some('clientCa', trustOf(node, launch, 'client-ca')),
    ...some('frontProxyCa', trustOf(node, launch, 'requestheader-ca')),
    allowedNames: flagList(flags, 'requestheader-allowed-names'),
    etcdServers: flagList(flags, 'etcd-servers'),
    ...some('etcdClient', credential('apiserver-etcd-client')),
    ...some('etcdTrust', trustOf(node, launch, 'apiserver-etcd-ca')),
    ...some('kubeletClient', credential('apiserver-kubelet-client')),
    kubeletTrust: trustOf(node, launch, 'kubelet-ca') ?? { kind: 'nothing-checked' },
    ...some('frontProxy', credential('front-proxy-client')),
    open: isAlwaysAllow(node, launch),
    anonymous: isAnybodyKnown(node, launch),
  }
}

function isAnybodyKnown(node: NodeEvidence, launch: Launch): boolean {
  const { enabled, paths } = anonymousOf(node, launch)
  return enabled && paths === undefined
}

function etcdPort(
  node: NodeEvidence,
  launch: Launch,
  prefix: '' | 'peer-',
  urls: string,
): EtcdPort {
  const { flags } = launch
  const isPeer = prefix === 'peer-'
  const trust = trustOf(node, launch, isPeer ? 'etcd-peer-ca' : 'etcd-ca')
  const serving = credentialOf(node, launch, isPeer ? 'etcd-peer' : 'etcd-server')
  const listens = flagList(flags, urls)
  // On plain http etcd ignores its certificate.
  const isPlain = listens.length > 0 && listens.every((url) => url.startsWith('http://'))
  return {
    ...some('serving', isPlain ? undefined : serving),
    ...some('trust', trust),
    demandsCertificate: trust !== undefined || flagIsTrue(flags, `${prefix}client-cert-auth`),
    urls: listens,
  }
}

function etcdMember(node: NodeEvidence, launch: Launch): EtcdMember {
  const { flags } = launch
  const advertised = flagList(flags, 'initial-advertise-peer-urls')
  const fallback = node.addresses.slice(0, 1).map((address) => urlOf(address, 2380))
  return {
    id: `etcd/${node.name}`,
    node,
    launch,
    client: etcdPort(node, launch, '', 'listen-client-urls'),
    peer: etcdPort(node, launch, 'peer-', 'listen-peer-urls'),
    peerUrls: advertised.length > 0 ? advertised : fallback,
    ...some('healthcheck', credentialInLayout(node, 'etcd-healthcheck-client')),
  }
}

const KUBELET_PKI = onNode(`${KUBELET_DIR}/pki`)

/** What a kubelet serves with: by its settings, else what it has in its own directory. */
export function kubeletServing(
  node: NodeEvidence,
  kubelet: KubeletFacts,
): KubeletServer['serving'] {
  const directory = flagOf(kubelet.flags, 'cert-dir') ?? KUBELET_PKI
  const pair = (certificate: string, key: string): Credential => ({
    certificate: fileOnNode(node, certificate),
    key: fileOnNode(node, key),
    embedded: false,
  })
  const { tlsCertFile, tlsPrivateKeyFile } = kubelet
  if (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined)
    return pair(tlsCertFile, tlsPrivateKeyFile)
  const current = `${directory}/kubelet-server-current.pem`
  const rotated = pair(current, current)
  if (rotated.certificate.state === 'present') return rotated
  if (kubelet.serverTlsBootstrap) return 'requested'
  const own = pair(`${directory}/kubelet.crt`, `${directory}/kubelet.key`)
  const states = [own.certificate.state, own.key.state]
  if (states.includes('present')) return own
  return states.includes('unknown') ? 'unseen' : 'self-made'
}

function kubeletServer(node: NodeEvidence, kubelet: KubeletFacts): KubeletServer {
  const { clientCaFile, assumed } = kubelet
  const file = clientCaFile === undefined ? undefined : fileOnNode(node, clientCaFile)
  // Nobody misses a file that is only assumed to be named.
  const clientCa =
    file?.state === 'missing' && assumed ? { ...file, state: 'unknown' as const } : file
  return {
    id: `kubelet/${node.name}`,
    node,
    kubelet,
    serving: kubeletServing(node, kubelet),
    ...(clientCa && { clientCa: { kind: 'file' as const, file: clientCa } }),
  }
}

/**
 * The API servers that a client's server address may lead to: one node's, or all behind a shared name. None: of the
 * one that it leads to nothing was given.
 */
export function apiServersAt(fleet: Fleet, from: NodeEvidence, url: string): readonly ApiServer[] {
  const target = parseHost(url)
  if (!target) return fleet.apiServers
  const { host, port } = target
  if (fleet.absentHosts.has(host)) return []
  const on = (node: NodeEvidence) => fleet.apiServers.filter((one) => one.node === node)
  const here = isLocalHost(host) || isAnyHost(host)
  const node = here ? from : fleet.nodeByHost.get(host)
  const own = node === undefined ? [] : on(node).filter((one) => one.port === port)
  // On a control plane without an API server nobody answers, and nobody else is meant.
  if (node?.role === 'control-plane' && on(node).length === 0) return []
  // A load balancer, or a worker's local proxy: any of them answers.
  return own.length > 0 ? own : fleet.apiServers
}

/** The etcd member that an address leads to; undefined for one outside the evidence. */
export function etcdAt(fleet: Fleet, from: NodeEvidence, host: string): EtcdMember | undefined {
  const node = isLocalHost(host) ? from : fleet.nodeByHost.get(host)
  return fleet.etcd.find((member) => member.node === node)
}
