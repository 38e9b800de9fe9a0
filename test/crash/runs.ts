import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError } from '../../src/cli/io.js'
import { mergeKubeconfig } from '../../src/kubeconfig/merge.js'
import { writeKubeconfig } from '../../src/provision/operator.js'
import { kpki, type Ran } from '../cli/audit-support.js'

/** One run that changes the disk: a row is all that it takes to have it cut off and failed everywhere. */
export interface CrashRun {
  readonly name: string
  /** Makes what is there before it, in an empty folder. */
  readonly before: (folder: string) => Promise<void>
  readonly run: (folder: string) => Promise<Ran>
  /** Ends with 0 once the run has nothing left to do. */
  readonly check?: (folder: string) => Promise<Ran>
  /** Relative paths of authorities' files, or of other secrets, that it is meant to replace. */
  readonly replaces?: readonly string[]
  /** A file that the run makes and never overwrites: once it is there, the run refuses with 2. */
  readonly makes?: string
  /** How it is gone on with, where that is another command. */
  readonly next?: (folder: string) => Promise<Ran>
  /** Files that hold the same in the end, whichever run makes them. */
  readonly decided?: readonly string[]
  /** How it ends when something cannot be read; 3 by default. */
  readonly unreadable?: 2
  /** A file of a person’s own: of what it replaces there a copy is kept beside it, with the time in its name. */
  readonly keepsCopiesOf?: string
}

const START = new Date('2026-03-01T12:00:00Z')
const NOW = new Date('2026-06-09T12:00:00Z')
const OUT = ['-f', 'cluster.yaml', '-o', 'out'] as const
const CONTROL_PLANE = { name: 'cp1', role: 'control-plane', address: '192.0.2.11' }
const WORKER = { name: 'worker1', role: 'worker', address: '192.0.2.21' }

interface Wanted {
  readonly nodes?: readonly object[]
  readonly pki?: object
  readonly spec?: object
}

function wants(folder: string, { nodes = [CONTROL_PLANE, WORKER], pki, spec }: Wanted = {}): void {
  const cluster = {
    apiVersion: 'kpki/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'crash' },
    spec: {
      kubernetesVersion: 'v1.31.4',
      controlPlaneEndpoint: 'api.example.com:6443',
      nodes,
      pki: { keyAlgorithm: 'ECDSA-P256', topology: 'hierarchy', ...pki },
      ...spec,
    },
  }
  writeFileSync(join(folder, 'cluster.yaml'), JSON.stringify(cluster))
}

/** An output folder as a run of three months ago left it. */
async function made(folder: string, wanted?: Wanted): Promise<void> {
  wants(folder, wanted)
  const { exit, err } = await kpki(folder, ['gen', ...OUT], START)
  if (exit !== 0) throw new Error(err)
}

function gen(name: string, before: CrashRun['before'], ...options: readonly string[]): CrashRun {
  const renewal = options.includes('--renew-before') ? options : []
  return {
    name,
    before,
    run: (folder) => kpki(folder, ['gen', ...OUT, ...options], NOW),
    check: (folder) => kpki(folder, ['gen', ...OUT, ...renewal, '--check'], NOW),
  }
}

const KUBEADM = `apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
bootstrapTokens: [{ token: abcdef.0123456789abcdef }, { token: ghijkl.0123456789abcdef }]
nodeRegistration: { name: cp1 }
localAPIEndpoint: { advertiseAddress: 192.0.2.11 }
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
featureGates: { PublicKeysECDSA: true }
`

const OWN_KUBECONFIG = `# mine
apiVersion: v1
kind: Config
clusters: []
contexts: []
users: [{ name: me, user: { token: my-only-token } }]
`

/** Every kind of run that writes, those with the most states last: the one place to add one. */
export const RUNS: readonly CrashRun[] = [
  {
    name: 'init',
    before: async () => {},
    run: (folder) => kpki(folder, ['init', '--yes'], NOW),
    makes: 'cluster.yaml',
  },
  {
    name: 'convert -o',
    before: async (folder) => writeFileSync(join(folder, 'kubeadm.yaml'), KUBEADM),
    run: (folder) =>
      kpki(folder, ['convert', 'kubeadm.yaml', '--to', 'v1beta4', '-o', 'new.yaml'], NOW),
    makes: 'new.yaml',
  },
  {
    name: 'audit -o',
    before: async (folder) => {
      await made(folder)
      writeFileSync(join(folder, 'report.html'), 'the report of yesterday')
    },
    run: (folder) =>
      kpki(
        folder,
        ['audit', 'out', '--format', 'html', '-o', 'report.html', '--fail-on', 'never'],
        NOW,
      ),
    unreadable: 2,
  },
  {
    name: 'graph -o',
    before: async (folder) => made(folder),
    run: (folder) => kpki(folder, ['graph', 'out', '--format', 'svg', '-o', 'graph.svg'], NOW),
    unreadable: 2,
  },
  {
    name: 'a kubeconfig merged into a person’s',
    before: async (folder) => {
      await made(folder)
      writeFileSync(join(folder, 'config'), OWN_KUBECONFIG)
    },
    run: async (folder) => {
      const path = join(folder, 'config')
      const admin = readFileSync(join(folder, 'out/kubeconfig/admin.conf'), 'utf8')
      const there = existsSync(path) ? readFileSync(path, 'utf8') : undefined
      const { text, changed } = mergeKubeconfig(there, admin, 'crash')
      try {
        if (changed) await writeKubeconfig(path, text)
        return { exit: 0, out: '', err: '' }
      } catch (cause) {
        const { exit, text: err } = describeError(cause)
        return { exit, out: '', err }
      }
    },
    keepsCopiesOf: 'config',
  },
  gen('gen into a new folder', async (folder) => wants(folder)),
  {
    ...gen('gen of kubeadm’s configuration, gone on with from the output folder', async (folder) =>
      writeFileSync(join(folder, 'cluster.yaml'), KUBEADM),
    ),
    next: (folder) => {
      const source = existsSync(join(folder, 'out/cluster.yaml')) ? OUT.slice(2) : OUT
      return kpki(folder, ['gen', ...source], NOW)
    },
    check: (folder) => kpki(folder, ['gen', '-o', 'out', '--check'], NOW),
    decided: ['bootstrap-token', 'kubeadm-tokens'].map((name) => `out/authorities/${name}`),
  },
  gen('gen of a changed cluster', async (folder) => {
    await made(folder)
    wants(folder, { spec: { controlPlaneEndpoint: 'other.example.com:6443' } })
  }),
  gen('gen that renews', async (folder) => made(folder), '--renew-before', '300d'),
  gen(
    'gen that prunes',
    async (folder) => {
      await made(folder, { pki: { users: [{ name: 'jane', groups: ['team-a'] }] } })
      wants(folder, { nodes: [CONTROL_PLANE] })
    },
    '--prune',
    '--yes',
  ),
  gen('gen that recovers authorities from a node', async (folder) => {
    await made(folder, { pki: { topology: 'separate' } })
    for (const name of ['ca', 'etcd/ca', 'front-proxy-ca'])
      for (const end of ['crt', 'key']) rmSync(join(folder, `out/authorities/${name}.${end}`))
  }),
  gen('gen with one more node', async (folder) => {
    await made(folder)
    wants(folder, {
      nodes: [CONTROL_PLANE, WORKER, { name: 'cp2', role: 'control-plane', address: '192.0.2.12' }],
    })
  }),
]
