import { textOf as contentOf } from '../../files/tree.js'
import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { at, filled, type Json, listOf, scalarText } from '../../values/json.js'
import { listed } from '../../values/text.js'
import { fileOfFlag } from '../graph/credentials.js'
import { readDocument } from '../read/documents.js'
import type { Launch, NodeEvidence, Place } from '../read/evidence.js'
import { fileOn } from '../read/paths.js'

/** The document in a file that a flag names. */
export interface FlagDocument {
  readonly place: Place
  readonly value: Json | undefined
  /** Why it is no document. */
  readonly failure?: string
}

/** Undefined where the flag is not given, or its file absent or out of sight. */
export function documentOfFlag(
  node: NodeEvidence,
  launch: Launch,
  flag: string,
): FlagDocument | undefined {
  const file = fileOfFlag(node, launch, flag)
  // One that is not mounted is told elsewhere; what is in it was meant all the same.
  const entry = file && file.state !== 'unknown' ? fileOn(node.tree, file.path) : undefined
  if (!entry) return undefined
  const { value, failure } = readDocument(contentOf(entry))
  const place = { node: node.name, path: entry.path }
  return { place, value, ...(failure && { failure: failure.message }) }
}

/** How an API server authorises: by its flags, or by the file that takes their place. */
export interface Authorization {
  readonly modes: readonly string[]
  /** The file that says so. */
  readonly document?: FlagDocument
}

/** Undefined where it is not to be seen: a file out of sight, a unit whose variables are. */
export function authorizationOf(node: NodeEvidence, launch: Launch): Authorization | undefined {
  const { flags, source } = launch
  if (flags.has('authorization-config')) {
    const document = documentOfFlag(node, launch, 'authorization-config')
    if (!document || document.failure !== undefined) return undefined
    const modes = listOf(at(document.value, 'authorizers')).map(
      (one) => scalarText(at(one, 'type')) ?? '',
    )
    return { modes, document }
  }
  const modes = flagList(flags, 'authorization-mode')
  if (modes.length > 0) return { modes }
  return source === 'static-pod' ? { modes: ['AlwaysAllow'] } : undefined
}

/** Whom an API server takes for anonymous. */
export interface Anonymous {
  readonly enabled: boolean
  /** Only for these paths; all, if absent. */
  readonly paths?: readonly string[]
  readonly document?: FlagDocument
}

/** By `--anonymous-auth`, or by the file that takes its place; the mode AlwaysAllow ends the flag's, not the file's. */
export function anonymousOf(node: NodeEvidence, launch: Launch): Anonymous {
  const document = documentOfFlag(node, launch, 'authentication-config')
  const given = at(document?.value, 'anonymous')
  if (document && given) {
    const conditions = listOf(at(given, 'conditions'))
    const paths = conditions.map((one) => scalarText(at(one, 'path')) ?? '')
    const enabled = at(given, 'enabled') === true
    return { enabled, document, ...(paths.length > 0 && { paths }) }
  }
  const { flags } = launch
  const isOn = !flags.has('anonymous-auth') || flagIsTrue(flags, 'anonymous-auth')
  const authorization = authorizationOf(node, launch)
  const isEnded = !authorization?.document && authorization?.modes.includes('AlwaysAllow') === true
  return { enabled: isOn && !isEnded }
}

const API_VERSION = /^apiserver\.config\.k8s\.io\/v1((alpha|beta)1)?$/

function kindProblem({ value, failure }: FlagDocument, kind: string): string | undefined {
  if (failure !== undefined) return `cannot be read: ${failure}`
  const [found, version] = [filled(at(value, 'kind')), filled(at(value, 'apiVersion'))]
  return found === kind && API_VERSION.test(version ?? '')
    ? undefined
    : `is ${found ?? 'no kind'} of ${version ?? 'no apiVersion'}, not ${kind} of apiserver.config.k8s.io`
}

/** Why an API server does not start, or not stay, with its `--authentication-config`. */
export function authenticationProblem(node: NodeEvidence, launch: Launch): string | undefined {
  const document = documentOfFlag(node, launch, 'authentication-config')
  if (!document) return undefined
  const odd = kindProblem(document, 'AuthenticationConfiguration')
  if (odd !== undefined) return odd
  const { enabled, paths, document: decides } = anonymousOf(node, launch)
  if (!decides) return undefined
  if (launch.flags.has('anonymous-auth'))
    return 'configures anonymous requests, which excludes --anonymous-auth'
  if (!enabled && paths) return 'has conditions for anonymous requests, which it turns off'
  const probed = [...new Set(launch.probes.map(({ path }) => path.replace(/\?.*/, '')))]
  const shut = enabled ? probed.filter((path) => paths?.includes(path) === false) : probed
  return shut.length > 0
    ? `refuses anonymous requests for ${listed(shut)}: the kubelet’s probes get 401, and it ends the API server`
    : undefined
}

const TYPES = new Set(['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'])

/** Why an API server does not start with its `--authorization-config`. */
export function authorizationProblem(node: NodeEvidence, launch: Launch): string | undefined {
  const document = documentOfFlag(node, launch, 'authorization-config')
  if (!document) return undefined
  const odd = kindProblem(document, 'AuthorizationConfiguration')
  if (odd !== undefined) return odd
  const types = authorizationOf(node, launch)?.modes ?? []
  if (types.length === 0) return 'has no authorizers'
  const unknown = types.find((type) => !TYPES.has(type))
  if (unknown !== undefined)
    return `has an authorizer of the unknown type ${JSON.stringify(unknown)}`
  const twice = types.find((type, i) => type !== 'Webhook' && types.indexOf(type) !== i)
  return twice && `has two authorizers of the type ${twice}`
}

/** Flags of an API server that exclude or demand each other: it does not start. */
export function exclusionProblem({ component, flags }: Launch): string | undefined {
  if (component !== 'kube-apiserver') return undefined
  const modes = flagList(flags, 'authorization-mode')
  const given = (...names: readonly string[]) => names.find((name) => flags.has(name))
  const excluded = given('authorization-mode', 'authorization-webhook-config-file')
  if (given('authorization-config') && excluded)
    return `--authorization-config and --${excluded} exclude each other`
  for (const [mode, flag] of [
    ['ABAC', 'authorization-policy-file'],
    ['Webhook', 'authorization-webhook-config-file'],
  ] as const) {
    if (modes.includes(mode) && flagOf(flags, flag) === undefined)
      return `--authorization-mode=${mode} demands --${flag}`
    if (!modes.includes(mode) && flagOf(flags, flag) !== undefined)
      return `--${flag} demands --authorization-mode=${mode}`
  }
  const twice = modes.find((mode, i) => modes.indexOf(mode) !== i)
  if (twice !== undefined) return `--authorization-mode has ${twice} twice`
  const both = flagList(flags, 'enable-admission-plugins').find((plugin) =>
    flagList(flags, 'disable-admission-plugins').includes(plugin),
  )
  if (both !== undefined)
    return `--enable-admission-plugins and --disable-admission-plugins both have ${both}`
  const oidc = [...flags.keys()].find((name) => name.startsWith('oidc-'))
  if (oidc === undefined) return undefined
  if (given('authentication-config'))
    return `--authentication-config and --${oidc} exclude each other`
  const issuer = flagOf(flags, 'oidc-issuer-url')
  if (issuer === undefined || flagOf(flags, 'oidc-client-id') === undefined)
    return `--${oidc} demands --oidc-issuer-url and --oidc-client-id together`
  return issuer.startsWith('https://') ? undefined : `--oidc-issuer-url=${issuer} is not https`
}
