import { RELEASES } from '../../releases/table.js'
import { parseEndpoint } from '../../values/addresses.js'
import { cleanPath } from '../../values/paths.js'
import type { ExtraVolume } from '../cluster.js'
import { argumentsOf, V1BETA4 } from '../kubeadm/versions.js'
import { patchTarget } from '../patch-files.js'
import { isJoin } from '../resolve/gather.js'
import {
  caution,
  list,
  mistake,
  mistakeOf,
  type Settings,
  type SpecFinding,
} from '../resolve/settings.js'
import { checkSans, schemeOf } from './networking.js'
import { type Incomplete, isHex256, suggestion } from './schema.js'

/** An absolute path; `report` says how bad `.` and `..` in it are. */
function* absolute(path: string, place: string, report = caution): Generator<SpecFinding> {
  const steps = path.split('/')
  if (!path.startsWith('/')) {
    yield mistake(place, `"${path}" is not an absolute path`, `write /${path}`)
  } else if (path.includes('\0')) {
    yield mistake(place, 'has a NUL character', 'remove it')
  } else if (steps.includes('..') || steps.includes('.')) {
    yield report(place, `"${path}" leaves its folder`, 'write a path without . and ..')
  }
}

// The reference grammar of the OCI distribution project: [domain/]path, lower case.
const REPOSITORY =
  /^(?:[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*|(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?))*(?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*|\[[0-9a-fA-F:]+\](?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)$/

function* repository(text: string, place: string): Generator<SpecFinding> {
  if (REPOSITORY.test(text)) return
  yield mistake(
    place,
    `"${text}" is not an image repository`,
    'write for example registry.example.com/k8s',
  )
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/
const USAGES = ['signing', 'authentication']

/** Bootstrap tokens and the key of uploaded certificates. Secrets never occur in messages. */
function* checkTokens({ documents }: Settings): Generator<SpecFinding> {
  const { init, join } = documents
  for (const [i, token] of (init.value.bootstrapTokens ?? []).entries()) {
    if (!token) continue
    const path = `${init.path}.bootstrapTokens[${i}]`
    if (token.token !== undefined) yield* wellFormed(token.token, `${path}.token`)
    const usages = token.usages ?? []
    const unknown = usages.filter((usage) => usage !== undefined && !USAGES.includes(usage))
    if (unknown.length > 0) {
      yield mistake(
        `${path}.usages`,
        `${unknown.join(', ')} is not a usage`,
        `write ${USAGES.join(', ')}`,
      )
    }
    const groups = token.groups ?? []
    if (groups.length > 0 && usages.length > 0 && !usages.includes('authentication')) {
      yield mistake(`${path}.groups`, 'need the usage authentication', 'add it to usages')
    }
    for (const [j, group] of groups.entries()) {
      if (group === undefined || GROUP.test(group)) continue
      const place = `${path}.groups[${j}]`
      yield mistake(
        place,
        `"${group}" is not a group of bootstrap tokens`,
        'write system:bootstrappers:…',
      )
    }
    if (token.ttl !== undefined && token.expires !== undefined) {
      yield mistake(path, 'has both ttl and expires', 'keep one of the two')
    }
  }
  const { bootstrapToken, tlsBootstrapToken, file } = join.value.discovery ?? {}
  const discovery = `${join.path}.discovery`
  if (bootstrapToken && file) {
    yield mistake(discovery, 'has both bootstrapToken and file', 'keep one of the two')
  }
  if (bootstrapToken?.token)
    yield* wellFormed(bootstrapToken.token, `${discovery}.bootstrapToken.token`)
  if (tlsBootstrapToken) yield* wellFormed(tlsBootstrapToken, `${discovery}.tlsBootstrapToken`)
  yield* certificateKey(init.value.certificateKey, `${init.path}.certificateKey`)
  yield* certificateKey(
    join.value.controlPlane?.certificateKey,
    `${join.path}.controlPlane.certificateKey`,
  )
}

function* wellFormed(token: string, path: string): Generator<SpecFinding> {
  if (TOKEN.test(token)) return
  yield mistake(
    path,
    'is not a bootstrap token',
    'write six and sixteen of a-z0-9, joined by a dot',
  )
}

function* certificateKey(key: string | undefined, path: string): Generator<SpecFinding> {
  if (!key || isHex256(key)) return
  yield mistake(path, 'is not a key for AES-256', 'write 64 hexadecimal digits')
}

function* checkEtcd({ documents, etcdDataDir }: Settings): Generator<SpecFinding> {
  const path = `${documents.cluster.path}.etcd`
  const { local, external } = documents.cluster.value.etcd ?? {}
  if (local && external) {
    yield mistake(path, 'has both local and external', 'keep one of the two')
    return
  }
  if (local) {
    yield* absolute(etcdDataDir.value, etcdDataDir.path)
    if (local.imageRepository)
      yield* repository(local.imageRepository, `${path}.local.imageRepository`)
    const strict = { lowers: false }
    yield* checkSans(list(local.serverCertSANs, `${path}.local.serverCertSANs`), strict)
    yield* checkSans(list(local.peerCertSANs, `${path}.local.peerCertSANs`), strict)
  }
  if (external) yield* externalEtcd(external, `${path}.external`)
}

type ClusterDraft = Settings['documents']['cluster']['value']
type ExternalDraft = NonNullable<NonNullable<ClusterDraft['etcd']>['external']>

function* externalEtcd(external: ExternalDraft, path: string): Generator<SpecFinding> {
  const { caFile, certFile, keyFile } = external
  if (Boolean(certFile) !== Boolean(keyFile)) {
    yield mistake(path, 'has only one of certFile and keyFile', 'write both or neither')
  }
  if (certFile && keyFile && !caFile) {
    yield mistake(
      `${path}.caFile`,
      'is missing beside certFile and keyFile',
      'write the CA certificate of etcd',
    )
  }
  if ((external.endpoints ?? []).length === 0) {
    yield mistake(`${path}.endpoints`, 'is empty', 'write the URLs of the etcd members')
  }
  const secure = Boolean(caFile || certFile || keyFile)
  for (const key of ['endpoints', 'httpEndpoints'] as const) {
    for (const { value, path: place } of list(external[key], `${path}.${key}`)) {
      yield* endpoint(value, place, secure && key === 'endpoints')
    }
  }
  for (const [key, file] of Object.entries({ caFile, certFile, keyFile })) {
    if (file) yield* absolute(file, `${path}.${key}`)
  }
}

function* endpoint(text: string, path: string, secure: boolean): Generator<SpecFinding> {
  const scheme = schemeOf(text)
  if (scheme === undefined || !URL.canParse(text)) {
    yield mistake(path, `"${text}" is not a URL`, 'write for example https://10.0.0.1:2379')
  } else if (secure && scheme !== 'https') {
    yield mistake(path, `"${text}" is not https, but files for TLS are given`, 'write https://…')
  }
}

const PATH_TYPES = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
]

/** Arguments, volumes and variables that the user adds to static pods and to the kubelet. */
function* checkComponents(settings: Settings): Generator<SpecFinding> {
  const { init, join, cluster } = settings.documents
  const { apiServer, controllerManager, scheduler, etcd } = cluster.value
  const components = { apiServer, controllerManager, scheduler, 'etcd.local': etcd?.local }
  for (const [name, component] of Object.entries(components)) {
    const path = `${cluster.path}.${name}`
    yield* flags(component?.extraArgs, `${path}.extraArgs`)
    const mounts = component && 'extraVolumes' in component ? component.extraVolumes : undefined
    for (const [i, volume] of (mounts ?? []).entries()) {
      if (volume) yield* mount(settings, volume, `${path}.extraVolumes[${i}]`)
    }
    for (const [i, env] of (component?.extraEnvs ?? []).entries()) {
      if (env?.name !== '') continue
      yield mistake(`${path}.extraEnvs[${i}].name`, 'is empty', 'name the environment variable')
    }
  }
  for (const { value, path } of [init, join]) {
    yield* flags(
      value.nodeRegistration?.kubeletExtraArgs,
      `${path}.nodeRegistration.kubeletExtraArgs`,
    )
  }
}

/** Arguments are a list here, but the user may have written a map: the flag itself names the place. */
function* flags(value: unknown, path: string): Generator<SpecFinding> {
  for (const { name } of argumentsOf(value)) {
    const place = `${path}[${JSON.stringify(name)}]`
    if (name === '') yield mistake(place, 'has no name', 'write the flag without its dashes')
    else if (/^-|[\s=]/.test(name)) {
      const bare = name.replace(/^-+/, '').split(/[\s=]/)[0]
      yield mistake(place, `"${name}" is not the name of a flag`, `write "${bare}"`)
    }
  }
}

function* mount(
  settings: Settings,
  volume: Incomplete<ExtraVolume>,
  path: string,
): Generator<SpecFinding> {
  for (const key of ['hostPath', 'mountPath'] as const) {
    const value = volume[key]
    if (value === undefined || value.startsWith('/')) continue
    yield mistakeOf(
      settings,
      `${path}.${key}`,
      `"${value}" is not an absolute path`,
      'begin it with /',
    )
  }
  if (volume.name !== undefined && !/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(volume.name)) {
    yield mistakeOf(
      settings,
      `${path}.name`,
      `"${volume.name}" is not a volume name`,
      'write an RFC 1123 label',
    )
  }
  if (!PATH_TYPES.includes(volume.pathType ?? '')) {
    const fix = `write ${PATH_TYPES.slice(1).join(', ')}`
    yield mistakeOf(settings, `${path}.pathType`, `"${volume.pathType}" is not a path type`, fix)
  }
}

/** What kubeadm checks in its own configuration; sections 5.4 and 3.9 of its documentation and source. */
export function* checkKubeadm(settings: Settings): Generator<SpecFinding> {
  const { documents, imageRepository, certificatesDir } = settings
  const { value, path } = documents.cluster
  yield* version(settings)
  yield* featureGates(settings)
  yield* absolute(certificatesDir.value, certificatesDir.path, (...finding) =>
    mistakeOf(settings, ...finding),
  )
  if (cleanPath(certificatesDir.value) === '/') {
    const message = 'is the root directory'
    yield mistake(certificatesDir.path, message, 'write for example /etc/kubernetes/pki')
  }
  yield* repository(imageRepository.value, imageRepository.path)
  if (value.dns?.imageRepository) {
    yield* repository(value.dns.imageRepository, `${path}.dns.imageRepository`)
  }
  yield* checkEtcd(settings)
  yield* checkComponents(settings)
  yield* checkTokens(settings)
  yield* nodeRegistration(settings)
  if (settings.source === 'kpki') return
  yield* kubeadmNode(settings)
  const kubelet = documents.kubelet
  if (kubelet.value.rotateCertificates === false) {
    const message = 'kubeadm sets it to true all the same'
    yield caution(`${kubelet.path}.rotateCertificates`, message, 'leave it out')
  }
}

function* version({
  version: given,
  release,
  source,
  documents,
}: Settings): Generator<SpecFinding> {
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

/** What to write instead of a version that kpki doesn't know. */
function versionAdvice(text: string): string {
  const [first, last] = [RELEASES[0], RELEASES.at(-1)]
  const range = `${first?.minor} to ${last?.minor}`
  if (/^(?:ci\/)?(?:stable|latest|k8s-)/.test(text)) {
    return `kpki never asks the internet: write the version itself, from ${range}`
  }
  return `write one from ${range}, for example v1.28.7`
}

function* featureGates({ release, documents }: Settings): Generator<SpecFinding> {
  const { value, path } = documents.cluster
  if (!release) return
  const known = Object.keys(release.featureGates)
  for (const [gate, on] of Object.entries(value.featureGates ?? {})) {
    const place = `${path}.featureGates.${gate}`
    const row = Object.hasOwn(release.featureGates, gate) ? release.featureGates[gate] : undefined
    if (!row) {
      yield mistake(
        place,
        `kubeadm ${release.version.minor} has no feature gate ${gate}`,
        suggestion(gate, known, `known: ${known.join(', ')}`),
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

function* nodeRegistration(settings: Settings): Generator<SpecFinding> {
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

/** kubeadm asks the machine for what is not written; kpki can't. */
function* kubeadmNode(settings: Settings): Generator<SpecFinding> {
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

export function* checkPatches(settings: Settings): Generator<SpecFinding> {
  const { patches, patchesDirectory, release } = settings
  if (patchesDirectory && patches === undefined) {
    yield caution(
      patchesDirectory.path,
      `the patches in ${patchesDirectory.value} were not read`,
      'hand them over with the option patches',
    )
  }
  if (!release) return
  for (const { name } of patches ?? []) {
    const read = patchTarget(name, release.patchTargets)
    const path = `${patchesDirectory?.path ?? 'patches'}[${JSON.stringify(name)}]`
    if (read.kind === 'ignored') yield caution(path, `is not applied: ${read.reason}`, 'rename it')
    if (read.kind === 'invalid') yield mistake(path, `is not a patch: ${read.reason}`, 'rename it')
  }
}
