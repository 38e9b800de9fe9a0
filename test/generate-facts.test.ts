import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../src/ca/certificate/read.js'
import { parsePem } from '../src/ca/pem.js'
import { type FileEntry, type FileTree, fileAt, textOf } from '../src/files/tree.js'
import { loadYaml } from '../src/files/yaml/yaml.js'
import { generate } from '../src/generate/generate.js'
import { parseCluster } from '../src/generate/source.js'
import { fixtureKeysEnv } from './certs/clusters.js'

type Facts = Readonly<Record<string, unknown>>

interface Deviation {
  readonly reason: string
  /** What we want instead of kubeadm's facts of one file. */
  readonly apply: (facts: Facts) => Facts
}

const isCertificate = (facts: Facts): boolean => 'serialBits' in facts

/** Changes a certificate's facts, also where a kubeconfig holds it. */
function inCertificates(change: (facts: Facts) => Facts): (facts: Facts) => Facts {
  return (facts) => {
    if (isCertificate(facts)) return change(facts)
    const embedded = facts.clientCertificate as Facts | undefined
    return embedded === undefined ? facts : { ...facts, clientCertificate: change(embedded) }
  }
}

const isEcdsa = (facts: Facts): boolean => String(facts.publicKey).startsWith('ec-')

/** Everything in which our files differ from kubeadm v1.28.7's, on purpose. In this order. */
const DEVIATIONS: readonly Deviation[] = [
  {
    reason:
      'keys in kubeconfigs follow the algorithm asked for; kubeadm before 1.31 makes them RSA (kubeadm#3072)',
    apply: (facts) => {
      const certificate = facts.clientCertificate as Facts | undefined
      if (certificate?.signatureAlgorithm !== 'ecdsa-with-SHA256') return facts
      return {
        ...facts,
        clientCertificate: { ...certificate, publicKey: 'ec-prime256v1' },
        clientKeyPem: 'EC PRIVATE KEY',
      }
    },
  },
  {
    reason: 'only RSA keys encipher keys (RFC 8813 §3); kubeadm before 1.38 claims it for EC keys',
    apply: inCertificates((facts) => {
      const { critical, value } = facts.keyUsage as { critical: boolean; value: string }
      const without = { critical, value: value.replace(', Key Encipherment', '') }
      return isEcdsa(facts) ? { ...facts, keyUsage: without } : facts
    }),
  },
  {
    reason: 'every certificate has a subject key identifier (RFC 5280 §4.2.1.2)',
    apply: inCertificates((facts) => ({ ...facts, subjectKeyIdentifier: true })),
  },
  {
    reason: 'serial numbers have 64 random bits or more; kubeadm takes up to 63',
    apply: inCertificates((facts) => ({ ...facts, serialBits: 'at least 64' })),
  },
  {
    reason:
      'a leaf begins five minutes before it is made; kubeadm before 1.31 copies the beginning of its authority',
    apply: inCertificates((facts) => ({
      ...facts,
      validityDays: Math.floor(Number(facts.validityDays) * 100) / 100,
    })),
  },
]

/** Files that kubeadm init of that release writes beside those in the facts, or leaves to others. */
const MORE_FILES: Readonly<Record<string, string>> = {
  'etc/kubernetes/kubeadm.yaml': 'the configuration that these files come from',
  'var/lib/kubelet/config.yaml': 'kubeadm writes it in kubelet-start, outside the recorded phases',
  'var/lib/kubelet/kubeadm-flags.env': 'as above',
  'var/lib/kubelet/pki/kubelet.crt': 'kubelets serve with a certificate of the cluster’s authority',
  'var/lib/kubelet/pki/kubelet.key': 'its key',
}

function certificateFacts(pem: string): Facts {
  const certificate = new X509Certificate(pem)
  const facts = readCertificate(pem)
  const names = certificate.subjectAltName?.split(', ').sort()
  const key = certificate.publicKey
  const details = key.asymmetricKeyDetails
  const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000
  return {
    subject: certificate.subject.split('\n').reverse().join(','),
    issuer: certificate.issuer.split('\n').reverse().join(','),
    keyUsage: {
      critical: facts.keyUsage?.critical,
      value: facts.keyUsage?.bits.map((bit) => WORDS[bit]).join(', '),
    },
    ...(facts.extendedKeyUsage && {
      extendedKeyUsage: {
        critical: facts.extendedKeyUsage.critical,
        value: certificate.keyUsage.map((oid) => WORDS[oid]).join(', '),
      },
    }),
    basicConstraints: {
      critical: facts.basicConstraints?.critical,
      value: `CA:${certificate.ca ? 'TRUE' : 'FALSE'}`,
    },
    ...(names && { subjectAltName: names }),
    subjectKeyIdentifier: facts.subjectKeyIdentifier?.length === 20,
    authorityKeyIdentifier: facts.authorityKeyIdentifier?.keyIdentifier?.length === 20,
    publicKey:
      key.asymmetricKeyType === 'rsa'
        ? `rsa-${details?.modulusLength}`
        : `${key.asymmetricKeyType}-${details?.namedCurve}`,
    signatureAlgorithm: facts.signature.name,
    validityDays: Math.floor(days * 100) / 100,
    serialBits: BigInt(`0x${certificate.serialNumber}`).toString(2).length > 63 && 'at least 64',
  }
}

