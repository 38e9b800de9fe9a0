import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { auditTree } from '../../src/audit/audit.js'
import { readCertificate, readCertificates } from '../../src/ca/certificate/read.js'
import { readContainer } from '../../src/ca/containers.js'
import { runtimeEngine } from '../../src/ca/engine.js'
import { readPublicKey } from '../../src/ca/keys/keys.js'
import { readPrivateKeyWith } from '../../src/ca/keys/private-key.js'
import { encodePem, isDer, parsePem, pemOddities } from '../../src/ca/pem.js'
import { readRequest } from '../../src/ca/request.js'
import { verifyChain } from '../../src/ca/verify/verify.js'
import { plan } from '../../src/certs/plan.js'
import { readArchive } from '../../src/cli/input/archives.js'
import { parseWaivers } from '../../src/cli/input/waivers.js'
import type { Cluster } from '../../src/cluster/cluster.js'
import { type ConfigFormat, convertConfig } from '../../src/cluster/convert.js'
import { compareTrees } from '../../src/compare/trees.js'
import type { ErrorCode } from '../../src/errors.js'
import { type TarMember, writeTar } from '../../src/files/tar.js'
import { file, treeOf } from '../../src/files/tree.js'
import { dumpYamlAll } from '../../src/files/yaml/dump.js'
import { loadYamlAll } from '../../src/files/yaml/yaml.js'
import { parseCluster } from '../../src/generate/source.js'
import { inspectFile } from '../../src/inspect/inspect.js'
import { mergeKubeconfig } from '../../src/kubeconfig/merge.js'
import { embeddedCredentials, readKubeconfig } from '../../src/kubeconfig/read.js'
import { imagesOf } from '../../src/manifests/images.js'
import { staticPods } from '../../src/manifests/pods/static-pods.js'
import { parseFacts } from '../../src/provision/host/facts.js'
import { TRANSFORMS, type TransformId } from '../../src/provision/host/transforms.js'
import { sameBytes } from '../../src/values/bytes.js'
import { flagOf, parseFlags, splitWords } from '../../src/values/command-line.js'
import { isObject, type JsonObject, sameJson } from '../../src/values/json.js'
import type { Shape } from './mutate.js'

/** A reader of something foreign. A row is all that it takes to have it fuzzed. */
export interface Target {
  /** Also its folder in fixtures/fuzz, which holds inputs to begin with and those that once broke it. */
  readonly name: string
  readonly shape: Shape
  /** Files and folders of the repository that are inputs to begin with as well. */
  readonly seeds?: readonly string[]
  /** What its errors may be; without any it never throws. */
  readonly codes: readonly ErrorCode[]
  /** It shows names, and values of fields that it does not know: a secret in a wrong place is no secret to it. */
  readonly showsUnknown?: true
  /** Its part of all inputs; smaller where one takes long. */
  readonly share: number
  /**
   * Reads it, and looks whether what it writes of it reads back the same. What it returns is shown to people, or says
   * in short what was found: what answers alike is taken to have gone the same way.
   */
  readonly read: (input: Uint8Array) => string | Promise<string>
}

/** Something is not as promised, though nothing was thrown. */
export class Broken extends Error {}

function holds(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Broken(promise)
}

const engine = runtimeEngine()
const NOW = new Date('2027-01-01T12:00:00Z')
const decoder = new TextDecoder()
const text = (input: Uint8Array): string => decoder.decode(input)
const SPEC = ['ERR_YAML_INVALID', 'ERR_SPEC_INVALID'] as const
/** What readers need besides their input. */
const fixture = (path: string): string => readFileSync(`fixtures/fuzz/${path}`, 'utf8')
const CA = readCertificate(readFileSync('fixtures/fuzz/certificate/ca.der'))
const KUBECONFIG = fixture('kubeconfig/admin.yaml')
const APISERVER = fixture('manifest/kube-apiserver.yaml')
const { tree: NODE } = await readArchive(
  Readable.from([readFileSync('fixtures/fuzz/compare/kubeadm.tar')]),
  'archive',
)
const PATCHED = `apiVersion: kpki/v1alpha1
kind: Cluster
metadata: { name: patched }
spec:
  kubernetesVersion: v1.31.4
  nodes: [{ name: cp1, role: control-plane, address: 192.0.2.11 }]
  kubeadm: { initConfiguration: { patches: { directory: /etc/kubernetes/patches } } }
`
const REFUSED = /^(containerd's configuration has|the repository's signing key is)/

