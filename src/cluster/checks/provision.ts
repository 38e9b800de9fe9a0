import { isDns1123Label } from '../../values/names.js'
import {
  caution,
  mistake,
  type Settings,
  type SpecFinding,
  type SshDraft,
} from '../resolve/settings.js'
import { schemeOf } from './networking.js'
import { isHex256 } from './schema.js'

export function* checkProvision(settings: Settings): Generator<SpecFinding> {
  yield* cni(settings)
  yield* packages(settings)
  yield* applied(settings)
  for (const node of settings.nodes) yield* ssh(node.ssh.value, node.ssh.path)
  const { server } = settings
  if (server && !isServer(server.value)) {
    yield mistake(
      server.path,
      `"${server.value}" is not the address of an API server`,
      'write for example https://k8s.example.com:6443',
    )
  }
}

function isServer(text: string): boolean {
  const url = urlOf(text)
  return url?.protocol === 'https:' && url.username === '' && url.search === '' && url.hash === ''
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function* cni({ spec }: Settings): Generator<SpecFinding> {
  const given = spec.cni
  if (
    given?.type === 'cilium' &&
    given.version !== undefined &&
    !/^v?\d+\.\d+\.\d[\w.+-]*$/.test(given.version)
  ) {
    yield mistake(
      'spec.cni.version',
      `"${given.version}" is not a version`,
      'write for example 1.15.1',
    )
  }
  if (given?.type !== 'manifest') return
  if ((given.file === undefined) === (given.url === undefined)) {
    yield mistake('spec.cni', 'needs either file or url', 'write one of the two')
  }
  if (given.url !== undefined && urlOf(given.url)?.protocol !== 'https:') {
    yield mistake('spec.cni.url', `"${given.url}" is not an https:// address`, 'write https://…')
  }
  if (given.sha256 !== undefined && !isHex256(given.sha256)) {
    yield mistake('spec.cni.sha256', 'is not a checksum', 'write 64 hexadecimal digits')
  } else if (given.url !== undefined && given.sha256 === undefined) {
    yield caution(
      'spec.cni.sha256',
      'is missing: what the address serves is not verified',
      'add it',
    )
  }
}

function* packages({ packageRepository, packageKey }: Settings): Generator<SpecFinding> {
  const { value, path } = packageRepository
  // The parser of URLs takes blanks away by itself; what is written into apt's sources is the text.
  if (!/^https?:\/\/\S+$/.test(value) || urlOf(value) === undefined || value.includes('#')) {
    yield mistake(path, `"${value}" is not an address`, 'write https://…')
  }
  if (!/^(?:[0-9A-F]{40}|[0-9A-F]{64})$/i.test(packageKey.value.replaceAll(' ', ''))) {
    const message = 'is not the fingerprint of an OpenPGP key'
    yield mistake(packageKey.path, message, 'write 40 hexadecimal digits')
  }
}

function* applied({ spec }: Settings): Generator<SpecFinding> {
  const seen = new Set<string>()
  for (const [i, name] of (spec.namespaces ?? []).entries()) {
    if (name === undefined) continue
    const path = `spec.namespaces[${i}]`
    if (!isDns1123Label(name)) {
      yield mistake(
        path,
        `"${name}" is not a namespace`,
        'write lower-case letters, digits and dashes',
      )
    } else if (name.startsWith('kube-')) {
      yield caution(path, `"${name}": names with kube- belong to Kubernetes`, 'choose another name')
    }
    if (seen.has(name)) yield mistake(path, `"${name}" occurs twice`, 'remove it')
    seen.add(name)
  }
  for (const [i, manifest] of (spec.manifests ?? []).entries()) {
    if (manifest === undefined) continue
    const scheme = schemeOf(manifest)
    if (manifest.trim() === '' || (scheme !== undefined && scheme !== 'https')) {
      yield mistake(
        `spec.manifests[${i}]`,
        `"${manifest}" can't be read`,
        'write a file or an https:// address',
      )
    }
  }
}

const HOST_KEY =
  /^(?:SHA256:[A-Za-z0-9+/]{43}=?|(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,2}(?: .*)?)$/

/** OpenSSH takes these as words of its command line: nothing may look like an option. */
function* ssh(
  { host, user, identityFile, proxyJump, hostKeys }: SshDraft,
  path: string,
): Generator<SpecFinding> {
  const words = { host, user, proxyJump }
  for (const [key, value] of Object.entries(words)) {
    if (value === undefined || /^[A-Za-z0-9_[][^\s"'`$;&|<>\\]*$/.test(value)) continue
    yield mistake(
      `${path}.${key}`,
      `${JSON.stringify(value)} is not a word for ssh`,
      'write it without blanks and options',
    )
  }
  if (identityFile !== undefined && (identityFile.trim() === '' || identityFile.startsWith('-'))) {
    yield mistake(`${path}.identityFile`, `"${identityFile}" is not a file name`, 'write a path')
  }
  for (const [i, key] of (hostKeys ?? []).entries()) {
    if (key === undefined || HOST_KEY.test(key)) continue
    yield mistake(
      `${path}.hostKeys[${i}]`,
      'is neither a host key nor a fingerprint',
      'write "ssh-ed25519 AAAA…" or "SHA256:…" as ssh-keygen -l shows it',
    )
  }
}
