import { commonNameOf } from '../../ca/certificate/names.js'
import { isIp } from '../../values/addresses.js'
import type { Certificate } from '../read/evidence.js'
import type { Identity } from '../types.js'
import {
  absence,
  anchorsOf,
  bundleProblem,
  chainOf,
  chainProblem,
  leafOf,
  pairProblem,
  type Refusal,
  type TrustAnchors,
  type Unseen,
  unseenFile,
  unseenPair,
} from './credentials.js'
import type { Edge, Reception, Runs } from './edges.js'
import { refusal, type TrustChecker, type TrustQuestion } from './trust.js'

/** What becomes of an edge. */
export interface Judgement {
  readonly will: 'succeed' | 'fail' | 'unknown'
  /** Why it fails. */
  readonly problem?: Refusal
  /** What was not given, and had to be to tell. */
  readonly unseen?: Unseen
  /** It ends so with flags that are only assumed; says which. */
  readonly assumed?: string
  readonly identity?: Identity
  readonly reception?: Reception
  readonly until?: Date
}

/** Whether a component runs; a problem says why it does not. */
export type Running = (runs: Runs) => Refusal | undefined

/** Who the server sees behind a certificate: Go takes the last CN and every O. */
export function identityOf({ facts }: Certificate): Identity {
  return {
    user: commonNameOf(facts.subject),
    groups: facts.subject.organizations,
  }
}

/**
 * Plays one connection through, in both directions. What is certain to end it counts first; then what was not
 * given leaves it open. With flags that are assumed nothing is known to be as it must be.
 */
export async function judge(
  edge: Edge,
  checker: TrustChecker,
  running: Running,
): Promise<Judgement> {
  const judgement = await play(edge, checker, running)
  const assumed = edge.client.assumed ?? edge.server.assumed
  if (assumed === undefined || judgement.will === 'unknown') return judgement
  if (judgement.will !== edge.must) return { ...judgement, assumed }
  const { identity, reception } = judgement
  return {
    will: 'unknown',
    unseen: { message: assumed },
    ...(identity && { identity }),
    ...(reception && { reception }),
  }
}

async function play(edge: Edge, checker: TrustChecker, running: Running): Promise<Judgement> {
  const problem = downProblem(edge, running) ?? edge.client.problem
  if (problem) return { will: 'fail', problem }
  const hidden = edge.client.unseen ?? edge.server.unseen
  if (hidden) return { will: 'unknown', unseen: hidden }
  const forward: Half = edge.must === 'fail' ? {} : await serverSide(edge, checker)
  if (forward.problem) return { will: 'fail', problem: forward.problem }
  const back = await clientSide(edge, checker)
  const { identity } = back
  const seen = identity ? { identity } : {}
  if (back.problem) return { will: 'fail', problem: back.problem, ...seen }
  const unseen = forward.unseen ?? back.unseen
  // Of somebody who can't be told nobody can say how he is received.
  if (back.unseen && !identity) return { will: 'unknown', unseen: back.unseen }
  const reception = edge.receive(identity)
  if (reception.kind === 'refused') {
    const why = { code: 'refused', message: reception.message, ...(reception.by ?? placeOf(edge)) }
    return { will: 'fail', problem: why, ...seen, reception }
  }
  if (unseen) return { will: 'unknown', unseen, ...seen, reception }
  const dates = [...(forward.dates ?? []), ...(back.dates ?? [])].map((date) => date.getTime())
  return {
    will: 'succeed',
    ...seen,
    reception,
    ...(dates.length > 0 && { until: new Date(Math.min(...dates)) }),
  }
}

function placeOf({ client }: Edge): { readonly node?: string; readonly path?: string } {
  const file = client.credential?.certificate
  return file ? { node: file.node, path: file.path } : {}
}

function downProblem({ client, server }: Edge, running: Running): Refusal | undefined {
  for (const runs of [server.runs, client.runs]) {
    const why = runs && running(runs)
    if (why) {
      const message = `${runs.name} on ${runs.node} does not start: ${why.message}`
      return { ...why, code: 'component-down', message }
    }
  }
  return undefined
}

/** One side of a connection as the other checks it. */
interface Half {
  readonly problem?: Refusal
  readonly unseen?: Unseen
  readonly dates?: readonly Date[]
  readonly identity?: Identity
}

