import type { MinorFeatures, ReleaseChange, ReleaseRow } from './features.js'

const alpha = { stage: 'alpha', default: false } as const
const deprecated = { stage: 'deprecated', default: false } as const

/** The oldest minor; the others say what they change (`table.ts`). */
export const FIRST: ReleaseRow = {
  minor: '1.28',
  newestPatch: 15,
  etcdImage: [
    [0, '3.5.9-0'],
    [6, '3.5.10-0'],
    [8, '3.5.12-0'],
    [14, '3.5.15-0'],
  ],
  corednsImage: [[0, 'v1.10.1']],
  pauseImage: '3.9',
  imageOrder: ['pause', 'etcd', 'coredns'],
  superAdminConf: false,
  adminGroup: 'system:masters',
  kubeletClientGroup: [[0, 'system:masters']],
  etcdClientGroup: 'system:masters',
  leafNotBefore: 'authority',
  configuredValidity: false,
  keyAlgorithms: ['RSA-2048', 'ECDSA-P256'],
  keyAlgorithmSetting: 'PublicKeysECDSA',
  subjectKeyIdentifier: 'sha1',
  kubeconfigAuthority: 'same-bytes',
  kubeletLocalEndpoint: false,
  kubeconfigPreferences: true,
  kubeadmApi: 'kubeadm.k8s.io/v1beta3',
  kubeadmApis: ['kubeadm.k8s.io/v1beta3'],
  v1beta3Timeout: [[0, true]],
  externalEtcdHttpEndpoints: false,
  extraArgs: 'replace',
  authorizationMode: 'filtered',
  etcdProbes: {
    liveness: '/health?exclude=NOSPACE&serializable=true',
    startup: '/health?serializable=false',
  },
  schedulerProbes: { liveness: '/healthz', startup: '/healthz' },
  namedProbePorts: false,
  etcdFlags: 'experimental',
  caDirectories: [
    '/etc/pki',
    '/usr/share/ca-certificates',
    '/usr/local/share/ca-certificates',
    '/etc/ca-certificates',
  ],
  flexvolumeMount: true,
  creationTimestamp: true,
  envOrder: 'random',
  nodeLocalCriSocket: false,
  pauseImageFlag: true,
  kubeletConfigKeys: [],
  resolvConf: 'cluster',
  featureGates: {
    PublicKeysECDSA: alpha,
    RootlessControlPlane: alpha,
    EtcdLearnerMode: alpha,
    UpgradeAddonsBeforeControlPlane: deprecated,
  },
  patchTargets: [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubeletconfiguration',
  ],
  initPhases: [
    'preflight',
    'certs',
    'kubeconfig',
    'etcd',
    'control-plane',
    'kubelet-start',
    'wait-control-plane',
    'upload-config',
    'upload-certs',
    'mark-control-plane',
    'bootstrap-token',
    'kubelet-finalize',
    'addon',
    'show-join-command',
  ],
  joinPhases: [
    'preflight',
    'control-plane-prepare',
    'check-etcd',
    'kubelet-start',
    'control-plane-join',
  ],
  kubeletFinalizePhase: 'experimental-cert-rotation',
  minimumExternalEtcd: '3.4.13-4',
  kubeletSkew: 1,
  go: '1.20',
}

const beta = { stage: 'beta', default: true } as const
const ga = { stage: 'ga', default: true } as const

