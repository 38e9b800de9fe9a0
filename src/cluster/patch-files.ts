export type PatchType = 'strategic' | 'merge' | 'json'

export type PatchName =
  | { readonly kind: 'patch'; readonly target: string; readonly type: PatchType }
  /** kubeadm passes it over. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** kubeadm stops at it. */
  | { readonly kind: 'invalid'; readonly reason: string }

/**
 * Reads the name of a patch file as kubeadm does: `target[suffix][+strategic|merge|json].{json,yaml}`.
 *
 * @param targets patch targets of the release, `release.patchTargets`
 */
export function patchTarget(name: string, targets: readonly string[]): PatchName {
  if (!/^.+\.(?:json|yaml)$/.test(name)) {
    return { kind: 'ignored', reason: 'its name does not end in .json or .yaml' }
  }
  const target = targets.find((candidate) => name.startsWith(candidate))
  if (target === undefined) {
    return { kind: 'ignored', reason: `its name does not begin with one of ${targets.join(', ')}` }
  }
  const [, plus, type] =
    /^[^.+\n]*(\+)?(json|merge|strategic)?/.exec(name.slice(target.length)) ?? []
  if (plus === undefined) return { kind: 'patch', target, type: 'strategic' }
  if (type === undefined) {
    return { kind: 'invalid', reason: 'after + there is none of json, merge, strategic' }
  }
  return { kind: 'patch', target, type: type as PatchType }
}
