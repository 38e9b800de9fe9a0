import type { KeyAlgorithm } from '../ca/key-algorithms.js'
import { findVersion, releaseOf } from '../releases.js'
import { parseDuration } from './durations.js'
import { gatherNodes } from './gather-nodes.js'
import {
  caution,
  type Finding,
  type Given,
  given,
  type Input,
  list,
  mistake,
  type Settings,
} from './settings.js'
import { ALGORITHMS } from './spec/pki.js'

const DAY = 86_400_000

/** Collects one value for each setting from all places where it may be written. */
export function gather(input: Input): { settings: Settings; findings: readonly Finding[] } {
  const { source, name, spec, documents, options } = input
  const findings: Finding[] = []
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
  findings: Finding[],
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

function contradiction(a: Given<unknown>, b: Given<unknown>): Finding {
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
function unpadded(subnet: Given<string> | undefined, findings: Finding[]): typeof subnet {
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