export const TARGETS: readonly Target[] = [
  {
    name: 'yaml',
    shape: 'yaml',
    seeds: ['examples', 'fixtures/clusters/many-mistakes.yaml'],
    codes: ['ERR_YAML_INVALID'],
    share: 10,
    read: (input) => {
      const documents = loadYamlAll(text(input))
      // What kpki writes are mappings; libyaml and js-yaml disagree about a document that is a text of several lines.
      const written = documents.filter((value) => isObject(value))
      const again = loadYamlAll(dumpYamlAll(written))
      holds(sameJson(written, again), 'YAML reads back as it was written')
      return documents.map((value) => kindOf(value)).join(' ')
    },
  },
  {
    name: 'cluster',
    shape: 'yaml',
    seeds: ['examples', 'fixtures/clusters/many-mistakes.yaml'],
    codes: SPEC,
    share: 7,
    read: (input) => derived(parseCluster(text(input)).cluster),
  },
  kubeadm('kubeadm-v1beta3', 'kubeadm.k8s.io/v1beta4'),
  kubeadm('kubeadm-v1beta4', 'kubeadm.k8s.io/v1beta3'),
  {
    name: 'waivers',
    shape: 'yaml',
    codes: SPEC,
    share: 6,
    read: (input) => {
      const waivers = parseWaivers(text(input), '.kpki-audit.yaml')
      const again = parseWaivers(JSON.stringify({ waivers }), '.kpki-audit.yaml')
      holds(sameJson(waivers, again), 'waivers read back')
      return waivers.map((one) => Object.keys(one).join()).join(' ')
    },
  },
  {
    name: 'pem',
    shape: 'pem',
    codes: [],
    share: 8,
    read: (input) => {
      const blocks = parsePem(input)
      for (const { label, der, start, end } of blocks) {
        const [again, ...more] = parsePem(input.subarray(start, end))
        holds(more.length === 0 && again !== undefined, 'a block is where it is said to be')
        holds(again.label === label && sameBytes(again.der, der), 'a block reads back')
        // A label may hold what only its reader allows.
        const [written] = parsePem(encodePem('X', der))
        holds(written !== undefined && sameBytes(written.der, der), 'a block is written as it was')
      }
      return `${blocks.map(({ label }) => label).join()}; ${pemOddities(text(input)).join()}`
    },
  },
  {
    name: 'certificate',
    shape: 'der',
    codes: ['ERR_DER_INVALID', 'ERR_PEM_INVALID'],
    share: 8,
    read: async (input) => {
      const facts = readCertificate(input)
      if (!isDer(input)) readCertificates(input)
      holds(sameBytes(readCertificate(facts.der).tbs, facts.tbs), 'a certificate reads back')
      const verdict = await verifyChain({ leaf: facts, anchors: [facts, CA], at: NOW, name: 'cp1' })
      const why = verdict.ok ? verdict.notes : verdict.reasons
      return `${facts.extensions.length} ${facts.oddities.join()} ${why.map(({ code }) => code).join()}`
    },
  },
  {
    name: 'request',
    shape: 'der',
    codes: ['ERR_DER_INVALID', 'ERR_PEM_INVALID'],
    share: 3,
    read: async (input) => {
      const { extensions, oddities, signatureValid } = await readRequest(input)
      return `${extensions.length} ${oddities.join()} ${signatureValid}`
    },
  },
  {
    name: 'key',
    shape: 'pem',
    seeds: ['fixtures/keys'],
    codes: ['ERR_KEY_INVALID'],
    share: 5,
    read: async (input) => {
      const key = await readPrivateKeyWith(engine, input)
      const again = await readPrivateKeyWith(engine, key.pem())
      holds(sameBytes(again.spki, key.spki) && again.pem() === key.pem(), 'a key reads back')
      return `${JSON.stringify(key)} ${String(key)} ${key.facts.type} ${key.facts.curve ?? ''}`
    },
  },
  {
    name: 'public-key',
    shape: 'pem',
    codes: ['ERR_KEY_INVALID'],
    share: 4,
    read: (input) => {
      const { type, curve, bits } = readPublicKey(input)
      return `${type} ${curve} ${bits}`
    },
  },
  {
    name: 'container',
    shape: 'der',
    codes: ['ERR_DER_INVALID'],
    share: 5,
    read: async (input) => {
      const facts = await readContainer(input)
      if (facts?.kind !== 'pkcs7') return JSON.stringify(facts ?? null)
      return `pkcs7 ${facts.certificates.length}`
    },
  },
  {
    name: 'inspect',
    shape: 'pem',
    seeds: [
      'fixtures/keys',
      'fixtures/fuzz/certificate',
      'fixtures/fuzz/container',
      'fixtures/fuzz/kubeconfig',
    ],
    codes: [],
    share: 3,
    read: async (input) => JSON.stringify((await inspectFile('file', input)).objects),
  },
  {
    name: 'kubeconfig',
    shape: 'yaml',
    codes: ['ERR_YAML_INVALID'],
    share: 6,
    read: (input) => {
      const { failure, oddities, users, clusters } = readKubeconfig(text(input))
      embeddedCredentials(text(input))
      const merged = mergeKubeconfig(text(input), KUBECONFIG, 'aws')
      const again = mergeKubeconfig(merged.text, KUBECONFIG, 'aws')
      holds(!again.changed && again.context === merged.context, 'merging twice is merging once')
      const fields = users.map((user) => user.fields.join())
      return `${failure?.message} ${oddities.join()} ${fields.join(' ')} ${clusters.length}`
    },
  },
  {
    name: 'archive',
    shape: 'tar',
    codes: ['ERR_FILE_UNREADABLE'],
    share: 4,
    read: async (input) => {
      const tree = await membersOf(input)
      if (input[0] !== 0x1f) {
        const zipped = await membersOf(gzipSync(input, { level: 1 }))
        holds(sameMembers(tree, zipped), 'an archive is the same when it was compressed')
      }
      const writable = tree.filter(({ path }) => /^[ -~]{1,99}$/.test(path))
      const again = await membersOf(Buffer.concat([...writeTar(writable)]))
      holds(sameMembers(writable, again), 'an archive reads back')
      return tree.map(({ path }) => path).join()
    },
  },
  {
    name: 'tree',
    shape: 'tar',
    codes: ['ERR_FILE_UNREADABLE', 'ERR_NO_PKI'],
    share: 1,
    read: async (input) => {
      const { tree } = await readArchive(Readable.from([input]), 'archive')
      return audited(await auditTree(tree, { at: NOW }))
    },
  },
  {
    name: 'compare',
    shape: 'tar',
    showsUnknown: true,
    codes: ['ERR_FILE_UNREADABLE'],
    share: 1,
    read: async (input) => {
      const { tree } = await readArchive(Readable.from([input]), 'archive')
      const differences = [...(await compareTrees(NODE, tree)), ...(await compareTrees(tree, NODE))]
      const kinds = new Set(differences.map(({ kind, change }) => `${kind} ${change}`))
      return `${[...kinds].join()} ${JSON.stringify(differences)}`
    },
  },
  patch('json', 'kube-apiserver0+json.yaml'),
  patch('merge', 'kube-apiserver0+merge.yaml'),
  patch('strategic', 'kube-apiserver0+strategic.yaml'),
  audit('manifest', 'yaml', 'etc/kubernetes/manifests/kube-apiserver.yaml'),
  audit('kubelet', 'yaml', 'var/lib/kubelet/config.yaml'),
  audit('etcd', 'yaml', 'etc/etcd/etcd.yaml', {
    'etc/systemd/system/etcd.service':
      '[Service]\nExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.yaml\n',
  }),
  audit('encryption', 'yaml', 'etc/kubernetes/enc/enc.yaml', {
    'etc/kubernetes/manifests/kube-apiserver.yaml': APISERVER,
  }),
  audit('unit', 'text', 'etc/systemd/system/kube-apiserver.service', {
    'etc/default/kube-apiserver': 'A=--tls-cert-file=/etc/x.crt\n',
  }),
  {
    name: 'facts',
    shape: 'text',
    codes: ['ERR_REMOTE'],
    share: 8,
    read: (input) => {
      const facts = parseFacts(text(input), 'host', 1_772_366_400_000, 1_772_366_401_000)
      facts.text('fstab')
      return `${facts.files.size} ${facts.packages.size} ${facts.nodes.size} ${facts.applied.size} ${facts.clockSkew} ${String(facts.kubeconfig)} ${JSON.stringify(facts.kubeconfig)}`
    },
  },
  transform('containerd', { pause: 'registry.k8s.io/pause:3.9', mirrors: true }),
  transform('hosts-block', { name: 'cluster', block: '10.0.0.1 cp1\n' }),
  transform('no-swap', {}),
  transform('signing-key', { fingerprint: 'DE15B14486CD377B9E876E1A234654DA9A296436' }),
  {
    name: 'command-line',
    shape: 'text',
    codes: [],
    share: 6,
    read: (input) => {
      const flags = parseFlags(splitWords(text(input)))
      return [...flags.keys()].map((name) => typeof flagOf(flags, name)).join()
    },
  },
]

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length === 0 ? '' : kindOf(value[0])}]`
  return value === null ? 'null' : typeof value
}

/** What only reads a cluster has nothing to refuse any more. */
function derived(cluster: Cluster): string {
  const { leaves } = plan(cluster)
  for (const node of cluster.nodes) if (node.role === 'control-plane') staticPods(cluster, node)
  return `${leaves.length} ${imagesOf(cluster).length}`
}

function kubeadm(name: string, other: ConfigFormat): Target {
  return {
    name,
    shape: 'yaml',
    codes: SPEC,
    share: 4,
    read: (input) => {
      const { cluster, warnings } = parseCluster(text(input))
      const own = convertConfig(text(input), 'kpki/v1alpha1')
      const back = parseCluster(own.text).cluster
      holds(sameJson(cluster.nodes, back.nodes), 'a conversion keeps the nodes')
      try {
        const there = convertConfig(text(input), other).text
        const again = convertConfig(there, other).text
        holds(sameJson(loadYamlAll(there), loadYamlAll(again)), 'a conversion is done once')
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SPEC_INVALID')
          throw error
      }
      return `${derived(cluster)} ${warnings.length} ${own.warnings.length}`
    },
  }
}

/** A patch of the API server's pod, in one of kubeadm's three kinds. */
function patch(kind: string, name: string): Target {
  return {
    name: `patch-${kind}`,
    shape: 'yaml',
    codes: SPEC,
    share: 2,
    read: (input) => {
      const patches = [{ name, text: text(input) }]
      const { cluster } = parseCluster(PATCHED, { patches })
      return derived(cluster)
    },
  }
}

function audit(
  name: string,
  shape: Shape,
  path: string,
  beside: Readonly<Record<string, string>> = {},
): Target {
  const others = Object.entries(beside).map(([at, content]) => file(at, content, 0o600))
  return {
    name,
    shape,
    codes: ['ERR_NO_PKI'],
    share: 3,
    // What is wrong with a key or a provider is told by its name.
    ...(name === 'encryption' && { showsUnknown: true }),
    read: async (input) => {
      const tree = treeOf([...others, file(path, input, 0o600)])
      return audited(await auditTree({ nodes: new Map([['cp1', tree]]) }, { at: NOW }))
    },
  }
}

function audited({ crashed, findings }: Awaited<ReturnType<typeof auditTree>>): string {
  holds(crashed.length === 0, `no rule crashes: ${JSON.stringify(crashed)}`)
  return `${findings.map(({ rule }) => rule).join()} ${JSON.stringify(findings)}`
}

function transform(name: TransformId, values: JsonObject): Target {
  const digest = (algorithm: string, data: Uint8Array) =>
    createHash(algorithm).update(data).digest('hex')
  return {
    name,
    shape: 'text',
    codes: [],
    share: name === 'signing-key' ? 1 : 2,
    read: (input) => {
      try {
        const once = TRANSFORMS[name](text(input), values, digest)
        holds(TRANSFORMS[name](once, values, digest) === once, 'adapted twice is adapted once')
        return 'adapted'
      } catch (error) {
        if (error instanceof Error && REFUSED.test(error.message)) return error.message
        throw error
      }
    },
  }
}

async function membersOf(archive: Uint8Array): Promise<readonly TarMember[]> {
  const { tree } = await readArchive(Readable.from([archive]), 'archive')
  return [...tree.values()].flatMap((entry) =>
    entry.kind === 'file' ? [{ path: entry.path, mode: entry.mode, data: entry.data }] : [],
  )
}

function sameMembers(a: readonly TarMember[], b: readonly TarMember[]): boolean {
  const written = (all: readonly TarMember[]) =>
    JSON.stringify(
      all.map(({ path, mode, data }) => [path, mode, Buffer.from(data ?? []).toString('base64')]),
    )
  return written(a) === written(b)
}
