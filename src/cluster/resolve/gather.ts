import type { KeyAlgorithm } from '../../ca/keys/algorithms.js'
import { findVersion, releaseOf } from '../../releases/releases.js'
import { formatIp, sameIp } from '../../values/addresses.js'
import { parseDuration } from '../../values/time.js'
import type { Incomplete } from '../checks/schema.js'
import type { Argument, Role, Taint } from '../cluster.js'
import { argumentsOf } from '../kubeadm/convert.js'
import type { NodeRegistration } from '../kubeadm/schema.js'
import { ALGORITHMS } from '../spec/schema.js'
import {
  caution,
  type Given,
  given,
  type Input,
  list,
  mistake,
  type NodeSettings,
  type Settings,
  type SpecFinding,
} from './settings.js'

const BIND_PORT = 6443
const CRI_SOCKETS = {
  kpki: 'unix:///run/containerd/containerd.sock',
  kubeadm: 'unix:///var/run/containerd/containerd.sock',
} as const

export function gatherNodes(input: Input, findings: SpecFinding[]): readonly NodeSettings[] {
  return input.source === 'kubeadm' ? [kubeadmNode(input)] : specNodes(input, findings)
}

function specNodes(input: Input, findings: SpecFinding[]): readonly NodeSettings[] {
  const nodes = input.spec.nodes ?? []
  const first = nodes.findIndex((node) => node?.role === 'control-plane')
  const { init, join } = input.documents
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
    if (initial) findings.push(...initialAgrees(input, node.name, addresses, path))
    const base = registration(init.value.nodeRegistration, `${init.path}.nodeRegistration`)
    const joining = registration(join.value.nodeRegistration, `${join.path}.nodeRegistration`)
    const common = initial ? base : { ...base, ...joining }
    const joinPort = given(
      join.value.controlPlane?.localAPIEndpoint?.bindPort || undefined,
      `${join.path}.controlPlane.localAPIEndpoint.bindPort`,
    )
    const port = given(
      init.value.localAPIEndpoint?.bindPort || undefined,
      `${init.path}.localAPIEndpoint.bindPort`,
    )
    return [
      {
        path,
        name: given(node.name, `${path}.name`),
        role: given<Role>(node.role, `${path}.role`),
        addresses,
        extraSans: list(node.extraSans, `${path}.extraSans`),
        labels: { value: node.labels ?? {}, path: `${path}.labels` },
        taints: taints ?? (controlPlane ? common.taints : initial ? undefined : joining.taints),
        bindPort: (initial ? port : (joinPort ?? port)) ?? { value: BIND_PORT, path },
        criSocket: common.criSocket ?? { value: CRI_SOCKETS.kpki, path },
        kubeletExtraArgs: common.kubeletExtraArgs ?? [],
        ssh: { value: node.ssh ?? {}, path: `${path}.ssh` },
      },
    ]
  })
}

/** What kubeadm's InitConfiguration says of its node must be what the list of nodes says. */
function initialAgrees(
  { documents }: Input,
  name: string | undefined,
  addresses: readonly Given<string>[],
  path: string,
): readonly SpecFinding[] {
  const { value, path: init } = documents.init
  const found: SpecFinding[] = []
  const named = value.nodeRegistration?.name
  if (named !== undefined && name !== undefined && named !== name) {
    const place = `${init}.nodeRegistration.name`
    found.push(mistake(place, `says "${named}", but ${path}.name says "${name}"`, 'leave it out'))
  }
  const advertised = value.localAPIEndpoint?.advertiseAddress
  const [first] = addresses
  if (advertised !== undefined && first !== undefined && !sameIp(advertised, first.value)) {
    const place = `${init}.localAPIEndpoint.advertiseAddress`
    found.push(
      mistake(place, `says ${advertised}, but ${first.path} says ${first.value}`, 'leave it out'),
    )
  }
  return found
}

/** kubeadm's configuration describes the one node that it is given to. */
function kubeadmNode({ documents }: Input): NodeSettings {
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
  const addresses: Given<string>[] = worker
    ? (nodeIp?.value ?? '')
        .split(',')
        .filter(Boolean)
        .map((value) => ({ value, path: `${path}.kubeletExtraArgs` }))
    : list([endpoint?.advertiseAddress || undefined], endpointPath).map((item) => ({
        value: formatIp(item.value),
        path: `${endpointPath}.advertiseAddress`,
      }))
  return {
    path,
    name: given(options?.name?.trim().toLowerCase() || undefined, `${path}.name`),
    role: { value: worker ? 'worker' : 'control-plane', path: source.path },
    addresses,
    extraSans: [],
    labels: { value: {}, path },
    taints: common.taints,
    bindPort: given(endpoint?.bindPort || undefined, `${endpointPath}.bindPort`) ?? {
      value: BIND_PORT,
      path,
    },
    criSocket: common.criSocket ?? { value: CRI_SOCKETS.kubeadm, path: `${path}.criSocket` },
    kubeletExtraArgs: common.kubeletExtraArgs ?? [],
    ssh: { value: {}, path },
  }
}

