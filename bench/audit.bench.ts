// A large estate: 10,000 certificates on 3,330 nodes, audited, against the floor of parsing each certificate
// and verifying its signature with node:crypto on as many threads as there are cores.
import { X509Certificate } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { auditTree } from '../src/audit/audit.js'
import { parsePem } from '../src/ca/pem.js'
import { fileAt } from '../src/files/tree.js'
import { generate } from '../src/generate/generate.js'
import { embeddedCredentials } from '../src/kubeconfig/read.js'

const workers = Number(process.env.KPKI_BENCH_NODES ?? 3330)
const cluster = {
  apiVersion: 'kpki/v1alpha1',
  kind: 'Cluster',
  metadata: { name: 'bench' },
  spec: {
    kubernetesVersion: 'v1.30.14',
    nodes: [
      { name: 'controlplane', role: 'control-plane', address: '172.16.0.1' },
      ...Array.from({ length: workers }, (_, index) => ({
        name: `worker${index}`,
        role: 'worker',
        address: `172.16.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`,
      })),
    ],
    pki: { keyAlgorithm: 'ECDSA-P256', kubeProxy: true },
  },
} as const

const timed = async <T>(name: string, work: () => Promise<T> | T): Promise<[T, number]> => {
  const start = performance.now()
  const result = await work()
  const took = performance.now() - start
  const memory = Math.round(process.memoryUsage().rss / 2 ** 20)
  console.log(`  ${name.padEnd(52)}${(took / 1000).toFixed(2).padStart(8)} s   ${memory} MiB`)
  return [result, took]
}

const [made] = await timed('generating it', () =>
  generate(cluster as unknown as Parameters<typeof generate>[0]),
)
const ders: Uint8Array[] = []
for (const tree of made.nodes.values())
  for (const entry of tree.values()) {
    if (entry.kind !== 'file') continue
    const text = new TextDecoder().decode(entry.data)
    const pem = entry.path.endsWith('.conf') ? embeddedCredentials(text).certificate : text
    if (!/\.(crt|conf)$/.test(entry.path) || pem === undefined) continue
    if (!entry.path.endsWith('ca.crt')) ders.push(...parsePem(pem).map(({ der }) => der))
  }
console.log(`  ${ders.length} certificates on ${made.nodes.size} nodes`)

const ca = fileAt(made.authorities, 'ca.crt')?.data ?? new Uint8Array()
const threads = availableParallelism()
const [, floor] = await timed(`floor: node:crypto, ${threads} threads`, () =>
  Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const own = ders.filter((_, index) => index % threads === thread)
      return new Promise<void>((resolve, reject) => {
        const worker = new Worker(
          `const { parentPort, workerData: { own, ca } } = require('node:worker_threads')
           const { X509Certificate } = require('node:crypto')
           const key = new X509Certificate(ca).publicKey
           for (const der of own) { const c = new X509Certificate(der); c.subject; c.subjectAltName; c.verify(key) }
           parentPort.postMessage('done')`,
          { eval: true, workerData: { own, ca } },
        )
        worker.once('message', () => resolve())
        worker.once('error', reject)
      })
    }),
  ),
)
if (!new X509Certificate(ca).ca) throw new Error('the authority is one')

const [report, took] = await timed('kpki audit, one thread', () =>
  auditTree(made, { at: new Date() }),
)
console.log(`  ${report.verdict.summary}; ${report.connections.length} connections`)
console.log(`  ${(took / floor).toFixed(1)}× the floor`)
