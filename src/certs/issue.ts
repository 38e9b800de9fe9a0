import type { CertificateFacts } from '../ca/certificate/facts.js'
import { subject } from '../ca/certificate/names.js'
import { readCertificate } from '../ca/certificate/read.js'
import type { Env } from '../ca/env.js'
import { issueCertificate } from '../ca/issue.js'
import { keyIdentifierOf } from '../ca/keys/keys.js'
import type { PrivateKey } from '../ca/keys/private-key.js'
import { encodePem } from '../ca/pem.js'
import { localSigner, type Signer } from '../ca/signer.js'
import { KpkiError } from '../errors.js'
import type { Release } from '../releases/features.js'
import { isoDay } from '../values/time.js'
import type { PlannedCertificate } from './plan.js'
import { AUTHORITIES, type AuthorityId } from './table.js'

/** A certificate with the key it certifies. */
export interface Issued {
  readonly facts: CertificateFacts
  readonly pem: string
  readonly key: PrivateKey
}

/** An authority that can sign, or only be trusted when its key is kept elsewhere. */
export interface Authority extends Omit<Issued, 'key'> {
  readonly id: AuthorityId
  readonly key: PrivateKey | undefined
  readonly signer: Signer | undefined
}

/** Milliseconds. Nodes' clocks run behind now and then: kubeadm and client-go back-date by the same five minutes. */
export const BACKDATING = 5 * 60_000

function notBeforeOf(now: Date): Date {
  return new Date(Math.floor((now.getTime() - BACKDATING) / 1000) * 1000)
}

/**
 * Makes a certificate and its key, or certifies `existing` (of a run that was cut off). It never outlives its issuer;
 * without an issuer it signs itself.
 */
export async function issue(
  planned: PlannedCertificate,
  issuer: Authority | undefined,
  release: Release,
  env: Env,
  existing?: PrivateKey,
): Promise<Issued> {
  const signer = issuer && signerOf(issuer)
  if (issuer) refuseExpired(issuer, env.now)
  const notBefore = notBeforeOf(env.now)
  const key = existing ?? (await env.newKey(planned.keyAlgorithm))
  const { engine } = env
  const der = await issueCertificate(
    {
      subject: subject(planned.subject),
      publicKey: key.spki,
      profile: planned.profile,
      ...(planned.altNames && { altNames: planned.altNames }),
      notBefore,
      notAfter: notAfterOf(notBefore, planned.validity, issuer),
      serial: env.serial(),
      ...(planned.pathLength !== undefined && { pathLength: planned.pathLength }),
      subjectKeyIdentifier: await keyIdentifierOf(engine, key.spki, release.subjectKeyIdentifier),
    },
    {
      signer: signer ?? (await localSigner(engine, key)),
      ...(issuer && { certificate: issuer.facts }),
    },
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