/** The client checks the server. */
async function serverSide({ client, server }: Edge, checker: TrustChecker): Promise<Half> {
  const { trust, name, credential, label, consumer, told } = client
  const mine = credential && pairProblem(credential, label)
  if (mine) return { problem: mine }
  const mineUnseen = credential && unseenPair(credential, label)
  const { serving } = server
  if (serving === 'plain-http') return seen(mineUnseen)
  const torn = typeof serving === 'string' ? undefined : chainProblem(serving, 'server')
  if (torn) return { problem: torn }
  // An unverified server may be expired for years: it still answers.
  if (trust.kind === 'nothing-checked') return seen(mineUnseen)
  if (trust.kind === 'system' && (serving === 'unseen' || serving === 'requested'))
    return { unseen: UNSEEN[serving] }
  const lost = trustProblem(trust, consumer)
  if (lost) return { problem: { ...(trust.kind === 'system' && told), ...lost } }
  if (serving === 'self-made') {
    const message =
      'the server made its certificate itself, and the client demands one of a trusted CA'
    return { problem: { code: 'self-signed', message } }
  }
  const unseen =
    mineUnseen ??
    (trust.kind === 'file' ? unseenFile(trust.file, 'trusted CA') : undefined) ??
    (typeof serving === 'string'
      ? UNSEEN[serving]
      : unseenFile(serving.certificate, 'server certificate'))
  if (unseen || typeof serving === 'string') return seen(unseen)
  const question: TrustQuestion = {
    credential: serving,
    trust,
    usage: 'serverAuth',
    ...(name !== undefined && { name }),
    ...(consumer && { consumer }),
  }
  const answer = await checker.check(question)
  if (!answer.ok) return { problem: refusal('server', question, answer.reason) }
  return { dates: answer.until ? [answer.until] : [] }
}

const UNSEEN: Readonly<Record<'unseen' | 'requested', Unseen>> = {
  unseen: { message: 'the files of the server are not among those that were given' },
  requested: {
    message:
      'the server requests its certificate from the cluster when it runs, and somebody has to approve the request',
  },
}

function seen(unseen: Unseen | undefined): Half {
  return unseen ? { unseen } : {}
}

function trustProblem(trust: TrustAnchors, consumer: 'go' | 'openssl' = 'go'): Refusal | undefined {
  if (trust.kind === 'nothing-checked') return undefined
  // OpenSSL refuses the whole file for one bad block, Go's pools pass it over.
  const reader = consumer === 'go' ? 'any-block' : 'every-block'
  if (trust.kind === 'file')
    return bundleProblem(trust.file, 'trusted CA', reader, anchorsOf(trust))
  const message = 'the client names no CA, and the operating system’s do not include the cluster’s'
  return { code: 'no-ca', message }
}

/** The server checks the client. */
async function clientSide(
  { client, server, url, must }: Edge,
  checker: TrustChecker,
): Promise<Half> {
  if (server.serving === 'plain-http' || server.certificate === 'ignored') return {}
  const { credential } = client
  const leaf = leafOf(credential)
  const hidden = credential && unseenFile(credential.certificate, `${client.label} certificate`)
  if (hidden) return { unseen: hidden }
  if (!credential || !leaf) {
    if (server.certificate === 'asked') return {}
    const message = `${url} demands a client certificate, and none is presented`
    return { problem: { code: 'no-client-certificate', message } }
  }
  const torn = chainProblem(credential, client.label)
  if (torn) return { problem: torn }
  const identity = identityOf(leaf)
  const refused = (problem: Refusal): Half => ({ problem, identity })
  const { trust } = server
  if (!trust) {
    if (server.serving === 'unseen') return { unseen: UNSEEN.unseen, identity }
    const message = 'the server has no CA to check client certificates with'
    return refused({ code: 'no-client-ca', message, ...server.told })
  }
  const unseen = trust.kind === 'file' ? unseenFile(trust.file, 'client CA') : undefined
  if (unseen) return { unseen, identity }
  const gone = trust.kind === 'file' ? absence(trust.file, 'client CA') : undefined
  if (gone) return refused(gone)
  const resourceful = must === 'fail'
  const question: TrustQuestion = { credential, trust, usage: 'clientAuth', resourceful }
  const answer = await checker.check(question)
  if (!answer.ok) return refused(refusal(client.label, question, answer.reason))
  const unnamed = server.clientNames && namesProblem(leaf, server.clientNames)
  if (unnamed) {
    const { node, path } = credential.certificate
    return refused({ code: 'name-mismatch', message: unnamed, node, path })
  }
  return { dates: answer.until ? [answer.until] : [], identity }
}

// etcd's peer listener: a client certificate with alternative names must name where it comes from.
function namesProblem(leaf: Certificate, names: readonly string[]): string | undefined {
  const { dns, ip } = leaf.facts.altNames ?? { dns: [], ip: [] }
  if (dns.length + ip.length === 0 || !names.some(isIp)) return undefined
  if (ip.some((one) => names.includes(one)) || dns.some((one) => names.includes(one)))
    return undefined
  return `client certificate names ${[...dns, ...ip].join(', ')}, and comes from ${names.join(', ')}`
}

/** Every certificate that an edge shows, for reports. */
export function shown(edge: Edge): {
  readonly client?: Certificate
  readonly server?: Certificate
} {
  const client = leafOf(edge.client.credential)
  const { serving } = edge.server
  const server = typeof serving === 'string' ? undefined : chainOf(serving.certificate.pem)[0]
  return { ...(client && { client }), ...(server && { server }) }
}