/** What each minor changes: the one place where a new one is added. */
export const CHANGES: readonly ReleaseChange[] = [
  {
    minor: '1.29',
    newestPatch: 15,
    go: '1.21',
    etcdImage: [
      [0, '3.5.10-0'],
      [3, '3.5.12-0'],
      [9, '3.5.15-0'],
      [11, '3.5.16-0'],
    ],
    corednsImage: [[0, 'v1.11.1']],
    // kubernetes#114534, merged before 1.29.
    imageOrder: ['coredns', 'pause', 'etcd'],
    superAdminConf: true,
    adminGroup: 'kubeadm:cluster-admins',
    kubeletClientGroup: [[0, 'kubeadm:cluster-admins']],
    etcdClientGroup: undefined,
    kubeletConfigKeys: ['imageMaximumGCAge'],
    featureGates: { PublicKeysECDSA: deprecated, EtcdLearnerMode: beta },
    kubeletSkew: 3,
  },
  {
    minor: '1.30',
    newestPatch: 14,
    go: '1.22',
    etcdImage: [
      [0, '3.5.12-0'],
      [5, '3.5.15-0'],
    ],
    corednsImage: [
      [0, 'v1.11.1'],
      [5, 'v1.11.3'],
    ],
    authorizationMode: 'verbatim',
    v1beta3Timeout: [[0, false]],
    kubeletConfigKeys: ['imageMaximumGCAge', 'logging.options.text'],
    featureGates: { WaitForAllControlPlaneComponents: alpha },
  },
  {
    minor: '1.31',
    newestPatch: 14,
    etcdImage: [
      [0, '3.5.15-0'],
      [14, '3.5.24-0'],
    ],
    corednsImage: [
      [0, 'v1.11.1'],
      [1, 'v1.11.3'],
    ],
    pauseImage: '3.10',
    leafNotBefore: 'issuance',
    configuredValidity: true,
    keyAlgorithms: ['RSA-2048', 'RSA-3072', 'RSA-4096', 'ECDSA-P256'],
    keyAlgorithmSetting: 'encryptionAlgorithm',
    kubeconfigAuthority: 'common-anchor',
    kubeadmApi: 'kubeadm.k8s.io/v1beta4',
    kubeadmApis: ['kubeadm.k8s.io/v1beta3', 'kubeadm.k8s.io/v1beta4'],
    extraArgs: 'repeat',
    etcdProbes: {
      liveness: '/livez',
      readiness: '/readyz',
      startup: '/readyz',
    },
    caDirectories: [
      '/etc/pki/ca-trust',
      '/etc/pki/tls/certs',
      '/etc/ca-certificates',
      '/usr/share/ca-certificates',
      '/usr/local/share/ca-certificates',
    ],
    resolvConf: 'node',
    v1beta3Timeout: [
      [0, false],
      [13, true],
    ],
    featureGates: {
      RootlessControlPlane: deprecated,
      UpgradeAddonsBeforeControlPlane: null,
      ControlPlaneKubeletLocalMode: alpha,
    },
    patchTargets: [...FIRST.patchTargets, 'corednsdeployment'],
    joinPhases: [
      'preflight',
      'control-plane-prepare',
      'check-etcd',
      'kubelet-start',
      'etcd-join',
      'kubelet-wait-bootstrap',
      'control-plane-join',
      'wait-control-plane',
    ],
    kubeletFinalizePhase: 'enable-client-cert-rotation',
    minimumExternalEtcd: '3.5.11-0',
  },
  {
    minor: '1.32',
    newestPatch: 13,
    go: '1.23',
    etcdImage: [
      [0, '3.5.16-0'],
      [10, '3.5.24-0'],
    ],
    corednsImage: [[0, 'v1.11.3']],
    schedulerProbes: {
      liveness: '/livez',
      readiness: '/readyz',
      startup: '/livez',
    },
    envOrder: 'sorted',
    kubeletConfigKeys: ['imageMaximumGCAge', 'logging.options.text', 'crashLoopBackOff'],
    v1beta3Timeout: [
      [0, false],
      [9, true],
    ],
    featureGates: { EtcdLearnerMode: ga, NodeLocalCRISocket: alpha },
  },
  {
    minor: '1.33',
    newestPatch: 13,
    go: '1.24',
    etcdImage: [
      [0, '3.5.21-0'],
      [6, '3.5.24-0'],
    ],
    corednsImage: [[0, 'v1.12.0']],
    // From the patch that came out together with 1.36.1; release notes name it for 1.35.5 and newer only.
    kubeletClientGroup: [
      [0, 'kubeadm:cluster-admins'],
      [12, undefined],
    ],
    kubeletLocalEndpoint: true,
    v1beta3Timeout: [
      [0, false],
      [5, true],
    ],
    featureGates: {
      EtcdLearnerMode: null,
      WaitForAllControlPlaneComponents: beta,
      ControlPlaneKubeletLocalMode: beta,
    },
  },
  {
    minor: '1.34',
    newestPatch: 11,
    etcdImage: [
      [0, '3.6.4-0'],
      [2, '3.6.5-0'],
    ],
    corednsImage: [[0, 'v1.12.1']],
    pauseImage: '3.10.1',
    keyAlgorithms: ['RSA-2048', 'RSA-3072', 'RSA-4096', 'ECDSA-P256', 'ECDSA-P384'],
    // See 1.33.
    kubeletClientGroup: [
      [0, 'kubeadm:cluster-admins'],
      [8, undefined],
    ],
    kubeconfigPreferences: false,
    namedProbePorts: true,
    etcdFlags: 'by-tag',
    creationTimestamp: false,
    nodeLocalCriSocket: true,
    v1beta3Timeout: [
      [0, false],
      [1, true],
    ],
    featureGates: {
      WaitForAllControlPlaneComponents: ga,
      NodeLocalCRISocket: beta,
    },
  },
  {
    minor: '1.35',
    newestPatch: 9,
    go: '1.25',
    etcdImage: [[0, '3.6.6-0']],
    corednsImage: [[0, 'v1.13.1']],
    // The first minor built with Go 1.25, which changed the default; verifiers never recompute it.
    subjectKeyIdentifier: 'sha256-160',
    kubeletClientGroup: [
      [0, 'kubeadm:cluster-admins'],
      [5, undefined],
    ],
    externalEtcdHttpEndpoints: true,
    pauseImageFlag: false,
    v1beta3Timeout: [[0, true]],
    featureGates: {
      RootlessControlPlane: null,
      WaitForAllControlPlaneComponents: null,
      ControlPlaneKubeletLocalMode: ga,
    },
    minimumExternalEtcd: '3.5.24-0',
  },
  {
    minor: '1.36',
    newestPatch: 5,
    go: '1.26',
    etcdImage: [[0, '3.6.8-0']],
    corednsImage: [[0, 'v1.14.2']],
    pauseImage: '3.10.2',
    kubeletClientGroup: [
      [0, 'kubeadm:cluster-admins'],
      [1, undefined],
    ],
    extraArgs: 'append',
    etcdFlags: 'current',
    flexvolumeMount: false,
    featureGates: {
      ControlPlaneKubeletLocalMode: null,
      NodeLocalCRISocket: ga,
    },
  },
  {
    minor: '1.37',
    newestPatch: 1,
    // etcd 3.7.0 is taken to have the flags of 3.6: no release note says otherwise.
    etcdImage: [[0, '3.7.0-0']],
    corednsImage: [[0, 'v1.14.6']],
    kubeletClientGroup: [[0, undefined]],
    kubeadmApis: ['kubeadm.k8s.io/v1beta4'],
    featureGates: { PublicKeysECDSA: null, NodeLocalCRISocket: null },
    patchTargets: [...FIRST.patchTargets, 'corednsdeployment', 'kubeproxydaemonset'],
  },
]

/** Folds changes onto a first row, each on the row before it. */
export function rowsOf(
  first: ReleaseRow,
  changes: readonly ReleaseChange[],
): readonly ReleaseRow[] {
  const rows = [first]
  let last = first
  for (const change of changes) {
    last = { ...last, ...change, featureGates: gatesOf(last, change) }
    rows.push(last)
  }
  return rows
}

function gatesOf(row: ReleaseRow, change: ReleaseChange): MinorFeatures['featureGates'] {
  const gates = { ...row.featureGates }
  for (const [name, gate] of Object.entries(change.featureGates ?? {})) {
    if (gate === null) delete gates[name]
    else gates[name] = gate
  }
  return gates
}

/** One row per minor of Kubernetes, oldest first. */
export const RELEASES: readonly ReleaseRow[] = rowsOf(FIRST, CHANGES)
