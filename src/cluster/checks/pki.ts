import type { KeyAlgorithm } from '../../ca/keys/algorithms.js'
import {
  caution,
  durationOf,
  type Given,
  given,
  mistake,
  mistakeOf,
  type Settings,
  type SpecFinding,
} from '../resolve/settings.js'
import { checkSans } from './networking.js'
import { MAX_COMMON_NAME } from './nodes.js'
import { suggestion } from './schema.js'

const YEAR = 365 * 86_400_000
// Certificates can't name a year after 9999.
const MAX_YEARS = 5000
// The service-account key pair may be named like a certificate.
const SERVICE_ACCOUNT = 'sa'

export function* checkPki(settings: Settings): Generator<SpecFinding> {
  const { verifyKubelets, kubeletServing, caKeys, join } = settings
  yield* algorithms(settings)
  yield* validities(settings)
  yield* checkSans(settings.apiServerSans)
  yield* subject(settings)
  yield* users(settings)
  if (verifyKubelets?.value && kubeletServing.value === 'self-signed') {
    yield mistake(
      verifyKubelets.path,
      "can't be true while spec.pki.kubeletServing is self-signed: nothing vouches for such certificates",
      'set kubeletServing: signed, or verifyKubelets: false',
    )
  }
  if (caKeys.value === 'offline' && join?.value === 'token') {
    yield mistake(
      join.path,
      "can't be token while spec.pki.caKeys is offline: nobody could sign the joining kubelet's certificate",
      'set join: files',
    )
  }
}

function* algorithms(settings: Settings): Generator<SpecFinding> {
  const { keyAlgorithm, release, spec, documents } = settings
  if (!release) return
  const { value, path } = documents.cluster
  const asked = value.encryptionAlgorithm
  const supported: readonly string[] = release.keyAlgorithms
  if (asked && !supported.includes(asked)) {
    yield mistake(
      `${path}.encryptionAlgorithm`,
      `"${asked}" is not a key algorithm of kubeadm ${release.version.minor} (${supported.join(', ')})`,
      suggestion(asked, supported, `write one of ${supported.join(', ')}`),
    )
  }
  const limited = (algorithm: KeyAlgorithm, where: string) =>
    caution(
      where,
      `kubeadm ${release.version.minor} uses ${algorithm} keys but makes none: its own renewals would change to ${supported.join(' or ')}`,
      'renew with kpki, or choose an algorithm that kubeadm of this release knows',
    )
  if (keyAlgorithm.path.startsWith('spec.pki') && !supported.includes(keyAlgorithm.value)) {
    yield limited(keyAlgorithm.value, keyAlgorithm.path)
  }
  for (const [id, certificate] of Object.entries(spec.pki?.certificates ?? {})) {
    const own = certificate?.keyAlgorithm
    if (own === undefined || supported.includes(own) || own === keyAlgorithm.value) continue
    yield limited(own, `spec.pki.certificates.${id}.keyAlgorithm`)
  }
}

function* validities(settings: Settings): Generator<SpecFinding> {
  const { caValidity, certificateValidity, spec, certificates } = settings
  const known = [...certificates.keys(), SERVICE_ACCOUNT]
  yield* bounded(caValidity)
  yield* bounded(certificateValidity)
  for (const id of Object.keys(spec.pki?.certificates ?? {})) {
    const path = `spec.pki.certificates.${id}`
    if (!known.includes(id)) {
      const fix = suggestion(id, known, `known: ${known.join(', ')}`)
      yield mistake(path, `"${id}" is not a certificate`, fix)
      continue
    }
    const asked = ownValidity(settings, id)
    if (asked) yield* bounded(asked)
    if (asked && id === SERVICE_ACCOUNT) {
      yield mistake(asked.path, 'has no meaning: sa is a key pair', 'leave it out')
    }
  }
  const reported = new Set<string>()
  for (const id of certificates.keys()) {
    const own = validityOf(settings, id)
    const signer = validityOf(settings, issuerOf(settings, id))
    const pair = `${own.path} ${signer.path}`
    if (own.value <= signer.value || reported.has(pair)) continue
    reported.add(pair)
    yield outlives(settings, own, signer)
  }
}

function ownValidity({ spec }: Settings, id: string): Given<number> | undefined {
  const written = spec.pki?.certificates?.[id]?.validity
  return given(durationOf(written), `spec.pki.certificates.${id}.validity`)
}

