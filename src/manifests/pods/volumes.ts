import type { Cluster, ExtraVolume, HostOs } from '../../cluster/cluster.js'
import { directoryOf } from '../../values/paths.js'
import { compareText } from '../../values/text.js'

/** A host path in a static pod. */
export type Mount = ExtraVolume

const CA_CERTIFICATES = '/etc/ssl/certs'
const FLEXVOLUMES = '/usr/libexec/kubernetes/kubelet-plugins/volume/exec'
const DEBIAN = [
  '/etc/ca-certificates',
  '/usr/local/share/ca-certificates',
  '/usr/share/ca-certificates',
]

// Directories of CA certificates that a host has, of those that kubeadm looks for.
const HOST_DIRECTORIES: { readonly [Os in HostOs]: readonly string[] } = {
  ubuntu: DEBIAN,
  debian: DEBIAN,
  rhel: ['/etc/pki', '/etc/pki/ca-trust', '/etc/pki/tls/certs'],
  none: [],
}

function readOnly(name: string, path: string): Mount {
  return { name, hostPath: path, mountPath: path, readOnly: true, pathType: 'DirectoryOrCreate' }
}

/** The certificates directory and the host's CA certificates, as API server and controller manager see them. */
export function certificateMounts(cluster: Cluster): readonly Mount[] {
  return [
    readOnly('k8s-certs', cluster.certificatesDir),
    readOnly('ca-certs', CA_CERTIFICATES),
    ...hostDirectories(cluster).map((path) => readOnly(path.slice(1).replaceAll('/', '-'), path)),
  ]
}

// kubeadm looks at the host it runs on; here `hostOs` says what the host has. A directory that external etcd's
// files lie in is there too. Only kubeadm's own configuration without a `hostOs` is read as if nothing were.
function hostDirectories(cluster: Cluster): readonly string[] {
  const { release, hostOs, source } = cluster
  const literal = source === 'kubeadm' && hostOs === 'none'
  const used = literal ? [] : externalEtcdDirectories(cluster)
  return release.caDirectories.filter(
    (path) =>
      HOST_DIRECTORIES[hostOs].includes(path) || used.some((directory) => isBelow(directory, path)),
  )
}

function externalEtcdDirectories({ etcd }: Cluster): readonly string[] {
  if (etcd.kind !== 'external') return []
  const files = [etcd.caFile, etcd.certFile, etcd.keyFile]
  return files.filter((path) => path !== '').map(directoryOf)
}

function isBelow(directory: string, path: string): boolean {
  return `${directory}/`.startsWith(`${path}/`)
}

/**
 * Directories of external etcd's files that no other mount covers; a parent replaces its children.
 * kubeadm compares paths as text and so takes /etc/kubernetes/pki-etcd for a part of /etc/kubernetes/pki, which
 * leaves its API server without these files; that is repeated for kubeadm's own configuration only.
 */
export function externalEtcdMounts(cluster: Cluster): readonly Mount[] {
  const covers = (path: string, directory: string) =>
    cluster.source === 'kubeadm' ? directory.startsWith(path) : isBelow(directory, path)
  const mounted = [...cluster.release.caDirectories, CA_CERTIFICATES, cluster.certificatesDir]
  let kept: readonly string[] = []
  for (const directory of externalEtcdDirectories(cluster)) {
    if (mounted.some((path) => covers(path, directory))) continue
    const others = kept.filter((other) => !covers(directory, other))
    const known = others.some((other) => covers(other, directory))
    kept = known ? others : [...others, directory]
  }
  return [...kept].sort(compareText).map((path, index) => readOnly(`etcd-certs-${index}`, path))
}

/** The kubeconfig of a component. */
export function kubeconfigMount(path: string): Mount {
  return {
    name: 'kubeconfig',
    hostPath: path,
    mountPath: path,
    readOnly: true,
    pathType: 'FileOrCreate',
  }
}

/** Writable for FlexVolume plugins, which the controller manager calls. */
export function flexvolumeMount(directory: string | undefined): Mount {
  const path = directory ?? FLEXVOLUMES
  return { ...readOnly('flexvolume-dir', path), readOnly: false }
}

/** etcd's certificates and data. */
export function etcdMounts(cluster: Cluster, dataDir: string): readonly Mount[] {
  const certificates = `${cluster.certificatesDir}/etcd`
  return [
    { ...readOnly('etcd-data', dataDir), readOnly: false },
    { ...readOnly('etcd-certs', certificates), readOnly: false },
  ]
}

/** Default mounts and the user's; one of the same name replaces a default. */
export function mergeMounts(
  defaults: readonly Mount[],
  extra: readonly ExtraVolume[],
): readonly Mount[] {
  const byName = new Map([...defaults, ...extra].map((mount) => [mount.name, mount]))
  return [...byName.values()].sort((a, b) => compareText(a.name, b.name))
}