/** A JoinConfiguration without an InitConfiguration: the node joins a cluster that exists. */
export function isJoin(documents: Input['documents']): boolean {
  return (
    Object.keys(documents.join.json).length > 0 &&
    documents.init.value.nodeRegistration === undefined
  )
}

interface Registered {
  readonly taints?: Given<readonly Taint[]>
  readonly criSocket?: Given<string>
  readonly kubeletExtraArgs?: readonly Argument[]
}

function registration(options: Incomplete<NodeRegistration> | undefined, path: string): Registered {
  const socket = options?.criSocket
  return {
    ...(options?.taints
      ? { taints: { value: options.taints.flatMap(taintOf), path: `${path}.taints` } }
      : {}),
    ...(socket ? { criSocket: { value: socketUrl(socket), path: `${path}.criSocket` } } : {}),
    ...(options?.kubeletExtraArgs
      ? { kubeletExtraArgs: argumentsOf(options.kubeletExtraArgs) }
      : {}),
  }
}

/** kubeadm puts the scheme before a bare path. */
function socketUrl(socket: string): string {
  return socket.startsWith('unix') ? socket : `unix://${socket}`
}

function taintOf(
  taint: Incomplete<{ key: string; value?: string; effect: string }> | undefined,
): Taint[] {
  if (taint?.key === undefined || taint.effect === undefined) return []
  const { key, value, effect } = taint
  return [{ key, effect, ...(value === undefined ? {} : { value }) }]
}

const DAY = 86_400_000

/** Collects one value for each setting from all places where it may be written. */
export function gather(input: Input): { settings: Settings; findings: readonly SpecFinding[] } {
  const { source, name, spec, documents, certificates, options } = input
  const findings: SpecFinding[] = []
  const cluster = documents.cluster.value
  const own = <T>(value: T | undefined, field: string) => given(value, `spec.${field}`)
  const kubeadm = <T>(value: T | undefined, field: string) =>
    given(value === '' ? undefined : value, `${documents.cluster.path}.${field}`)
  const either = <T>(a: Given<T> | undefined, b: Given<T> | undefined, same = sameValue<T>) => {
    if (a && b && !same(a.value, b.value)) findings.push(contradiction(a, b))
    return a ?? b
  }
  const home = (field: string) =>
    source === 'kpki' ? `spec.${field}` : `${documents.cluster.path}.${field}`

  const version = either(
    own(spec.kubernetesVersion, 'kubernetesVersion'),
    kubeadm(cluster.kubernetesVersion, 'kubernetesVersion'),
    (a, b) => findVersion(a)?.text === findVersion(b)?.text,
  )
  const known = version && findVersion(version.value)
  const clusterName =
    kubeadm(cluster.clusterName, 'clusterName') ??
    (source === 'kubeadm' ? undefined : name) ??
    ({ value: 'kubernetes', path: `${documents.cluster.path}.clusterName` } as const)
  const nodes = gatherNodes(input, findings)
  const settings: Settings = {
    source,
    name: name ?? (source === 'kubeadm' ? clusterName : undefined),
    clusterName,
    version,
    release: known && releaseOf(known),
    endpoint: either(
      own(spec.controlPlaneEndpoint, 'controlPlaneEndpoint'),
      kubeadm(cluster.controlPlaneEndpoint, 'controlPlaneEndpoint'),
    ),
    serviceSubnet: either(
      own(spec.networking?.serviceSubnet, 'networking.serviceSubnet'),
      unpadded(kubeadm(cluster.networking?.serviceSubnet, 'networking.serviceSubnet'), findings),
    ) ?? { value: '10.96.0.0/12', path: home('networking.serviceSubnet') },
    podSubnet: either(
      own(spec.networking?.podSubnet, 'networking.podSubnet'),
      unpadded(kubeadm(cluster.networking?.podSubnet, 'networking.podSubnet'), findings),
    ),
    dnsDomain: either(
      own(spec.networking?.dnsDomain, 'networking.dnsDomain'),
      kubeadm(cluster.networking?.dnsDomain, 'networking.dnsDomain'),
    ) ?? { value: 'cluster.local', path: home('networking.dnsDomain') },
    allowOverlap: spec.networking?.allowOverlap ?? false,
    certificatesDir: kubeadm(cluster.certificatesDir, 'certificatesDir') ?? {
      value: '/etc/kubernetes/pki',
      path: `${documents.cluster.path}.certificatesDir`,
    },
    imageRepository: either(
      own(spec.imageRepository, 'imageRepository'),
      kubeadm(cluster.imageRepository, 'imageRepository'),
    ) ?? { value: 'registry.k8s.io', path: home('imageRepository') },
    nodes,
    nodesComplete: (spec.nodes ?? []).every((node) => node !== undefined),
    keyAlgorithm: algorithmOf(input, either, findings),
    validity: {
      ca: either(
        own(durationOf(spec.pki?.validity?.ca), 'pki.validity.ca'),
        kubeadm(durationOf(cluster.caCertificateValidityPeriod), 'caCertificateValidityPeriod'),
      ) ?? { value: 3650 * DAY, path: 'spec.pki.validity.ca' },
      certificate: either(
        own(durationOf(spec.pki?.validity?.certificate), 'pki.validity.certificate'),
        kubeadm(durationOf(cluster.certificateValidityPeriod), 'certificateValidityPeriod'),
      ) ?? { value: 365 * DAY, path: 'spec.pki.validity.certificate' },
    },
    apiServerSans: [
      ...list(cluster.apiServer?.certSANs, `${documents.cluster.path}.apiServer.certSANs`),
      ...list(spec.pki?.apiServer?.extraSans, 'spec.pki.apiServer.extraSans'),
      ...list(spec.apiServer?.extraSans, 'spec.apiServer.extraSans'),
    ],
    hostOs: options.hostOs ?? spec.hostOs ?? (source === 'kpki' ? 'ubuntu' : 'none'),
    patchesDirectory: either(
      own(spec.patches, 'patches'),
      given(
        documents.init.value.patches?.directory ?? documents.join.value.patches?.directory,
        `${documents.init.path}.patches.directory`,
      ),
    ),
    patches: options.patches,
    documents,
    certificates,
    apis: input.apis,
    spec,
  }
  return { settings, findings }
}

