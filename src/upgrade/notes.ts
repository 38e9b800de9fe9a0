import type { Argument, Cluster } from '../cluster/cluster.js'
import { extraArguments } from '../manifests/arguments.js'
import { etcdTag } from '../manifests/images.js'
import { kubeletEnvironment } from '../manifests/kubeadm/kubelet.js'
import { COMPONENTS } from '../manifests/pods/static-pods.js'
import type { Release } from '../releases/features.js'
import { gateEnabled } from '../releases/releases.js'
import { unknownGates } from './migrate.js'
import {
  begins,
  EMPTY_FLAGS_FAIL_IN,
  ETCD_FLAGS_REMOVED,
  ETCD_HEALTH_PATHS,
  ETCD_STEPS,
  HOST_FACTS,
  PAUSE_FLAG_CLEANED_BY,
  removedKubeletFlags,
} from './releases.js'
import type { Note, StepFacts } from './types.js'

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

const planes = ({ nodes }: Cluster): readonly string[] =>
  nodes.filter(({ role }) => role === 'control-plane').map(({ name }) => name)

const userFlag = (cluster: Cluster, component: 'kube-apiserver' | 'kube-controller-manager') => {
  const given = extraArguments(cluster, component)
  return (name: string): Argument | undefined => given.find((argument) => argument.name === name)
}

const criSocketInConfig = ({ featureGates }: Cluster, release: Release): boolean =>
  gateEnabled(release, featureGates, 'NodeLocalCRISocket', release.nodeLocalCriSocket)

const hostNote =
  (fact: (typeof HOST_FACTS)[keyof typeof HOST_FACTS]): Note =>
  ({ before, after }) =>
    begins(fact.since, before, after)
      ? {
          area: 'host',
          what: fact.what,
          kubeadm: 'nobody',
          todo: fact.todo,
          before: true,
          source: fact.source,
        }
      : undefined

/**
 * What changes from release to release beyond the text of the files, by feature: the one place to add such a note.
 * Conditions ask the release rows' features, never a version.
 */
