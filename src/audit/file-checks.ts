import { flagOf } from './command-line.js'
import {
  absence,
  bundleProblem,
  chainProblem,
  credentialOfFlags,
  fileOfFlag,
  fileOfLaunch,
  type NamedFile,
  named,
  type Problem,
  pairProblem,
  privateKeyOf,
} from './credentials.js'
import { acceptedKeys } from './edges-bootstrap.js'
import type { KeyFacts, Launch, NodeFacts } from './estate.js'

/** What a component looks at before it serves: the first problem stops it. */
export type Check = (node: NodeFacts, launch: Launch) => Problem | undefined

/** Two flags name a certificate and its key; both are loaded together (`tls.X509KeyPair`). */
export function pair(certificateFlag: string, keyFlag: string, what: string): Check {
  return (node, launch) => {
    const given = [certificateFlag, keyFlag].filter(
      (flag) => flagOf(launch.flags, flag) !== undefined,
    )
    if (given.length === 1) {
      const lacking = given[0] === certificateFlag ? keyFlag : certificateFlag
      return {
        code: 'flag-missing',
        message: `--${given[0]} is given without --${lacking}`,
        ...placeOf(launch),
      }
    }
    const credential = credentialOfFlags(node, launch, certificateFlag, keyFlag)
    return credential && pairProblem(credential, what)
  }
}

/** The kubelet's probes verify nothing, but must be able to read what is sent. */
export function probed(certificateFlag: string, keyFlag: string): Check {
  return (node, launch) => {
    if (!launch.probes.some(({ scheme }) => scheme === 'HTTPS')) return undefined
    const credential = credentialOfFlags(node, launch, certificateFlag, keyFlag)
    return credential && chainProblem(credential, 'server')
  }
}

export function placeOf({ node, path }: Launch) {
  return { node, ...(path !== undefined && { path }) }
}

export function bundle(
  flag: string,
  what: string,
  reader: 'every-block' | 'any-block' = 'every-block',
): Check {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    return (
      file &&
      (reader === 'any-block' ? rootsProblem(file, what) : bundleProblem(file, what, reader))
    )
  }
}

/** client-go's roots: an empty file stands for the operating system's, anything else must hold a certificate. */
export function rootsProblem(file: NamedFile, what: string): Problem | undefined {
  return file.pem?.empty ? undefined : bundleProblem(file, what, 'any-block')
}

/** etcd's reader: every block of any kind must be a certificate; none at all is let through. */
export function etcdBundle(flag: string, what: string): Check {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    const gone = file && absence(file, what)
    if (!file || gone) return gone
    const bad = file.pem?.blocks.find(({ certificate }) => !certificate)
    if (!bad) return undefined
    const why = bad.failure ?? `a ${bad.label} block is no certificate`
    const message = `${what} ${named(file)} line ${bad.line}: ${why}`
    return { code: 'unparsable', message, node: file.node, path: file.path }
  }
}

export function readable(...flags: readonly string[]): Check {
  return (node, launch) => {
    for (const flag of flags)
      for (const value of launch.flags.get(flag) ?? []) {
        if (!value.startsWith('/')) continue
        const gone = absence(fileOfLaunch(node, launch, value), `--${flag}:`)
        if (gone) return gone
      }
    return undefined
  }
}

export function privateKey(flag: string, what: string): Check {
  return (node, launch) => {
    const file = fileOfFlag(node, launch, flag)
    const gone = file && absence(file, what)
    if (!file || gone || file.state === 'unknown') return gone
    const key = privateKeyOf(file.pem)
    const why = unreadable(key)
    if (why !== undefined) return unparsable(file, `${what} ${named(file)} ${why}`)
    const { type, curve } = key?.facts ?? {}
    const isUsable = type === 'RSA' || (type === 'EC' && /^P-(256|384|521)$/.test(curve ?? ''))
    return isUsable
      ? undefined
      : unparsable(file, `${what} ${named(file)} is neither RSA nor ECDSA on P-256, P-384 or P-521`)
  }
}

// keyutil of client-go, which goes by the label.
function unreadable(key: KeyFacts | undefined): string | undefined {
  if (!key) return 'holds no private key'
  if (key.encrypted) return 'is protected by a passphrase'
  if (key.mislabelled) return `is no ${key.label}`
  return key.failure === undefined ? undefined : `can't be read: ${key.failure}`
}

export function unparsable(file: NamedFile, message: string): Problem {
  return { code: 'unparsable', message, node: file.node, path: file.path }
}

export function publicKeys(flag: string, what: string): Check {
  return (node, launch) => {
    for (const value of launch.flags.get(flag) ?? []) {
      const file = fileOfLaunch(node, launch, value)
      const gone = absence(file, what)
      if (gone) return gone
      if (file.state === 'present' && acceptedKeys(file.pem).length === 0)
        return unparsable(file, `${what} ${named(file)} holds no key`)
    }
    return undefined
  }
}
