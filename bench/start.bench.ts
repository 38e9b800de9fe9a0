// Whole processes, the built command line against kubeadm (KUBEADM=path) and OpenSSL.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareTimes } from './table.js'

const folder = mkdtempSync(join(tmpdir(), 'kpki-bench-'))
const cli = join(process.cwd(), 'dist/cli.js')
const spec = (algorithm: string): string => `
apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: bench }
spec:
  kubernetesVersion: v1.28.7
  nodes:
  - { name: controlplane, role: control-plane, address: 172.31.10.5 }
  - { name: worker1, role: worker, address: 172.31.10.6 }
  - { name: worker2, role: worker, address: 172.31.10.7 }
  pki: { keyAlgorithm: ${algorithm} }
`

function must(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, [...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

const out = join(folder, 'out')
const gen = (algorithm: string) => {
  const file = join(folder, `${algorithm}.yaml`)
  writeFileSync(file, spec(algorithm))
  return () => {
    rmSync(out, { recursive: true, force: true })
    must('node', [cli, 'gen', '-f', file, '-o', out])
  }
}

// The same number of P-256 keys and certificates with one OpenSSL process each, as shell guides do it.
function openssl(): void {
  for (let index = 0; index < 20; index++) {
    const key = join(folder, `${index}.key`)
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    must('openssl', [...args, '-keyout', key, '-out', `${key}.crt`, '-subj', `/CN=${index}`])
  }
}

const kubeadm = process.env.KUBEADM
const pki = join(folder, 'pki')
try {
  await compareTimes(
    'three nodes, from process start to the last file synced',
    [
      { name: 'kpki gen, ECDSA-P256', run: gen('ECDSA-P256') },
      { name: 'kpki --version (start alone)', run: () => must('node', [cli, '--version']) },
      { name: 'node -e 0 (floor of starting)', run: () => must('node', ['-e', '0']) },
      { name: 'openssl, 20 keys and certificates', run: openssl },
      { name: 'kpki gen, RSA-2048', run: gen('RSA-2048') },
      ...(kubeadm === undefined
        ? []
        : [
            {
              name: 'kubeadm init phase certs all, RSA-2048',
              run: () => {
                rmSync(pki, { recursive: true, force: true })
                must(kubeadm, [
                  'init',
                  'phase',
                  'certs',
                  'all',
                  '--cert-dir',
                  pki,
                  '--kubernetes-version',
                  'v1.28.7',
                ])
              },
            },
          ]),
    ],
    { rounds: 5 },
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