export const NOTES = {
  'super-admin-conf': ({ before, after }) =>
    !before.superAdminConf && after.superAdminConf
      ? {
          area: 'certificate',
          what: 'new file /etc/kubernetes/super-admin.conf: a break-glass administrator (system:masters); admin.conf is ruled by RBAC from here',
          kubeadm: 'upgrade apply',
          todo: `only kubeadm ${after.version.minor} makes it while upgrading, on the control plane that runs \`upgrade apply\`; move it to a safe place afterwards`,
          source: 'kubernetes#121305, kubeadm#3012',
        }
      : undefined,
  'role-bindings': ({ before, after }) => {
    const fresh = after.bindings.filter((name) => !before.bindings.includes(name))
    if (fresh.length === 0) return undefined
    return {
      area: 'rbac',
      what: `ClusterRoleBinding ${fresh.join(' and ')} must exist before new certificates have rights`,
      kubeadm: 'upgrade apply',
      todo: 'neither `upgrade node` nor `certs renew` nor `join` makes it: after `upgrade apply`, and before certificates that kpki made are put in place, run `kubectl apply -f /etc/kubernetes/rbac.yaml` (kpki gen writes it)',
      source: 'kubeadm#3310',
    }
  },
  'configuration-api': ({ before, after }) =>
    before.kubeadmApi !== after.kubeadmApi
      ? {
          area: 'configuration',
          what: `kubeadm’s configuration is ${after.kubeadmApi} from here: arguments are lists, timeouts have a section of their own`,
          kubeadm: 'upgrade apply',
          todo: 'kubeadm converts what the cluster stores; convert your own files with `kpki convert FILE --to v1beta4`',
        }
      : undefined,
  'configuration-api-removed': ({ cluster, before, after }) => {
    const gone = before.kubeadmApis.filter((api) => !after.kubeadmApis.includes(api))
    if (gone.length === 0) return undefined
    return {
      area: 'configuration',
      what: `kubeadm no longer reads ${gone.join(', ')}`,
      kubeadm: 'nobody',
      todo: 'convert your own files before this step: `kpki convert FILE --to v1beta4`',
      ...(cluster.source === 'kubeadm' && { before: true }),
      source: 'kubernetes#136016',
    }
  },
  'feature-gates-removed': ({ cluster, after }) => {
    const gone = unknownGates(cluster, after)
    if (gone.length === 0) return undefined
    const algorithm = gone.includes('PublicKeysECDSA')
      ? '; PublicKeysECDSA is now encryptionAlgorithm: ECDSA-P256'
      : ''
    return {
      area: 'configuration',
      what: `feature gate ${gone.join(', ')} is gone: kubeadm refuses a configuration that names it`,
      kubeadm: 'nobody',
      todo: `take it out of your file and out of ConfigMap kube-system/kubeadm-config before this step${algorithm}`,
      before: true,
    }
  },
  'feature-gates-locked': ({ cluster, before, after }) => {
    const locked = Object.entries(cluster.featureGates).filter(
      ([gate, on]) =>
        !on &&
        after.featureGates[gate]?.stage === 'ga' &&
        before.featureGates[gate]?.stage !== 'ga',
    )
    if (locked.length === 0) return undefined
    return {
      area: 'configuration',
      what: `feature gate ${locked.map(([gate]) => gate).join(', ')} can no longer be switched off`,
      kubeadm: 'nobody',
      todo: 'leave it out of the configuration',
    }
  },
  'argument-order': ({ cluster, before, after }) => {
    if (before.extraArgs === after.extraArgs || after.extraArgs !== 'append') return undefined
    const own = COMPONENTS.map(({ name }) => name).filter(
      (name) => extraArguments(cluster, name).length > 0,
    )
    if (own.length === 0) return undefined
    return {
      area: 'manifest',
      what: `extraArgs of ${own.join(', ')} follow the defaults in your own order instead of being sorted among them`,
      kubeadm: 'upgrade apply and node',
      todo: 'check flags that you give more than once: the order decides',
      source: 'kubernetes#135400',
    }
  },
  'authorization-config': ({ cluster, before, after }) =>
    before.authorizationMode !== after.authorizationMode &&
    userFlag(cluster, 'kube-apiserver')('authorization-config')
      ? {
          area: 'manifest',
          what: 'beside --authorization-config the API server is no longer given --authorization-mode',
          kubeadm: 'upgrade apply and node',
          source: 'kubernetes#123654',
        }
      : undefined,
  flexvolume: ({ before, after }) =>
    before.flexvolumeMount && !after.flexvolumeMount
      ? {
          area: 'manifest',
          what: 'the controller manager no longer mounts the flexvolume plugins',
          kubeadm: 'upgrade apply and node',
          todo: 'if you use flexvolume drivers, mount their folder with controllerManager.extraVolumes',
          source: 'kubernetes#136423',
        }
      : undefined,
  'probe-patches': ({ cluster, before, after }) => {
    if (before.namedProbePorts || !after.namedProbePorts) return undefined
    const patches = cluster.patches.filter(({ text }) => /Probe/.test(text))
    if (patches.length === 0) return undefined
    return {
      area: 'manifest',
      what: `probes refer to a named port: ${patches.map(({ name }) => name).join(', ')} patches probes`,
      kubeadm: 'nobody',
      todo: 'a patch that changes a probe’s port must also change `ports` of the container',
      before: true,
      source: 'kubernetes#132776',
    }
  },
  'kubelet-local-endpoint': ({ cluster, before, after }) => {
    if (before.kubeletLocalEndpoint || !after.kubeletLocalEndpoint) return undefined
    if (cluster.controlPlaneEndpoint === undefined) return undefined
    return {
      area: 'kubelet',
      what: 'kubelets of control planes talk to their own API server instead of the control-plane endpoint',
      kubeadm: 'upgrade apply and node',
      nodes: planes(cluster),
      source: 'kubernetes#125780',
    }
  },
  'instance-config': ({ cluster, before, after }) =>
    !criSocketInConfig(cluster, before) && criSocketInConfig(cluster, after)
      ? {
          area: 'kubelet',
          what: 'the container runtime’s socket moves from kubeadm-flags.env to /var/lib/kubelet/instance-config.yaml',
          kubeadm: 'upgrade apply and node',
          todo: 'kubeadm makes that file only where it is missing: one that is there is not corrected',
          source: 'kubernetes#128031',
        }
      : undefined,
  'pause-image-flag': ({ before, after }) =>
    before.pauseImageFlag && !after.pauseImageFlag
      ? {
          area: 'kubelet',
          what: '--pod-infra-container-image is gone: the kubelet does not start with it',
          kubeadm: 'upgrade apply and node',
          todo: `run kubeadm ${PAUSE_FLAG_CLEANED_BY} on every node before its kubelet is upgraded: no later kubeadm takes the flag out of kubeadm-flags.env`,
          source: 'kubernetes#133778, kubernetes#133779, kubernetes#135807',
        }
      : undefined,
  'kubelet-flags-removed': ({ cluster, before, after }) => {
    const fresh = removedKubeletFlags(after).filter(
      (flag) => !removedKubeletFlags(before).includes(flag),
    )
    const hit = cluster.nodes.filter(({ kubeletExtraArgs }) =>
      kubeletExtraArgs.some(({ name }) => fresh.includes(name)),
    )
    if (hit.length === 0) return undefined
    return {
      area: 'kubelet',
      what: `kubeletExtraArgs name ${fresh.map((flag) => `--${flag}`).join(', ')}, which the kubelet no longer knows`,
      kubeadm: 'nobody',
      todo: 'take it out of kubeletExtraArgs and of kubeadm-flags.env before the kubelet is upgraded',
      before: true,
      nodes: hit.map(({ name }) => name),
      source: 'kubernetes#133779',
    }
  },
  'empty-kubelet-flags': ({ cluster, before, after }) => {
    if (before.version.minor !== EMPTY_FLAGS_FAIL_IN || after.version.minor !== EMPTY_FLAGS_FAIL_IN)
      return undefined
    const empty = cluster.nodes.filter((node) =>
      kubeletEnvironment(cluster, node).endsWith('=""\n'),
    )
    if (empty.length === 0) return undefined
    return {
      area: 'kubelet',
      what: `kubeadm ${EMPTY_FLAGS_FAIL_IN} stops upgrading at a kubeadm-flags.env without flags`,
      kubeadm: 'nobody',
      todo: 'give the kubelet any flag, for example node-ip in kubeletExtraArgs and in kubeadm-flags.env',
      before: true,
      nodes: empty.map(({ name }) => name),
      source: 'kubeadm#3279',
    }
  },
  'pause-image': ({ before, after }) =>
    before.images.pause !== after.images.pause
      ? {
          area: 'host',
          what: `pause image ${before.images.pause} → ${after.images.pause}`,
          kubeadm: 'nobody',
          todo: 'set it as sandbox image in the container runtime’s own configuration',
        }
      : undefined,
  'kubelet-finalize-phase': ({ cluster, before, after }) => {
    if (before.kubeletFinalizePhase === after.kubeletFinalizePhase) return undefined
    const { skipPhases } = cluster.kubeadm.initConfiguration
    const old = `kubelet-finalize/${before.kubeletFinalizePhase}`
    if (!Array.isArray(skipPhases) || !skipPhases.includes(old)) return undefined
    return {
      area: 'configuration',
      what: `skipPhases names ${old}, which is now kubelet-finalize/${after.kubeletFinalizePhase}`,
      kubeadm: 'nobody',
      todo: 'rename it in InitConfiguration.skipPhases',
      source: 'kubernetes#124419',
    }
  },
  'kubelet-skew': ({ before, after }) =>
    before.kubeletSkew !== after.kubeletSkew
      ? {
          area: 'kubelet',
          what: `kubelets may now be ${after.kubeletSkew} minors older than the control plane (${before.kubeletSkew} until here)`,
          kubeadm: 'nobody',
          source: 'kubernetes#120825',
        }
      : undefined,
  ...ETCD_NOTES,
  'cgroup-v2': hostNote(HOST_FACTS['cgroup-v2']),
  'containerd-2': hostNote(HOST_FACTS['containerd-2']),
  'ipvs-warning': (step) =>
    step.cluster.kubeadm.kubeProxyConfiguration.mode === 'ipvs'
      ? hostNote(HOST_FACTS['ipvs-warning'])(step)
      : undefined,
} as const satisfies Readonly<Record<string, Note>>
