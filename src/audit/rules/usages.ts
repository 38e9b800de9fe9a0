import type { ExtendedKeyUsage } from '../../ca/certificate/facts.js'
import { identityOf } from '../graph/judge.js'
import { ancestors } from '../graph/trust.js'
import type { Evidence } from '../read/evidence.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import type { LeafRole, Use } from './roles.js'
import { aboutCertificate, each, finding, GENERATE, listed, rule, STRICT } from './rule.js'

const leaves = (evidence: Evidence) => indexOf(evidence).leaves
const inRoles =
  (...roles: readonly LeafRole[]) =>
  (evidence: Evidence) =>
    indexOf(evidence).uses.filter(({ role }) => roles.includes(role))

function usagesOf({ certificate }: Use): readonly ExtendedKeyUsage[] {
  return certificate.facts.extendedKeyUsage?.usages ?? ['any']
}

function lacks(use: Use, usage: 'serverAuth' | 'clientAuth'): FindingDraft | undefined {
  const usages = usagesOf(use)
  if (usages.includes(usage) || usages.includes('any')) return undefined
  const text = `is ${use.row.about} and lacks ${usage}; it has ${listed(usages)}`
  return finding(use.pem.place, text, { certificate: use.certificate })
}

const wants =
  (usage: 'serverAuth' | 'clientAuth', ...besides: readonly LeafRole[]) =>
  (evidence: Evidence) =>
    indexOf(evidence).uses.filter(
      ({ row, role }) => row.usages.includes(usage) && !besides.includes(role),
    )

const purpose = (usages: readonly string[]) =>
  usages.includes('serverAuth') || usages.includes('clientAuth')

