import type { CertificateFacts } from '../ca/certificate/facts.js'
import { subject } from '../ca/certificate/names.js'
import { readCertificate } from '../ca/certificate/read.js'
import type { Env } from '../ca/env.js'
import { issueCertificate } from '../ca/issue.js'
import { keyIdentifierOf, type PrivateKey } from '../ca/keys/keys.js'
import { encodePem } from '../ca/pem.js'
import { localSigner, type Signer } from '../ca/signer.js'
import { KpkiError } from '../errors.js'
import type { Release } from '../releases/releases.js'
import { isoDay } from '../values/time.js'
import type { PlannedAuthority, PlannedLeaf } from './plan.js'
import { AUTHORITIES, type AuthorityId } from './table.js'

/** A certificate with the key it certifies. */
export interface Issued {
  readonly facts: CertificateFacts
  readonly pem: string
  readonly key: PrivateKey
}

/** An authority that can sign, or only be trusted when its key is kept elsewhere. */
export interface Authority {
  readonly id: AuthorityId
  readonly facts: CertificateFacts
  readonly pem: string
  readonly key: PrivateKey | undefined
  readonly signer: Signer | undefined
}

// Nodes' clocks run behind now and then: kubeadm and client-go back-date by the same five minutes.
const BACKDATING = 5 * 60_000

function notBeforeOf(now: Date): Date {
  return new Date(Math.floor((now.getTime() - BACKDATING) / 1000) * 1000)
}

/** Makes an authority's certificate, with `key` where one is there already (a run that was cut off). */
export async function issueAuthority(
  planned: PlannedAuthority,
  issuer: Authority | undefined,
  release: Release,
  env: Env,
  key?: PrivateKey,
): Promise<Authority> {
  const own = key ?? (await env.newKey(planned.keyAlgorithm))
  const signer = await localSigner(env.engine, own)
  const notBefore = notBeforeOf(env.now)
  const der = await issueCertificate(
    {
      subject: subject(planned.subject),
      publicKey: own.spki,
      profile: 'authority',
      ...(planned.altNames && { altNames: planned.altNames }),
      notBefore,
      notAfter: notAfterOf(notBefore, planned.validity, issuer),
      serial: env.serial(),
      ...(planned.pathLength !== undefined && { pathLength: planned.pathLength }),
      subjectKeyIdentifier: await keyIdentifierOf(
        env.engine,
        own.spki,
        release.subjectKeyIdentifier,
      ),
    },
    issuer === undefined ? { signer } : { signer: signerOf(issuer), certificate: issuer.facts },
  )
  return {
    id: planned.id,
    facts: readCertificate(der),
    pem: encodePem('CERTIFICATE', der),
    key: own,
    signer,
  }
}

/** Makes an end-entity certificate and its key. It never outlives its authority. */
export async function issueLeaf(
  planned: PlannedLeaf,
  issuer: Authority,
  release: Release,
  env: Env,
): Promise<Issued> {
  const signer = signerOf(issuer)
  refuseExpired(issuer, env.now)
  const notBefore = notBeforeOf(env.now)
  const key = await env.newKey(planned.keyAlgorithm)
  const der = await issueCertificate(
    {
      subject: subject(planned.subject),
      publicKey: key.spki,
      profile: planned.profile,
      ...(planned.altNames && { altNames: planned.altNames }),
      notBefore,
      notAfter: notAfterOf(notBefore, planned.validity, issuer),
      serial: env.serial(),
      subjectKeyIdentifier: await keyIdentifierOf(
        env.engine,
        key.spki,
        release.subjectKeyIdentifier,
      ),
    },
    { signer, certificate: issuer.facts },
  )
  return { facts: readCertificate(der), pem: encodePem('CERTIFICATE', der), key }
}

/** The end of validity of what begins at `notBefore`: as asked for, or the issuer's end if that comes first. */
export function notAfterOf(notBefore: Date, validity: number, issuer: Authority | undefined): Date {
  const asked = new Date(notBefore.getTime() + BACKDATING + validity)
  return issuer !== undefined && issuer.facts.notAfter < asked ? issuer.facts.notAfter : asked
}

function refuseExpired({ id, facts }: Authority, now: Date): void {
  if (facts.notAfter > now) return
  const message = `${id} expired on ${isoDay(facts.notAfter)}: nothing it signs is valid`
  throw new KpkiError('ERR_SPEC_INVALID', message, {
    issues: [
      {
        path: `authorities/${AUTHORITIES[id].base}.crt`,
        message,
        fix: 'generate into a new folder: authorities are never replaced in place',
      },
    ],
  })
}

function signerOf(issuer: Authority): Signer {
  if (issuer.signer !== undefined) return issuer.signer
  throw new KpkiError(
    'ERR_CA_KEY_MISSING',
    `the key of ${issuer.id} is needed to sign, and it is not there`,
    { authority: issuer.id },
    {
      hint: 'bring the key back to authorities/ in the output folder, or restore that folder from a backup',
    },
  )
}
