import { cpSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Copy, copyOfSource } from './copy.js'

const CLUSTER = `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: copy }
spec:
  kubernetesVersion: v1.31.4
  pki: { keyAlgorithm: ECDSA-P256 }
  nodes:
    - { name: cp, role: control-plane, address: 192.0.2.10 }
    - { name: w1, role: worker, address: 192.0.2.11 }
`
const PKI = 'out/nodes/cp/etc/kubernetes/pki'

/** Every row of CONTRIBUTING's table: one edit, and what follows by itself. */
describe('one place to add', () => {
  let copy: Copy
  beforeEach(() => {
    copy = copyOfSource()
    copy.write('cluster.yaml', CLUSTER)
  })
  afterEach(() => copy.remove())

  /** `kpki` in the copy, which must end as asked; what it printed. */
  const kpki = (status: number, ...args: readonly string[]): string => {
    const run = copy.kpki(...args)
    expect(run.status, `kpki ${args.join(' ')}\n${run.out}${run.err}`).toBe(status)
    return run.out + run.err
  }
  const compiles = () => expect(copy.types()).toBe('')

  it('a certificate', async () => {
    copy.insert(
      'src/certs/table.ts',
      "  'front-proxy-client': {\n    about",
      `  'metrics-client': {
    about: 'reads the metrics of every component',
    issuer: 'ca',
    profile: 'client',
    on: 'control-plane',
    subject: () => ({ CN: 'metrics-reader' }),
    place: { kind: 'pki', base: 'metrics-client' },
  },
`,
    )
    compiles()
    await copy.build()
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    const mode = (path: string) => statSync(join(copy.folder, path)).mode & 0o777
    expect(mode(`${PKI}/metrics-client.crt`)).toBe(0o644)
    expect(mode(`${PKI}/metrics-client.key`)).toBe(0o600)
    kpki(0, 'gen', '-o', 'out', '--check')
    const inspected = kpki(0, 'inspect', `${PKI}/metrics-client.crt`)
    expect(inspected).toContain('CN=metrics-reader')
    const report = JSON.parse(kpki(0, 'audit', 'out', '--format', 'json'))
    expect(report.verdict.status).toBe('clean')
    expect(report.expiry.map(({ path }: { path: string }) => path)).toContain(
      'nodes/cp/etc/kubernetes/pki/metrics-client.crt',
    )
    expect(kpki(0, 'diff', 'out', 'cluster.yaml')).not.toContain('metrics-client')
    copy.write(
      'cluster.yaml',
      CLUSTER.replace(
        'keyAlgorithm: ECDSA-P256',
        'keyAlgorithm: ECDSA-P256, certificates: { metrics-client: { validity: 90d } }',
      ),
    )
    expect(kpki(1, 'gen', '-f', 'cluster.yaml', '-o', 'out', '--check')).toMatch(
      /metrics-client.crt {2}\(its validity period changed\)/,
    )
    expect(await copy.page('certificates.md')).toContain('`metrics-client`')
  })

  it('a key algorithm', async () => {
    copy.insert(
      'src/ca/keys/algorithms.ts',
      '} as const satisfies Readonly<Record<string, KeyAlgorithmRow>>',
      "  'ECDSA-P521': ec(521, 'SHA-512'),\n",
    )
    compiles()
    await copy.build()
    copy.write('cluster.yaml', CLUSTER.replace('ECDSA-P256', 'ECDSA-P521'))
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    expect(kpki(0, 'inspect', `${PKI}/apiserver.crt`)).toContain('EC P-521')
    kpki(0, 'gen', '-o', 'out', '--check')
    kpki(0, 'audit', 'out')
    copy.write('cluster.yaml', CLUSTER.replace('ECDSA-P256', 'ECDSA-P522'))
    expect(kpki(2, 'gen', '-f', 'cluster.yaml', '-o', 'other')).toContain('ECDSA-P521')
    expect(await copy.page('keys.md')).toContain('`ECDSA-P521`')
  })

  it('a release', async () => {
    copy.insert(
      'src/releases/table.ts',
      ']\n\n/** Folds changes onto a first row',
      `  {
    minor: '1.99',
    newestPatch: 3,
    etcdImage: [[0, '3.9.9-0']],
    corednsImage: [[0, 'v1.99.0']],
  },
`,
    )
    compiles()
    await copy.build()
    copy.write('cluster.yaml', CLUSTER.replace('v1.31.4', '1.99'))
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    expect(copy.read('out/nodes/cp/etc/kubernetes/manifests/etcd.yaml')).toContain('etcd:3.9.9-0')
    expect(kpki(0, 'images', '-f', 'cluster.yaml')).toContain('kube-apiserver:v1.99.3')
    kpki(0, 'audit', 'out')
    expect(await copy.page('releases.md')).toContain('| v1.99 | v1.99.3 |')
  })

  it('a flag that names a file', async () => {
    copy.insert(
      'src/manifests/flags.ts',
      "    'tls-cert-file': {\n      decides: 'serving',\n      certificate: 'apiserver',",
      `    'metrics-authority-file': {
      trust: 'client-ca',
      reader: 'every-block',
      called: 'metrics CA',
      file: 'front-proxy-ca',
    },
`,
    )
    compiles()
    await copy.build()
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    expect(copy.read('out/nodes/cp/etc/kubernetes/manifests/kube-apiserver.yaml')).toContain(
      '--metrics-authority-file=/etc/kubernetes/pki/front-proxy-ca.crt',
    )
    copy.write(`${PKI}/front-proxy-ca.crt`, 'no certificate\n')
    expect(kpki(1, 'audit', 'out')).toContain('metrics CA')
    expect(await copy.page('flags.md')).toContain('`--metrics-authority-file`')
  })

  it('an audit rule', async () => {
    copy.insert(
      'src/audit/rules/serials.ts',
      "  rule('N01', ",
      `  rule('N99', 'serial-is-odd', 'L', 'warning', {
    title: 'a serial number is odd',
    citation: 'nobody asks for this',
    why: 'It shows that a rule is one row.',
    fix: 'draw another',
    of: certificates,
    say: (one) => (one.facts.serial % 2n === 1n ? 'has an odd serial number' : undefined),
  }),
`,
    )
    compiles()
    await copy.build()
    expect(kpki(0, 'explain', 'N99')).toContain('It shows that a rule is one row.')
    expect(kpki(0, 'explain', '--list')).toContain('serial-is-odd')
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    expect(kpki(0, 'audit', 'out', '--only', 'N99')).toContain('has an odd serial number')
    kpki(0, 'audit', 'out', '--ignore', 'serial-is-odd', '--fail-on', 'warning')
    expect(await copy.page('N.md')).toContain('serial-is-odd')
    expect(await copy.page('README.md')).toContain('serial-is-odd')
  })

  it('a layout of an audited tree', async () => {
    copy.insert(
      'src/audit/read/layout-table.ts',
      "  {\n    id: 'kops',",
      `  {
    ...KUBEADM,
    id: 'metal',
    name: 'Metal',
    about: 'Everything lies in one place.',
    pki: ['opt/metal/keys'],
    signs: ['metal-root.crt'],
    commonSigns: [],
    homes: ['opt/metal'],
    folders: ['opt/metal/units'],
  },
`,
    )
    compiles()
    await copy.build()
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    for (const [from, to] of [
      ['ca.crt', 'metal-root.crt'],
      ['apiserver.crt', 'apiserver.crt'],
    ] as const)
      cpSync(join(copy.folder, PKI, from), join(copy.folder, 'backup/keys', to))
    const report = JSON.parse(kpki(0, 'audit', 'backup', '--format', 'json', '--fail-on', 'never'))
    expect(report.layouts[0]).toMatchObject({ layout: 'metal', owner: 'kubeadm' })
    const paths = report.expiry.map(({ path }: { path: string }) => path)
    expect(paths).toContain('keys/apiserver.crt')
    expect(await copy.page('layouts/metal.md')).toContain('Everything lies in one place.')
  })

  it('a provisioning step', async () => {
    copy.insert(
      'src/provision/steps/steps.ts',
      "  { id: 'verify', about",
      `  {
    id: 'banner',
    about: 'a word of greeting',
    on: 'all',
    actions: () => [
      {
        kind: 'run',
        id: 'greet',
        about: 'greet the operator',
        script: 'true',
        args: [],
        timeoutMs: 1000,
      },
    ],
  },
`,
    )
    compiles()
    await copy.build()
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    const unknown = ['provision', 'plan', '--from', 'out', '--step', 'nonsense'] as const
    expect(kpki(2, ...unknown)).toContain('banner')
    expect(await copy.page('steps.md')).toContain('| `banner` | a word of greeting | every host |')
  })

  it('a verb', async () => {
    copy.insert(
      'src/cli/verbs/table.ts',
      "  {\n    name: 'ports',",
      `  {
    name: 'hello',
    summary: 'say hello',
    load: async () => (await import('./hello.js')).helloCommand,
  },
`,
    )
    copy.write(
      'src/cli/verbs/hello.ts',
      `import type { Command } from 'commander'
import type { Io } from '../io.js'

export function helloCommand(verb: Command, io: Io): Command {
  return verb.description('Greets.').action(() => io.out('hello\\n'))
}
`,
    )
    compiles()
    await copy.build()
    expect(kpki(0, 'hello')).toBe('hello\n')
    expect(kpki(0, '--help')).toMatch(/hello +say hello/)
    expect(kpki(0, 'hello', '--help')).toContain('Greets.')
    expect(kpki(2, 'helo')).toContain('hello')
    expect(await copy.page('verbs.md')).toContain('| `kpki hello` | say hello |')
  })

  it('an error code', async () => {
    copy.insert(
      'src/errors.ts',
      '  ERR_INTERNAL: row',
      "  ERR_TOO_LATE: row(3, 'the time is up'),\n",
    )
    copy.write(
      'src/cli/bin.ts',
      `import { KpkiError } from '../errors.js'
import { describeError } from './io.js'

const { text, exit } = describeError(new KpkiError('ERR_TOO_LATE', 'it is late', {}))
if (process.argv[2] === 'fail') {
  process.stderr.write(text)
  process.exitCode = exit
} else {
  const { main } = await import('./main.js')
  process.exitCode = await main(process.argv.slice(2), {
    out: (line) => process.stdout.write(line),
    err: (line) => process.stderr.write(line),
    env: process.env,
    cwd: process.cwd(),
    isTerminal: false,
    now: () => new Date(),
  })
}
`,
    )
    compiles()
    await copy.build()
    expect(kpki(3, 'fail')).toContain('kpki: error: it is late')
    expect(kpki(0, 'explain', 'ERR_TOO_LATE')).toContain('the time is up')
    expect(await copy.page('errors.md')).toContain('| `ERR_TOO_LATE` | 3 (the world failed) |')
  })

  it('a report format', async () => {
    copy.insert(
      'src/audit/report/formats.ts',
      '  prometheus: {\n    title',
      "  word: { title: 'one word', mediaType: 'text/plain', render: ({ verdict }) => verdict.status },\n",
    )
    compiles()
    await copy.build()
    expect(kpki(0, 'audit', '--help').replace(/\s+/g, ' ')).toContain('"word"')
    kpki(0, 'gen', '-f', 'cluster.yaml', '-o', 'out')
    expect(kpki(0, 'audit', 'out', '--format', 'word')).toContain('clean')
  })
})