export const USAGE_RULES: readonly Rule[] = [
  rule('E09', 'eku-missing', 'H', 'warning', {
    title: 'a certificate has no extended key usage',
    citation: 'RFC 5280 §4.2.1.12; zlint e_sub_cert_eku_missing',
    why: 'It is good for everything: a server’s certificate works as a client’s and the other way round.',
    fix: GENERATE,
    check: each(leaves, (leaf) =>
      leaf.facts.extendedKeyUsage
        ? undefined
        : aboutCertificate(leaf, 'has no extended key usage, so it may be used for everything'),
    ),
  }),
  rule('E10', 'eku-server-missing', 'C', 'error', {
    title: 'a serving certificate lacks serverAuth',
    citation: 'RFC 5280 §4.2.1.12; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Every client refuses the connection.',
    fix: GENERATE,
    check: each(wants('serverAuth', 'etcd-peer'), (use) => lacks(use, 'serverAuth')),
  }),
  rule('E11', 'eku-client-missing', 'C', 'error', {
    title: 'a client certificate lacks clientAuth',
    citation: 'RFC 5280 §4.2.1.12; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The server refuses the client: "certificate specifies an incompatible key usage".',
    fix: GENERATE,
    check: each(wants('clientAuth', 'etcd-peer'), (use) => lacks(use, 'clientAuth')),
  }),
  rule('E12', 'etcd-server-needs-client', 'H', 'warning', {
    title: 'etcd’s serving certificate lacks clientAuth',
    citation:
      'https://kubernetes.io/docs/setup/best-practices/certificates/; digitalrebar/provision#807',
    why: 'etcd’s gRPC gateway dials etcd itself with this certificate; without clientAuth its HTTP API and health checks over it fail.',
    fix: GENERATE,
    check: each(inRoles('etcd-server'), (use) => lacks(use, 'clientAuth')),
  }),
  rule('E13', 'etcd-peer-both', 'C', 'error', {
    title: 'etcd’s peer certificate lacks a usage',
    citation: 'https://etcd.io/docs/latest/op-guide/security/',
    why: 'Each member is server and client of the others. With one usage missing the cluster does not form.',
    fix: GENERATE,
    check: each(
      inRoles('etcd-peer'),
      (use) => lacks(use, 'serverAuth') ?? lacks(use, 'clientAuth'),
    ),
  }),
  rule('E14', 'apiserver-cert-has-client', 'H', 'warning', {
    title: 'the API server’s serving certificate is a client certificate as well',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'The TLS key becomes a user of the API. With O=system:masters it is the key to the whole cluster.',
    fix: GENERATE,
    check: each(inRoles('apiserver'), (use) => {
      const { user, groups } = identityOf(use.certificate)
      if (!usagesOf(use).includes('clientAuth')) return undefined
      const admin = groups.includes('system:masters')
      const who = `${user}${admin ? ' of system:masters' : ''}`
      return finding(
        use.pem.place,
        `has clientAuth besides serverAuth: it logs in as ${JSON.stringify(who)}`,
        {
          certificate: use.certificate,
          severity: admin ? 'error' : 'warning',
        },
      )
    }),
  }),
  rule('E15', 'client-has-server', 'M', 'warning', {
    title: 'a client certificate may serve as well',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Who steals the client’s key can pose as a server that other clients trust.',
    fix: GENERATE,
    check: each(
      (evidence) => indexOf(evidence).uses.filter(({ row }) => !row.usages.includes('serverAuth')),
      (use) =>
        usagesOf(use).includes('serverAuth')
          ? finding(use.pem.place, `is ${use.row.about} and has serverAuth`, {
              certificate: use.certificate,
            })
          : undefined,
    ),
  }),
  rule('E16', 'eku-any', 'M', 'warning', {
    title: 'a certificate for any use',
    citation: 'RFC 5280 §4.2.1.12',
    why: 'anyExtendedKeyUsage limits nothing.',
    fix: GENERATE,
    check: each(leaves, (leaf) =>
      leaf.facts.extendedKeyUsage?.usages.includes('any')
        ? aboutCertificate(leaf, 'has anyExtendedKeyUsage')
        : undefined,
    ),
  }),
  rule('E17', 'ca-eku-nesting', 'H', 'error', {
    title: 'an authority’s extended key usage excludes its leaf’s',
    citation: 'Go crypto/x509 Verify (usages nest down the chain)',
    why: 'Go wants every certificate of the chain to allow the use. An authority for serverAuth only cannot issue clients.',
    fix: 'issue the authority without extended key usage',
    check: each(
      (evidence) => indexOf(evidence).uses,
      (use) => {
        for (const { facts, places } of ancestors(use.certificate)) {
          const allowed = facts.extendedKeyUsage?.usages
          const excluded =
            allowed && !allowed.includes('any')
              ? use.row.usages.filter((usage) => !allowed.includes(usage))
              : []
          if (allowed && excluded.length > 0 && places[0] && facts.basicConstraints?.ca)
            return finding(
              use.pem.place,
              `needs ${listed(excluded)}, but its authority allows only ${listed(allowed)}`,
              { certificate: use.certificate },
            )
        }
        return undefined
      },
    ),
  }),
  rule('E18', 'ku-inconsistent', 'L', 'warning', {
    title: 'key usage does not fit the extended key usage',
    citation: 'RFC 5280 §4.2.1.12; zlint e_key_usage_and_extended_key_usage_inconsistent',
    why: 'Go does not look; strict TLS stacks refuse a handshake without digitalSignature.',
    fix: GENERATE,
    check: each(leaves, (leaf) => {
      const { keyUsage, extendedKeyUsage, publicKey } = leaf.facts
      if (!keyUsage || !purpose(extendedKeyUsage?.usages ?? [])) return undefined
      const rsa = publicKey.type === 'RSA' && keyUsage.bits.includes('keyEncipherment')
      return keyUsage.bits.includes('digitalSignature') || rsa
        ? undefined
        : aboutCertificate(
            leaf,
            `has the key usages ${listed(keyUsage.bits)}; TLS needs digitalSignature`,
          )
    }),
  }),
  rule('E19', 'ec-keyencipherment', 'L', 'info', {
    title: 'an EC key with keyEncipherment',
    citation: 'RFC 8813 §3; kubernetes/kubernetes#142037',
    why: 'An EC key cannot encipher keys, so the bit means nothing. kubeadm before 1.38 writes it; linters shout.',
    fix: GENERATE,
    profiles: STRICT,
    check: each(
      ({ certificates }) => certificates.filter(({ facts }) => facts.publicKey.type === 'EC'),
      (one) =>
        one.facts.keyUsage?.bits.includes('keyEncipherment')
          ? aboutCertificate(one, 'has an EC key and the key usage keyEncipherment')
          : undefined,
    ),
  }),
  rule('E20', 'ku-not-critical', 'L', 'info', {
    title: 'key usage is not critical',
    citation: 'RFC 5280 §4.2.1.3 (SHOULD)',
    why: 'A verifier that does not know key usage passes it over.',
    fix: GENERATE,
    profiles: STRICT,
    check: each(
      ({ certificates }) => certificates,
      (one) =>
        one.facts.keyUsage?.critical === false
          ? aboutCertificate(one, 'has a key usage that is not critical')
          : undefined,
    ),
  }),
]
