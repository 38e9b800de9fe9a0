import type { KeyAlgorithm } from '../../ca/keys/algorithms.js'
import { findVersion, releaseOf } from '../../releases/releases.js'
import { formatIp, sameIp } from '../../values/addresses.js'
import { isObject, type Json, valueAt } from '../../values/json.js'
import type { Incomplete } from '../checks/schema.js'
import type { Argument, HostOs, Role, Taint } from '../cluster.js'
import type { NodeRegistration } from '../kubeadm/configuration.js'
import { argumentsOf } from '../kubeadm/versions.js'
import {
  API_SERVER_SANS,
  CLUSTER_NAME,
  CRI_SOCKETS,
  caution,
  type Draft,
  type Gathered,
  type Given,
  given,
  type KubeadmPath,
  list,
  mistake,
  NODE_FIELDS,
  type NodeSettings,
  placeOf,
  SETTINGS,
  type SettingRow,
  type Settings,
  type SpecFinding,
} from './settings.js'

const BIND_PORT = 6443
const HOST_OS = { kpki: 'ubuntu', kubeadm: 'none' } as const

/** Collects one value for each setting from all places where it may be written. */
export function gather(
  draft: Draft,
  hostOs?: HostOs,
): {
  readonly settings: Omit<Settings, 'patches' | 'certificates'>
  readonly findings: readonly SpecFinding[]
} {
  const { source, name, spec, documents } = draft
  const { cluster } = documents
  const findings: SpecFinding[] = []
  const rows: Readonly<Record<string, SettingRow<unknown>>> = SETTINGS
  const values = Object.entries(rows).map(([key, row]) => [key, settle(draft, row, findings)])
  // The value of each row came out of its own `read`.
  const gathered = Object.fromEntries(values) as Gathered
  const known = gathered.version && findVersion(gathered.version.value)
  const clusterName = gathered.clusterName ??
    (source === 'kpki' ? name : undefined) ?? {
      value: CLUSTER_NAME,
      path: `${cluster.path}.clusterName`,
    }
  const [sans, moreSans] = API_SERVER_SANS.own
  const settings = {
    ...draft,
    ...gathered,
    name: name ?? (source === 'kubeadm' ? clusterName : undefined),
    clusterName,
    release: known && releaseOf(known),
    keyAlgorithm: algorithmOf(draft, gathered.keyAlgorithm, findings),
    hostOs: given(hostOs, 'hostOs') ??
      gathered.hostOs ?? { value: HOST_OS[source], path: 'spec.hostOs' },
    nodes: source === 'kubeadm' ? [kubeadmNode(draft)] : specNodes(draft, findings),
    nodesComplete: (spec.nodes ?? []).every((node) => node !== undefined),
    apiServerSans: [
      ...list(
        cluster.value.apiServer?.certSANs,
        `${cluster.path}.${placeOf(API_SERVER_SANS.kubeadm).field}`,
      ),
      ...list(spec.pki?.apiServer?.extraSans, `spec.${sans}`),
      ...list(spec.apiServer?.extraSans, `spec.${moreSans}`),
    ],
  }
  return { settings, findings }
}

/** The one value of a setting: what cluster.yaml says, else what kubeadm's part of it says, else the default. */
function settle(
  draft: Draft,
  setting: SettingRow<unknown>,
  findings: SpecFinding[],
): Given<unknown> | undefined {
  const { own, kubeadm, read, same = Object.is, default: fallback } = setting
  const places = [
    ...(own === undefined ? [] : [{ path: `spec.${own}`, written: fieldAt(draft.spec, own) }]),
    ...(kubeadm === undefined ? [] : [kubeadmField(draft, kubeadm, setting, findings)]),
  ]
  const [first, second] = places.flatMap(({ path, written }) => {
    const value = written === undefined ? undefined : read(written)
    return written === undefined || value === undefined ? [] : [{ path, written, value }]
  })
  if (first && second && !same(first.value, second.value)) {
    findings.push(contradiction(first, first.written, second, second.written))
  }
  if (first) return { value: first.value, path: first.path }
  const home = places.at(draft.source === 'kpki' ? 0 : -1)
  return home && fallback !== undefined ? { value: read(fallback), path: home.path } : undefined
}

