import { KpkiError } from '../errors.js'
import type { ByPatch, KubernetesVersion, Release, ReleaseRow } from './features.js'
import { RELEASES } from './table.js'

const VERSION = /^v?(1\.(?:0|[1-9]\d*))(?:\.(0|[1-9]\d*)((?:[-+][0-9A-Za-z.+-]+)?))?$/

/**
 * Reads `v1.28.7`, `1.28.7` or `1.28` (the newest patch that kpki knows).
 * Undefined: not a version, or of a minor that is not in the table.
 */
export function findVersion(
  text: string,
  rows: readonly ReleaseRow[] = RELEASES,
): KubernetesVersion | undefined {
  const [, minor, patch, suffix = ''] = VERSION.exec(text.trim()) ?? []
  const row = rows.find((candidate) => candidate.minor === minor)
  if (row === undefined) return undefined
  const number = patch === undefined ? row.newestPatch : Number(patch)
  return { text: `v${row.minor}.${number}${suffix}`, minor: row.minor, patch: number }
}

/**
 * Reads a version as {@link findVersion} does.
 *
 * @throws KpkiError `ERR_SPEC_INVALID` for anything else.
 * /
 *
 * @example
 * ```ts
 * import { parseVersion } from 'kpki'
 *
 * console.log(parseVersion('1.31.4').minor)
 * ```
 */
export function parseVersion(
  text: string,
  rows: readonly ReleaseRow[] = RELEASES,
): KubernetesVersion {
  const version = findVersion(text, rows)
  if (version !== undefined) return version
  throw unknownVersion(text, rows)
}

/**
 * The features of one version. A patch newer than the table's newest is read like that one.
 *
 * @example
 * ```ts
 * import { parseVersion, releaseOf } from 'kpki'
 *
 * console.log(releaseOf(parseVersion('v1.31.4')).images.etcd)
 * ```
 */
export function releaseOf(
  version: KubernetesVersion,
  rows: readonly ReleaseRow[] = RELEASES,
): Release {
  const row = rows.find((candidate) => candidate.minor === version.minor)
  if (row === undefined) throw unknownVersion(version.text, rows)
  const { patch } = version
  const kubeletClientGroup = at(row.kubeletClientGroup, patch)
  return {
    ...row,
    version,
    images: {
      etcd: at(row.etcdImage, patch),
      coredns: at(row.corednsImage, patch),
      pause: row.pauseImage,
    },
    kubeletClientGroup,
    v1beta3Timeout: at(row.v1beta3Timeout, patch),
    bindings: [
      ...(row.adminGroup === 'kubeadm:cluster-admins' ? (['kubeadm:cluster-admins'] as const) : []),
      ...(kubeletClientGroup === undefined ? (['kubeadm:apiserver-kubelet-client'] as const) : []),
    ],
  }
}

/**
 * Whether a kubeadm feature is on: the gate's setting where the release has such a gate and does not lock it, else
 * what the release does without one.
 */
export function gateEnabled(
  release: Release,
  gates: Readonly<Record<string, boolean>>,
  name: string,
  otherwise: boolean,
): boolean {
  const gate = release.featureGates[name]
  if (gate === undefined || gate.stage === 'ga') return otherwise
  return gates[name] ?? gate.default
}

function at<T>(values: ByPatch<T>, patch: number): T {
  return values.reduce((value, entry) => (entry[0] <= patch ? entry : value))[1]
}

function unknownVersion(text: string, rows: readonly ReleaseRow[]): KpkiError {
  const message = `"${text}" is not a Kubernetes version that kpki knows`
  const fix = `write one from ${rows[0]?.minor} to ${rows.at(-1)?.minor}, for example v1.28.7`
  return new KpkiError('ERR_SPEC_INVALID', message, {
    issues: [{ path: 'spec.kubernetesVersion', message, fix }],
  })
}