function validityOf(settings: Settings, id: string): Given<number> {
  const { caValidity, certificateValidity, certificates } = settings
  const isAuthority = certificates.get(id)?.issuer === undefined
  return ownValidity(settings, id) ?? (isAuthority ? caValidity : certificateValidity)
}

function issuerOf({ topology, certificates }: Settings, id: string): string {
  const issuer = certificates.get(id)?.issuer
  if (issuer === undefined) return topology.value === 'hierarchy' ? 'root-ca' : id
  return topology.value === 'single' ? 'ca' : issuer
}

function outlives(settings: Settings, own: Given<number>, signer: Given<number>): SpecFinding {
  // The value that was written, not a default, is where to look.
  const isDefault = own.path.startsWith('spec.pki.validity') && signer.path.includes('certificates')
  return mistakeOf(
    settings,
    isDefault ? signer.path : own.path,
    `a validity of ${days(own)} (${own.path}) would outlive its CA's ${days(signer)} (${signer.path})`,
    `write at most ${days(signer)} for the former, or more for the CA`,
  )
}

function* bounded({ value, path }: Given<number>): Generator<SpecFinding> {
  if (value <= 0) yield mistake(path, 'must be longer than nothing', 'write for example 365d')
  if (value > MAX_YEARS * YEAR) {
    yield mistake(
      path,
      `is longer than ${MAX_YEARS} years`,
      'certificates end before the year 10000',
    )
  }
}

function days({ value }: Given<number>): string {
  return `${Math.floor(value / 86_400_000)}d`
}

function* subject({ spec }: Settings): Generator<SpecFinding> {
  const { O, OU, C } = spec.pki?.subject ?? {}
  for (const [key, value] of Object.entries({ O, OU })) {
    if (value !== undefined) yield* nameLength(value, `spec.pki.subject.${key}`)
  }
  if (C !== undefined && !/^[A-Z]{2}$/.test(C)) {
    yield mistake(
      'spec.pki.subject.C',
      `"${C}" is not a country`,
      'write two capital letters, for example "DE"',
    )
  }
}

/** RFC 5280 ub-organization-name and ub-organizational-unit-name, the same as that of common names. */
function* nameLength(name: string, path: string): Generator<SpecFinding> {
  if (name.trim() !== '' && name.length <= MAX_COMMON_NAME) return
  yield mistake(path, 'must have 1 to 64 characters (RFC 5280)', 'shorten it')
}

// Files of the operator's folder that kpki makes itself.
const TAKEN = ['admin', 'super-admin']

function* users(settings: Settings): Generator<SpecFinding> {
  const seen = new Set<string>()
  for (const [i, user] of (settings.spec.pki?.users ?? []).entries()) {
    if (user === undefined) continue
    const path = `spec.pki.users[${i}]`
    if (user.name !== undefined) {
      yield* userName(user.name, `${path}.name`)
      const key = user.name.toLowerCase()
      if (seen.has(key)) yield mistake(`${path}.name`, `"${user.name}" occurs twice`, 'rename it')
      seen.add(key)
    }
    for (const [j, group] of (user.groups ?? []).entries()) {
      if (group === undefined) continue
      const place = `${path}.groups[${j}]`
      yield* nameLength(group, place)
      if (group === 'system:masters') {
        yield caution(
          place,
          "system:masters passes every check and can't be revoked",
          'bind a role to a group of your own',
        )
      } else if (group.startsWith('system:')) {
        yield caution(place, `"${group}" belongs to Kubernetes`, 'use a group of your own')
      }
    }
    const validity = given(durationOf(user.validity), `${path}.validity`)
    const { caValidity } = settings
    if (validity && validity.value > caValidity.value)
      yield outlives(settings, validity, caValidity)
  }
}

function* userName(name: string, path: string): Generator<SpecFinding> {
  if (name.length > MAX_COMMON_NAME) {
    yield mistake(
      path,
      `has ${name.length} characters`,
      `a common name has at most ${MAX_COMMON_NAME}`,
    )
  } else if (name.startsWith('system:')) {
    yield mistake(
      path,
      `"${name}" belongs to Kubernetes`,
      'choose a name that does not begin with system:',
    )
  } else if (!/^[A-Za-z0-9][A-Za-z0-9@._+-]*$/.test(name)) {
    yield mistake(path, `"${name}" can't name a file`, 'write letters, digits and @ . _ + -')
  } else if (TAKEN.includes(name.toLowerCase())) {
    yield mistake(path, `${name}.conf is made already`, 'choose another name')
  }
}