/** What kubeadm's configuration says; text that is empty says nothing. */
function kubeadmField(
  { documents }: Draft,
  place: KubeadmPath,
  { sloppy }: SettingRow<unknown>,
  findings: SpecFinding[],
): { readonly path: string; readonly written: Json | undefined } {
  const { init, cluster, join } = documents
  const { kind, field } = placeOf(place)
  const fields = (kind === 'ClusterConfiguration' ? [cluster] : [init, join]).map((document) => ({
    path: `${document.path}.${field}`,
    written: fieldAt(document.value, field),
  }))
  const [first = { path: place, written: undefined }] = fields
  const { path, written } = fields.find((one) => one.written !== undefined) ?? first
  if (written === '') return { path, written: undefined }
  const taken = typeof written === 'string' && sloppy ? sloppy(written) : written
  if (taken !== written) {
    findings.push(caution(path, `${written} is taken as ${taken}`, `write ${taken}`))
  }
  return { path, written: taken }
}

function fieldAt(value: unknown, path: string): Json | undefined {
  return isObject(value) ? valueAt(value, path) : undefined
}

/** v1beta3 has a feature gate in the place of `encryptionAlgorithm`; kubeadm lets it win over the field. */
function algorithmOf(
  { source, spec, documents }: Draft,
  asked: Given<KeyAlgorithm>,
  findings: SpecFinding[],
): Given<KeyAlgorithm> {
  const { value, path } = documents.cluster
  const on = value.featureGates?.PublicKeysECDSA
  const off = on === false && source === 'kubeadm' ? 'RSA-2048' : undefined
  const gate = given<KeyAlgorithm>(
    on === true ? 'ECDSA-P256' : off,
    `${path}.featureGates.PublicKeysECDSA`,
  )
  if (!gate) return asked
  const isDefault = ![spec.pki?.keyAlgorithm, value.encryptionAlgorithm].includes(asked.value)
  if (isDefault || asked.value === gate.value) return gate
  if (source === 'kubeadm') {
    findings.push(caution(asked.path, `gives way to ${gate.path}`, 'leave one of them out'))
    return gate
  }
  findings.push(contradiction(asked, asked.value, gate, gate.value))
  return asked
}

function contradiction(
  a: Given<unknown>,
  first: Json,
  b: Given<unknown>,
  second: Json,
): SpecFinding {
  return mistake(
    a.path,
    `says ${JSON.stringify(first)}, but ${b.path} says ${JSON.stringify(second)}`,
    'give it in one place',
  )
}

function specNodes(draft: Draft, findings: SpecFinding[]): readonly NodeSettings[] {
  const nodes = draft.spec.nodes ?? []
  const first = nodes.findIndex((node) => node?.role === 'control-plane')
  const { init, join } = draft.documents
  return nodes.flatMap((node, i) => {
    if (node === undefined) return []
    const path = `spec.nodes[${i}]`
    const initial = i === first
    const controlPlane = node.role === 'control-plane'
    const taints = given(node.taints?.flatMap(taintOf), `${path}.taints`)
    const addresses = [
      ...(node.address === undefined ? [] : [{ value: node.address, path: `${path}.address` }]),
      ...list(node.addresses, `${path}.addresses`),
    ]
    if (node.address !== undefined && node.addresses !== undefined) {
      findings.push(mistake(`${path}.address`, 'is given beside addresses', 'keep one of the two'))
    }
    if (initial) findings.push(...initialAgrees(draft, node.name, addresses, path))
    const base = registration(init.value.nodeRegistration, `${init.path}.nodeRegistration`)
    const joining = registration(join.value.nodeRegistration, `${join.path}.nodeRegistration`)
    const common = initial ? base : { ...base, ...joining }
    const joinPort = join.value.controlPlane?.localAPIEndpoint?.bindPort
    const port = (!initial && joinPort) || init.value.localAPIEndpoint?.bindPort
    return [
      {
        path,
        name: given(node.name, `${path}.name`),
        role: given<Role>(node.role, `${path}.role`),
        addresses,
        extraSans: list(node.extraSans, `${path}.extraSans`),
        labels: { value: node.labels ?? {}, path: `${path}.labels` },
        taints: taints ?? (controlPlane ? common.taints : initial ? undefined : joining.taints),
        bindPort: port || BIND_PORT,
        criSocket: common.criSocket ?? CRI_SOCKETS.kpki,
        kubeletExtraArgs: common.kubeletExtraArgs ?? [],
        ssh: { value: node.ssh ?? {}, path: `${path}.ssh` },
      },
    ]
  })
}

