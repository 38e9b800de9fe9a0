import { KpkiError } from '../../errors.js'
import { bytesOfBase64 } from '../../values/bytes.js'
import { isObject } from '../../values/json.js'
import { type Secret, secret } from '../run/remote.js'

/** Facts that are the content of a file, which hosts send as base64. */
const FILES = [
  'fstab',
  'hosts',
  'cloudHosts',
  'modulesFile',
  'sysctlFile',
  'containerdConfig',
  'crictl',
  'aptSource',
  'aptKey',
  'kubeconfig',
] as const

/** Name of a fact that is the content of a file; of a registry's mirror, with the file's path. */
export type FileFact = (typeof FILES)[number] | `mirror ${string}`

const isFileFact = (name: string): name is FileFact =>
  name.startsWith('mirror ') || FILES.some((known) => known === name)

/** A file of ours as it is on the host. */
export interface HostFile {
  readonly kind: 'file' | 'symlink' | 'other'
  readonly mode: number
  /** `uid:gid` */
  readonly owner: string
  /** Hexadecimal SHA-256 of the content. */
  readonly sha256: string
  /** Text of a public CA certificate. */
  readonly certificate?: string | undefined
}

/** A node as the API server knows it. */
export interface NodeStatus {
  readonly ready: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly effect: string }[]
}

/** What one read-only script found on a host. */
export interface HostFacts {
  /** One value of each plain fact, by the name that the script gives it. */
  readonly value: (name: string) => string
  /** Every value of a fact that may occur several times. */
  readonly values: (name: string) => readonly string[]
  /** Content of a file, or undefined where there is none. */
  readonly text: (name: FileFact) => string | undefined
  /** Seconds by which the host's clock certainly is ahead of the operator's; negative: behind. */
  readonly clockSkew: number
  readonly files: ReadonlyMap<string, HostFile>
  /** Version by package, where installed. */
  readonly packages: ReadonlyMap<string, string>
  readonly nodes: ReadonlyMap<string, NodeStatus>
  /** Hash by name of what was applied through the API. */
  readonly applied: ReadonlyMap<string, string>
  /** The login user's kubeconfig. */
  readonly kubeconfig: Secret<string | undefined>
}

/**
 * Reads the output of the facts script. `sent` and `received` (milliseconds) frame it in the operator's time.
 *
 * @throws KpkiError `ERR_REMOTE` when the host answered something else.
 */
export function parseFacts(
  output: string,
  host: string,
  sent: number,
  received: number,
): HostFacts {
  const start = output.indexOf('kpki-facts-begin\n')
  const end = output.indexOf('\nkpki-facts-end', start)
  if (start < 0 || end < 0) {
    const message = `${host}: answered something that is not kpki's report`
    const hint =
      'see what the login shell prints: ssh to the host and run true, it must print nothing'
    throw new KpkiError('ERR_REMOTE', message, { host }, { hint })
  }
  const lines = new Map<string, string[]>()
  for (const line of output.slice(start, end).split('\n').slice(1)) {
    const tab = line.indexOf('\t')
    if (tab < 0) continue
    const name = line.slice(0, tab)
    const known = lines.get(name)
    if (known) known.push(line.slice(tab + 1))
    else lines.set(name, [line.slice(tab + 1)])
  }
  const values = (name: string) => lines.get(name) ?? []
  const value = (name: string) => values(name)[0] ?? ''
  // All at once: what can't be read is known here, where it still is one host's answer.
  const texts = new Map(
    [...lines].flatMap(([name, [encoded = '']]) =>
      isFileFact(name) ? [[name, decode(encoded, name, host)] as const] : [],
    ),
  )
  const text = (name: FileFact) => texts.get(name)
  return {
    value,
    values,
    text,
    clockSkew: skew(Number(value('time')), sent / 1000, received / 1000),
    files: new Map(values('file').map((line) => hostFile(line, host))),
    packages: new Map(values('package').flatMap(installed)),
    nodes: new Map(values('node').map(nodeStatus)),
    applied: new Map(values('applied').map(pair)),
    kubeconfig: secret(text('kubeconfig')),
  }
}

/** Only what the two ends of the question prove: a slow answer is no wrong clock. */
function skew(host: number, sent: number, received: number): number {
  if (!Number.isFinite(host) || host === 0) return Number.NaN
  return host > received ? host - received : Math.min(0, host - sent)
}

function decode(encoded: string, name: string, host: string): string {
  const bytes = bytesOfBase64(encoded)
  if (bytes) return new TextDecoder().decode(bytes)
  throw new KpkiError('ERR_REMOTE', `${host}: its answer about ${name} is not base64`, { host })
}

function pair(value: string): readonly [string, string] {
  const space = value.indexOf(' ')
  return space < 0 ? [value, ''] : [value.slice(0, space), value.slice(space + 1)]
}

function hostFile(value: string, host: string): readonly [string, HostFile] {
  const [path = '', kind, mode = '', sha256 = '', certificate = ''] = value.split('\t')
  if (kind !== 'file')
    return [path, { kind: kind === 'symlink' ? kind : 'other', mode: 0, owner: '', sha256: '' }]
  const [bits = '', ...owner] = mode.split(':')
  return [
    path,
    {
      kind: 'file',
      mode: Number.parseInt(bits, 8),
      owner: owner.join(':'),
      sha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : '',
      certificate: certificate === '' ? undefined : decode(certificate, path, host),
    },
  ]
}

function installed(value: string): readonly (readonly [string, string])[] {
  const [name = '', state, version] = value.split(/\s+/)
  return version && state?.[1] === 'i' ? [[name, version]] : []
}

function nodeStatus(value: string): readonly [string, NodeStatus] {
  const [name = '', ready, labels, taints] = value.split('\t')
  return [
    name,
    { ready: ready === 'True', labels: textsOf(json(labels)), taints: taintsOf(json(taints)) },
  ]
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const pairs = isObject(value) ? Object.entries(value) : []
  return Object.fromEntries(
    pairs.flatMap(([key, one]) => (typeof one === 'string' ? [[key, one]] : [])),
  )
}

function taintsOf(value: unknown): NodeStatus['taints'] {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  return list.flatMap((one) => {
    const { key, effect } = textsOf(one)
    return key === undefined || effect === undefined ? [] : [{ key, effect }]
  })
}

function json(text: string | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}
