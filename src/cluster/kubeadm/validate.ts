import { parseEndpoint } from '../addresses.js'
import type { JsonObject } from '../cluster.js'
import { isJoin } from '../gather-nodes.js'
import { nearest } from '../names.js'
import { caution, type Finding, mistake, type Settings } from '../settings.js'
import { V1BETA4 } from './convert.js'
import { checkComponents } from './validate-components.js'
import { checkEtcd } from './validate-etcd.js'
import { absolute, repository } from './validate-forms.js'
import { checkTokens } from './validate-tokens.js'
import { versionAdvice } from './versions.js'

/** What kubeadm checks in its own configuration; sections 5.4 and 3.9 of its documentation and source. */
export function* checkKubeadm(settings: Settings): Generator<Finding> {
  const { documents, imageRepository, certificatesDir } = settings
  const { value, path } = documents.cluster
  yield* version(settings)
  yield* featureGates(settings)
  yield* absolute(certificatesDir.value, certificatesDir.path, { clean: true })
  yield* repository(imageRepository.value, imageRepository.path)
  if (value.dns?.imageRepository) {
    yield* repository(value.dns.imageRepository, `${path}.dns.imageRepository`)
  }
  yield* checkEtcd(settings)
  yield* checkComponents(settings)
  yield* checkTokens(settings)
  yield* nodeRegistration(settings)
  yield* componentConfigs(settings)
  if (settings.source === 'kubeadm') yield* kubeadmNode(settings)
}

function* version({ version: given, release, source, documents }: Settings): Generator<Finding> {
  if (given === undefined) {
    if (source === 'kpki') return
    yield mistake(
      `${documents.cluster.path}.kubernetesVersion`,
      'is missing: kubeadm would ask the internet for the newest version',
      'write for example v1.28.7',
    )
  } else if (release === undefined) {
    yield mistake(
      given.path,
      `"${given.value}" is not a Kubernetes version that kpki knows`,
      versionAdvice(given.value),
    )
  }
}

function* featureGates({ release, documents }: Settings): Generator<Finding> {
  const { value, path } = documents.cluster
  if (!release) return
  const known = Object.keys(release.featureGates)
  for (const [gate, on] of Object.entries(value.featureGates ?? {})) {
    const place = `${path}.featureGates.${gate}`
    const row = Object.hasOwn(release.featureGates, gate) ? release.featureGates[gate] : undefined
    if (!row) {
      const near = nearest(gate, known)
      yield mistake(
        place,
        `kubeadm ${release.version.minor} has no feature gate ${gate}`,
        near === undefined ? `known: ${known.join(', ')}` : `did you mean "${near}"?`,
      )
    } else if (row.stage === 'ga' && on === false) {
      yield caution(
        place,
        `${gate} can't be switched off in ${release.version.minor}`,
        'leave it out',
      )
    } else if (row.stage === 'deprecated') {
      yield caution(place, `${gate} is deprecated in ${release.version.minor}`)
    }
  }
}

function* nodeRegistration(settings: Settings): Generator<Finding> {
  const { documents, source } = settings
  for (const { value, path } of [documents.init, documents.join]) {
    const { criSocket, imagePullPolicy } = value.nodeRegistration ?? {}
    const place = `${path}.nodeRegistration`
    if (criSocket !== undefined && criSocket !== '') {
      if (criSocket.startsWith('unix://')) yield* absolute(criSocket.slice(7), `${place}.criSocket`)
      else if (criSocket.startsWith('/')) {
        yield caution(
          `${place}.criSocket`,
          `is taken as unix://${criSocket}`,
          `write unix://${criSocket}`,
        )
      } else {
        yield mistake(`${place}.criSocket`, `"${criSocket}" is not a socket`, 'write unix:///path')
      }
    }
    const policies = ['Always', 'IfNotPresent', 'Never']
    if (imagePullPolicy && !policies.includes(imagePullPolicy)) {
      // kubeadm checks it in the releases that know v1beta4.
      const strict = source === 'kpki' || settings.release?.kubeadmApis.includes(V1BETA4)
      const found = strict ? mistake : caution
      const message = `"${imagePullPolicy}" is not a pull policy`
      yield found(`${place}.imagePullPolicy`, message, `write ${policies.join(', ')}`)
    }
    if (source === 'kpki' && value === documents.join.value && value.nodeRegistration?.name) {
      yield mistake(
        `${place}.name`,
        'has no meaning: the nodes are named in spec.nodes',
        'leave it out',
      )
    }
  }
}

const COMPONENT_KINDS = {
  kubelet: ['kubelet.config.k8s.io/v1beta1', 'KubeletConfiguration'],
  kubeProxy: ['kubeproxy.config.k8s.io/v1alpha1', 'KubeProxyConfiguration'],
} as const

function* componentConfigs({ documents, source }: Settings): Generator<Finding> {
  for (const key of ['kubelet', 'kubeProxy'] as const) {
    const { json, path } = documents[key]
    const [apiVersion, kind] = COMPONENT_KINDS[key]
    for (const [field, expected] of Object.entries({ apiVersion, kind })) {
      const own = json[field]
      if (own === undefined || own === expected) continue
      yield mistake(
        `${path}.${field}`,
        `${JSON.stringify(own)} is not ${expected}`,
        `write ${expected}`,
      )
    }
    if (key === 'kubelet' && source === 'kubeadm') yield* kubeletFields(json, path)
  }
}

/** kubeadm forces certificate rotation. */
function* kubeletFields(json: JsonObject, path: string): Generator<Finding> {
  if (json.rotateCertificates === false) {
    yield caution(
      `${path}.rotateCertificates`,
      'kubeadm sets it to true all the same',
      'leave it out',
    )
  }
}

/** kubeadm asks the machine for what is not written; kpki can't. */
function* kubeadmNode(settings: Settings): Generator<Finding> {
  const { documents, nodes, endpoint, spec } = settings
  const [node] = nodes
  if (!node || spec.nodes) return
  if (!node.name) {
    yield mistake(
      `${node.path}.name`,
      'is missing: kubeadm would take the name of the machine that it runs on',
      'write the name of the node',
    )
  }
  const joins = isJoin(documents)
  if (node.addresses.length === 0) {
    const worker = node.role?.value === 'worker'
    yield mistake(
      worker
        ? `${node.path}.kubeletExtraArgs`
        : `${joins ? `${documents.join.path}.controlPlane` : documents.init.path}.localAPIEndpoint.advertiseAddress`,
      'is missing: kubeadm would take an address of the machine that it runs on',
      worker ? 'add the argument node-ip, or use a cluster.yaml' : 'write the address of the node',
    )
  }
  if (!joins) return
  if (node.role?.value === 'control-plane' && !documents.cluster.value.etcd?.external) {
    yield mistake(
      'JoinConfiguration.controlPlane',
      'names one member of an etcd whose other members are unknown here',
      'list all nodes in a cluster.yaml (kpki convert), or use etcd.external',
    )
  }
  if (!endpoint) {
    yield mistake(
      `${documents.cluster.path}.controlPlaneEndpoint`,
      'is missing: a node that joins needs the address of the API',
      'add a ClusterConfiguration with controlPlaneEndpoint',
    )
  }
  const server = documents.join.value.discovery?.bootstrapToken?.apiServerEndpoint
  if (server !== undefined && !(parseEndpoint(server)?.port ?? 0)) {
    const place = 'JoinConfiguration.discovery.bootstrapToken.apiServerEndpoint'
    yield mistake(place, `"${server}" is not host:port`, 'write for example k8s.example.com:6443')
  }
}