/** What kubeadm's InitConfiguration says of its node must be what the list of nodes says. */
function initialAgrees(
  { documents }: Draft,
  name: string | undefined,
  addresses: readonly Given<string>[],
  path: string,
): readonly SpecFinding[] {
  const { value, path: init } = documents.init
  const [address] = addresses
  const named = value.nodeRegistration?.name
  const advertised = value.localAPIEndpoint?.advertiseAddress
  const found: SpecFinding[] = []
  if (named !== undefined && name !== undefined && named !== name) {
    const message = `says "${named}", but ${path}.name says "${name}"`
    found.push(mistake(`${init}.${NODE_FIELDS.name}`, message, 'leave it out'))
  }
  if (advertised !== undefined && address !== undefined && !sameIp(advertised, address.value)) {
    const message = `says ${advertised}, but ${address.path} says ${address.value}`
    found.push(mistake(`${init}.${NODE_FIELDS.address}`, message, 'leave it out'))
  }
  return found
}

/** kubeadm's configuration describes the one node that it is given to. */
function kubeadmNode({ documents }: Draft): NodeSettings {
  const { init, join } = documents
  const joins = isJoin(documents)
  const source = joins ? join : init
  const options = source.value.nodeRegistration
  const path = `${source.path}.nodeRegistration`
  const endpoint = joins ? join.value.controlPlane?.localAPIEndpoint : init.value.localAPIEndpoint
  const endpointPath = joins
    ? `${join.path}.controlPlane.localAPIEndpoint`
    : `${init.path}.localAPIEndpoint`
  const worker = joins && join.value.controlPlane === undefined
  const common = registration(options, path)
  const nodeIp = common.kubeletExtraArgs?.find((argument) => argument.name === 'node-ip')
  const listed = (worker ? nodeIp?.value.split(',') : [endpoint?.advertiseAddress]) ?? []
  const place = worker ? `${path}.kubeletExtraArgs` : `${endpointPath}.advertiseAddress`
  return {
    path,
    name: given(options?.name?.trim().toLowerCase() || undefined, `${path}.name`),
    role: { value: worker ? 'worker' : 'control-plane', path: source.path },
    addresses: listed.flatMap((address) => {
      if (!address) return []
      return [{ value: worker ? address : formatIp(address), path: place }]
    }),
    extraSans: [],
    labels: { value: {}, path },
    taints: common.taints,
    bindPort: endpoint?.bindPort || BIND_PORT,
    criSocket: common.criSocket ?? CRI_SOCKETS.kubeadm,
    kubeletExtraArgs: common.kubeletExtraArgs ?? [],
    ssh: { value: {}, path },
  }
}

/** A JoinConfiguration without an InitConfiguration: the node joins a cluster that exists. */
export function isJoin(documents: Draft['documents']): boolean {
  return (
    Object.keys(documents.join.value).length > 0 &&
    documents.init.value.nodeRegistration === undefined
  )
}

interface Registered {
  readonly taints?: Given<readonly Taint[]>
  readonly criSocket?: string
  readonly kubeletExtraArgs?: readonly Argument[]
}

function registration(options: Incomplete<NodeRegistration> | undefined, path: string): Registered {
  const socket = options?.criSocket
  return {
    ...(options?.taints
      ? { taints: { value: options.taints.flatMap(taintOf), path: `${path}.taints` } }
      : {}),
    // kubeadm puts the scheme before a bare path.
    ...(socket ? { criSocket: socket.startsWith('unix') ? socket : `unix://${socket}` } : {}),
    ...(options?.kubeletExtraArgs
      ? { kubeletExtraArgs: argumentsOf(options.kubeletExtraArgs) }
      : {}),
  }
}

function taintOf(
  taint: Incomplete<{ key: string; value?: string; effect: string }> | undefined,
): Taint[] {
  if (taint?.key === undefined || taint.effect === undefined) return []
  const { key, value, effect } = taint
  return [{ key, effect, ...(value === undefined ? {} : { value }) }]
}