const WORDS: Readonly<Record<string, string>> = {
  digitalSignature: 'Digital Signature',
  keyEncipherment: 'Key Encipherment',
  keyCertSign: 'Certificate Sign',
  '1.3.6.1.5.5.7.3.1': 'TLS Web Server Authentication',
  '1.3.6.1.5.5.7.3.2': 'TLS Web Client Authentication',
}

interface Kubeconfig {
  readonly clusters: readonly { name: string; cluster: Record<string, string> }[]
  readonly contexts: readonly unknown[]
  readonly 'current-context': string
  readonly users: readonly { name: string; user: Record<string, string> }[]
}

function kubeconfigFacts(text: string, authority: string): Facts {
  const config = loadYaml(text) as Kubeconfig
  const [cluster] = config.clusters
  const [user] = config.users
  const decoded = (data = '') => Buffer.from(data, 'base64').toString()
  const embedded = decoded(cluster?.cluster['certificate-authority-data'])
  return {
    clusterName: cluster?.name,
    server: cluster?.cluster.server,
    contexts: config.contexts,
    currentContext: config['current-context'],
    user: user?.name,
    userKeys: Object.keys(user?.user ?? {}),
    clientCertificate: certificateFacts(decoded(user?.user['client-certificate-data'])),
    clientKeyPem: parsePem(decoded(user?.user['client-key-data']))[0]?.label,
    ca: embedded === authority ? 'embedded' : 'another',
  }
}

function factsOf(entry: FileEntry, authority: string): Facts {
  const mode = { mode: entry.mode.toString(8) }
  const { path } = entry
  if (path.endsWith('.conf')) return { ...mode, ...kubeconfigFacts(textOf(entry), authority) }
  const blocks = parsePem(entry.data)
  if (path.endsWith('.crt')) {
    expect(blocks.map(({ label }) => label)).toEqual(['CERTIFICATE'])
    return { ...mode, ...certificateFacts(textOf(entry)) }
  }
  return blocks.length === 0 ? mode : { ...mode, pem: blocks.map(({ label }) => label).join() }
}

const fixture = (name: string, path: string): string =>
  readFileSync(new URL(`../fixtures/kubeadm/v1.28.7/${name}/${path}`, import.meta.url), 'utf8')

/** What kpki must make of kubeadm's facts, and which deviations that took. */
function expected(theirs: Facts | undefined): { wanted: Facts; used: readonly Deviation[] } {
  const used: Deviation[] = []
  const wanted = DEVIATIONS.reduce((facts, deviation) => {
    const changed = deviation.apply(facts)
    if (JSON.stringify(changed) !== JSON.stringify(facts)) used.push(deviation)
    return changed
  }, theirs ?? {})
  return { wanted, used }
}

const CLUSTERS = [
  ['base', 'controlplane'],
  ['ha', 'cp-1'],
] as const

describe.each(CLUSTERS)('kubeadm v1.28.7 %s', (name, node) => {
  const theirs: Readonly<Record<string, Facts>> = JSON.parse(fixture(name, 'facts.json'))
  let tree: FileTree = new Map()
  let authority = ''

  beforeAll(async () => {
    const { cluster } = parseCluster(fixture(name, 'kubeadm.yaml'))
    const made = await generate(cluster, { env: fixtureKeysEnv() })
    expect([...made.nodes.keys()]).toEqual([node])
    tree = made.nodes.get(node) ?? new Map()
    const entry = fileAt(tree, 'etc/kubernetes/pki/ca.crt')
    authority = entry ? textOf(entry) : ''
  })

  it('makes the same files', () => {
    const ours = [...tree.values()].filter(({ kind }) => kind === 'file').map(({ path }) => path)
    expect(ours.sort()).toEqual([...Object.keys(theirs), ...Object.keys(MORE_FILES)].sort())
  })

  it.each(Object.keys(theirs))('%s', (path) => {
    const entry = fileAt(tree, path)
    expect(entry && factsOf(entry, authority)).toEqual(expected(theirs[path]).wanted)
  })

  it('writes names in kubeadm’s order: DNS sorted, addresses as they come', () => {
    const names = (base: string) => {
      const entry = fileAt(tree, `etc/kubernetes/pki/${base}.crt`)
      return entry && readCertificate(textOf(entry)).altNames
    }
    expect(names('apiserver')).toMatchObject(
      name === 'base'
        ? { ip: ['10.96.0.1', '172.31.10.5'] }
        : { ip: ['10.128.0.1', '10.20.0.11', '203.0.113.10'] },
    )
    const advertised = name === 'base' ? '172.31.10.5' : '10.20.0.11'
    const [server, peer] = [names('etcd/server'), names('etcd/peer')]
    expect(server?.ip).toEqual([advertised, '127.0.0.1', '::1'])
    expect(peer?.ip.slice(0, 3)).toEqual([advertised, '127.0.0.1', '::1'])
    for (const found of [names('apiserver'), server, peer])
      expect(found?.dns).toEqual([...(found?.dns ?? [])].sort())
  })
})

it('has no deviation that is not needed', () => {
  const theirs = CLUSTERS.flatMap(([name]) =>
    Object.values<Facts>(JSON.parse(fixture(name, 'facts.json'))),
  )
  const used = new Set(theirs.flatMap((facts) => expected(facts).used))
  expect(DEVIATIONS.filter((deviation) => !used.has(deviation))).toEqual([])
})