type Either = <T>(a: Given<T> | undefined, b: Given<T> | undefined) => Given<T> | undefined

/**
 * `spec.pki.keyAlgorithm`, v1beta4's `encryptionAlgorithm` or the feature gate of v1beta3. kubeadm lets
 * the gate win over the field.
 */
function algorithmOf(
  { source, spec, documents }: Input,
  either: Either,
  findings: SpecFinding[],
): Given<KeyAlgorithm> {
  const { value, path } = documents.cluster
  const asked = ALGORITHMS.find((algorithm) => algorithm === value.encryptionAlgorithm)
  const on = value.featureGates?.PublicKeysECDSA
  const off = on === false && source === 'kubeadm' ? 'RSA-2048' : undefined
  const gate = on === true ? 'ECDSA-P256' : off
  const named = given(asked, `${path}.encryptionAlgorithm`)
  const gated = given<KeyAlgorithm>(gate, `${path}.featureGates.PublicKeysECDSA`)
  if (source === 'kubeadm' && gated) {
    if (named && named.value !== gated.value) {
      findings.push(caution(named.path, `gives way to ${gated.path}`, 'leave one of them out'))
    }
    return gated
  }
  const own = given(spec.pki?.keyAlgorithm, 'spec.pki.keyAlgorithm')
  const kubeadm = either<KeyAlgorithm>(named, gated)
  return either<KeyAlgorithm>(own, kubeadm) ?? { value: 'RSA-2048', path: 'spec.pki.keyAlgorithm' }
}

function contradiction(a: Given<unknown>, b: Given<unknown>): SpecFinding {
  return mistake(
    a.path,
    `says ${JSON.stringify(a.value)}, but ${b.path} says ${JSON.stringify(b.value)}`,
    'give it in one place',
  )
}

/**
 * kubeadm takes leading zeros of IPv4 numbers for decimal (`netutils.ParseCIDRSloppy`); the same in
 * cluster.yaml is a mistake.
 */
function unpadded(subnet: Given<string> | undefined, findings: SpecFinding[]): typeof subnet {
  if (!subnet) return undefined
  const value = subnet.value.replace(/(^|[.,])0+(?=\d)/g, '$1')
  if (value === subnet.value) return subnet
  findings.push(caution(subnet.path, `${subnet.value} is taken as ${value}`, `write ${value}`))
  return { ...subnet, value }
}

function sameValue<T>(a: T, b: T): boolean {
  return a === b
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text)
}
