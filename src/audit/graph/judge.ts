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
} from './credentials.js'
import type { Edge, Reception, Runs } from './edges.js'
import { refusal, type TrustChecker, type TrustQuestion } from './trust.js'

/** What becomes of an edge. */
export interface Judgement {
  readonly will: 'succeed' | 'fail'
  /** Why it fails. */
  readonly problem?: Refusal
  readonly identity?: Identity
  readonly reception?: Reception
  readonly until?: Date
  /** Something on the way could not be seen and was taken to be right. */
  readonly unseen?: string
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

/** Plays one connection through, in both directions. */
export async function judge(
  edge: Edge,
  checker: TrustChecker,
  running: Running,
): Promise<Judgement> {
  const problem = downProblem(edge, running) ?? edge.client.problem
  if (problem) return { will: 'fail', problem }
  const forward = edge.must === 'fail' ? { dates: [] } : await serverSide(edge, checker)
  if ('problem' in forward) return { will: 'fail', problem: forward.problem }
  const back = await clientSide(edge, checker)
  if ('problem' in back) return { will: 'fail', problem: back.problem, ...back.seen }
  const { identity } = back
  const reception = edge.receive(identity)
  const seen = identity ? { identity, reception } : { reception }
  if (reception.kind === 'refused') {
    const why = { code: 'refused', message: reception.message, ...placeOf(edge) }
    return { will: 'fail', problem: why, ...seen }
  }
  const dates = [...forward.dates, ...back.dates].map((date) => date.getTime())
  const unseen =
    edge.server.serving === 'unseen' ? 'the server’s own files are not audited' : undefined
  return {
    will: 'succeed',
    ...seen,
    ...(dates.length > 0 && { until: new Date(Math.min(...dates)) }),
    ...(unseen !== undefined && { unseen }),
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

type Half =
  | { readonly problem: Refusal; readonly seen?: { readonly identity: Identity } }
  | { readonly dates: readonly Date[]; readonly identity?: Identity }

/** The client checks the server. */
async function serverSide({ client, server }: Edge, checker: TrustChecker): Promise<Half> {
  const { trust, name } = client
  const mine = client.credential && pairProblem(client.credential, client.label)
  if (mine) return { problem: mine }
  const { serving } = server
  if (serving === 'plain-http' || serving === 'unseen') return { dates: [] }
  const torn = typeof serving === 'string' ? undefined : chainProblem(serving, 'server')
  if (torn) return { problem: torn }
  const lost = trustProblem(trust, client.consumer)
  if (lost) return { problem: lost }
  // An unverified server may be expired for years: it still answers.
  if (trust.kind === 'nothing-checked') return { dates: [] }
  if (serving === 'self-made') {
    const message =
      'the server made its certificate itself, and the client demands one of a trusted CA'
    return { problem: { code: 'self-signed', message } }
  }
  if (isUnknown(trust) || serving.certificate.state !== 'present') return { dates: [] }
  const question: TrustQuestion = {
    credential: serving,
    trust,
    usage: 'serverAuth',
    ...(name !== undefined && { name }),
    ...(client.consumer && { consumer: client.consumer }),
  }
  const answer = await checker.check(question)
  if (!answer.ok) return { problem: refusal('server', question, answer.reason) }
  return { dates: answer.until ? [answer.until] : [] }
}

function isUnknown(trust: TrustAnchors): boolean {
  return trust.kind === 'file' && trust.file.state === 'unknown'
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
  if (server.serving === 'plain-http' || server.certificate === 'ignored') return { dates: [] }
  const leaf = leafOf(client.credential)
  const { credential } = client
  if (!credential || (!leaf && credential.certificate.state !== 'unknown')) {
    if (server.certificate === 'asked') return { dates: [] }
    const message = `${url} demands a client certificate, and none is presented`
    return { problem: { code: 'no-client-certificate', message } }
  }
  if (!leaf) return { dates: [] }
  const torn = chainProblem(credential, client.label)
  if (torn) return { problem: torn }
  const identity = identityOf(leaf)
  const refused = (problem: Refusal): Half => ({ problem, seen: { identity } })
  const { trust } = server
  if (server.serving === 'unseen' && !trust) return { dates: [leaf.facts.notAfter], identity }
  if (!trust) {
    const message = 'the server has no CA to check client certificates with'
    return refused({ code: 'no-client-ca', message })
  }
  if (trust.kind === 'file' && trust.file.state === 'unknown') return { dates: [], identity }
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
