import type { Cluster } from '../cluster/cluster.js'
import { etcdTag } from '../manifests/images.js'
import type { Release } from '../releases.js'
import { ETCD_FLAGS_REMOVED, ETCD_HEALTH_PATHS, ETCD_STEPS } from './upgrade-facts.js'
import type { Note, StepFacts } from './upgrade-types.js'

const ETCD_UPGRADE = 'kubernetes: cmd/kubeadm/app/phases/upgrade/staticpods.go'

interface EtcdVersion {
  /** `3.5` */
  readonly minor: string
  readonly numbers: readonly number[]
}

function parse(tag: string): EtcdVersion | undefined {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(tag)?.slice(1).map(Number)
  return numbers && { minor: numbers.slice(0, 2).join('.'), numbers }
}

function isOlder(tag: string, than: string): boolean {
  const [a, b] = [parse(tag)?.numbers, parse(than)?.numbers]
  if (!a || !b) return false
  const at = a.findIndex((number, i) => number !== b[i])
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0)
}

// With a tag of the user's, etcd stays what it is.
function tagIn(cluster: Cluster, release: Release): string | undefined {
  return cluster.etcd.kind === 'local' ? etcdTag({ ...cluster, release }) : undefined
}

function tags({ cluster, before, after }: StepFacts) {
  const [from, to] = [tagIn(cluster, before), tagIn(cluster, after)]
  return from !== undefined && to !== undefined ? { from, to } : undefined
}

/** Notes on etcd: steps between its minors, flags that it loses, and external members that are too old. */
export const ETCD_NOTES = {
  'etcd-step': (step) => {
    const change = tags(step)
    if (!change || change.from === change.to) return undefined
    if (isOlder(change.to, change.from))
      return {
        area: 'etcd',
        what: `etcd stays at ${change.from}: ${step.after.version.text} comes with ${change.to}, and kubeadm never goes back`,
        kubeadm: 'nobody',
        todo: `set etcd.local.imageTag to ${change.from}, so that kpki’s files do not go back either`,
        source: ETCD_UPGRADE,
      }
    const minor = parse(change.to)?.minor
    const row = ETCD_STEPS.find(({ to }) => to === minor)
    const what = `etcd ${change.from} → ${change.to}`
    if (!row || parse(change.from)?.minor === minor || !isOlder(change.from, row.first))
      return { area: 'etcd', what, kubeadm: 'upgrade apply and node' }
    return {
      area: 'etcd',
      what,
      kubeadm: 'upgrade apply and node',
      todo: `every member should run ${row.first} or newer first (${row.why}): set etcd.local.imageTag to such a tag, upgrade within ${step.before.version.minor}, then take it out again`,
      before: true,
      source: row.source,
    }
  },
  'etcd-manifest-kept': (step) => {
    const change = tags(step)
    const { before, after } = step
    const others =
      before.etcdProbes.liveness !== after.etcdProbes.liveness ||
      before.etcdFlags !== after.etcdFlags ||
      before.namedProbePorts !== after.namedProbePorts
    if (!change || change.from !== change.to || !others) return undefined
    return {
      area: 'etcd',
      what: `etcd.yaml stays as it is, with its flags and probes: kubeadm rewrites it only when etcd’s version changes (${change.from})`,
      kubeadm: 'nobody',
      todo: 'put the file that `kpki gen` writes in place, one member after the other',
      source: ETCD_UPGRADE,
    }
  },
  'etcd-flags-removed': (step) => {
    const change = tags(step)
    const { etcd } = step.cluster
    if (!change || etcd.kind !== 'local') return undefined
    const [old, fresh] = [parse(change.from)?.minor, parse(change.to)?.minor]
    if (old === undefined || fresh === undefined || old === fresh) return undefined
    const removed = ETCD_FLAGS_REMOVED.filter((row) => row.in === fresh)
    const hit = etcd.extraArgs.filter(({ name }) => removed.some(({ flags }) => flags.test(name)))
    if (hit.length === 0) return undefined
    return {
      area: 'etcd',
      what: `etcd ${fresh} no longer knows ${hit.map(({ name }) => `--${name}`).join(', ')}, which etcd.local.extraArgs names`,
      kubeadm: 'nobody',
      todo: 'write the flag or feature gate that replaces it before this step: etcd does not start otherwise',
      before: true,
      source: 'etcd#19959',
    }
  },
  'etcd-health-paths': (step) => {
    const tag = tagIn(step.cluster, step.after)
    const fresh = step.before.etcdProbes.liveness !== step.after.etcdProbes.liveness
    if (!fresh || tag === undefined || !isOlder(tag, ETCD_HEALTH_PATHS)) return undefined
    return {
      area: 'etcd',
      what: `probes ask etcd for ${step.after.etcdProbes.liveness}, which ${tag} does not answer`,
      kubeadm: 'nobody',
      todo: `set etcd.local.imageTag to ${ETCD_HEALTH_PATHS} or newer before this step, or leave it out`,
      before: true,
      source: 'kubernetes#124465',
    }
  },
  'etcd-too-old': (step) => {
    const tag = tagIn(step.cluster, step.after)
    const fresh = step.before.etcdFlags !== 'current' && step.after.etcdFlags === 'current'
    if (!fresh || tag === undefined || !isOlder(tag, '3.6.0')) return undefined
    return {
      area: 'etcd',
      what: `kubeadm gives etcd flags that ${tag} does not know`,
      kubeadm: 'nobody',
      todo: 'leave etcd.local.imageTag out, or set 3.6 or newer, before this step',
      before: true,
      source: 'kubernetes#135701',
    }
  },
  'external-etcd-minimum': ({ cluster, before, after }) =>
    cluster.etcd.kind === 'external' && before.minimumExternalEtcd !== after.minimumExternalEtcd
      ? {
          area: 'etcd',
          what: `kubeadm asks for external etcd ${after.minimumExternalEtcd} or newer`,
          kubeadm: 'nobody',
          todo: 'upgrade the external members before this step',
          before: true,
        }
      : undefined,
} as const satisfies Readonly<Record<string, Note>>
