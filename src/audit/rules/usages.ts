import type { ExtendedKeyUsage } from '../../ca/certificate/facts.js'
import { listed, plural } from '../../values/text.js'
import { identityOf } from '../graph/judge.js'
import { ancestors } from '../graph/trust.js'
import type { Rule } from '../types.js'
import { REISSUE, unlessMadeSo } from './remedies.js'
import type { Use } from './roles.js'
import { nameOf, rule, STRICT } from './rule.js'
import { authorities, certificates, leaves, only, uses, usesAs } from './subjects.js'

function usagesOf({ certificate }: Use): readonly ExtendedKeyUsage[] {
  return certificate.facts.extendedKeyUsage?.usages ?? ['anyExtendedKeyUsage']
}

const lacks = (usage: 'serverAuth' | 'clientAuth') => (use: Use) => {
  const usages = usagesOf(use)
  return (
    !usages.includes(usage) &&
    !usages.includes('anyExtendedKeyUsage') &&
    `is ${use.row.about} and lacks ${usage}; it has ${listed(usages)}`
  )
}

/** Certificates for a usage; the etcd peer’s have a rule of their own. */
const wants = (usage: 'serverAuth' | 'clientAuth') =>
  only(uses, ({ row, role }) => row.usages.includes(usage) && role !== 'etcd-peer')

export const USAGE_RULES: readonly Rule[] = [
  rule('E09', 'eku-missing', 'H', 'warning', {
    title: 'a certificate has no extended key usage',
    citation: 'RFC 5280 §4.2.1.12; zlint e_sub_cert_eku_missing',
    why: 'It is good for everything: a server’s certificate works as a client’s and the other way round.',
    fix: REISSUE,
    of: leaves,
    when: (leaf) => !leaf.facts.extendedKeyUsage,
    say: 'has no extended key usage, so it may be used for everything',
  }),
  rule('E10', 'eku-server-missing', 'C', 'error', {
    title: 'a serving certificate lacks serverAuth',
    citation: 'RFC 5280 §4.2.1.12; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Every client refuses the connection.',
    fix: REISSUE,
    of: wants('serverAuth'),
    say: lacks('serverAuth'),
  }),
  rule('E11', 'eku-client-missing', 'C', 'error', {
    title: 'a client certificate lacks clientAuth',
    citation: 'RFC 5280 §4.2.1.12; https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The server refuses the client: "certificate specifies an incompatible key usage".',
    fix: REISSUE,
    of: wants('clientAuth'),
    say: lacks('clientAuth'),
  }),
  rule('E12', 'etcd-server-needs-client', 'H', 'warning', {
    title: 'etcd’s serving certificate lacks clientAuth',
    citation:
      'https://kubernetes.io/docs/setup/best-practices/certificates/; digitalrebar/provision#807',
    why: 'etcd’s gRPC gateway dials etcd itself with this certificate; without clientAuth its HTTP API and health checks over it fail.',
    fix: REISSUE,
    of: usesAs('etcd-server'),
    say: lacks('clientAuth'),
  }),
  rule('E13', 'etcd-peer-both', 'C', 'error', {
    title: 'etcd’s peer certificate lacks a usage',
    citation: 'https://etcd.io/docs/latest/op-guide/security/',
    why: 'Each member is server and client of the others. With one usage missing the cluster does not form.',
    fix: REISSUE,
    of: usesAs('etcd-peer'),
    say: (use) => lacks('serverAuth')(use) || lacks('clientAuth')(use),
  }),
  rule('E14', 'apiserver-cert-has-client', 'H', 'warning', {
    title: 'the API server’s serving certificate is a client certificate as well',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'The TLS key becomes a user of the API. With O=system:masters it is the key to the whole cluster.',
    fix: unlessMadeSo(['microk8s', 'minikube'], REISSUE),
    of: usesAs('apiserver'),
    when: (use) => usagesOf(use).includes('clientAuth'),
    say: ({ certificate }) => {
      const { user, groups } = identityOf(certificate)
      const admin = groups.includes('system:masters')
      const who = `${user}${admin ? ' of system:masters' : ''}`
      return {
        message: `has clientAuth besides serverAuth: it logs in as ${JSON.stringify(who)}`,
        severity: admin ? 'error' : 'warning',
      }
    },
  }),
  rule('E15', 'client-has-server', 'M', 'warning', {
    title: 'a client certificate may serve as well',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Who steals the client’s key can pose as a server that other clients trust.',
    fix: unlessMadeSo(['microk8s', 'minikube', 'kubespray'], REISSUE),
    of: uses,
    where: ({ row }) => row.usages.length > 0 && !row.usages.includes('serverAuth'),
    when: (use) => usagesOf(use).includes('serverAuth'),
    say: (use) => `is ${use.row.about} and has serverAuth`,
  }),
  rule('E16', 'eku-any', 'M', 'warning', {
    title: 'a certificate for any use',
    citation: 'RFC 5280 §4.2.1.12',
    why: 'anyExtendedKeyUsage limits nothing.',
    fix: REISSUE,
    of: leaves,
    when: (leaf) => leaf.facts.extendedKeyUsage?.usages.includes('anyExtendedKeyUsage'),
    say: 'has anyExtendedKeyUsage',
  }),
  rule('E17', 'ca-eku-nesting', 'H', 'error', {
    title: 'an authority’s extended key usage excludes its leaf’s',
    citation: 'Go crypto/x509 Verify (usages nest down the chain)',
    why: 'Go wants every certificate of the chain to allow the use. An authority for serverAuth only cannot issue clients.',
    fix: 'issue the authority without extended key usage',
    of: authorities,
    say: (authority, evidence) => {
      const allowed = authority.facts.extendedKeyUsage?.usages
      if (!allowed || allowed.includes('anyExtendedKeyUsage')) return undefined
      const lost = uses(evidence).filter(
        (use) =>
          use.row.usages.some((usage) => !allowed.includes(usage)) &&
          ancestors(use.certificate).has(authority),
      )
      const [first] = lost
      return (
        first &&
        `allows only ${listed(allowed)}, and ${plural(lost.length, 'certificate')} below it need more: ${nameOf(first.pem.place)} on ${first.node.name} first`
      )
    },
  }),
  rule('E18', 'ku-inconsistent', 'M', 'warning', {
    title: 'key usage does not fit the extended key usage',
    citation: 'RFC 5280 §4.2.1.12; zlint e_key_usage_and_extended_key_usage_inconsistent',
    why: 'Go does not look; strict TLS stacks refuse a handshake without digitalSignature.',
    fix: REISSUE,
    of: leaves,
    say: (leaf) => {
      const { keyUsage, extendedKeyUsage, publicKey } = leaf.facts
      const forTls = extendedKeyUsage?.usages.some((one) => /^(server|client)Auth$/.test(one))
      if (!keyUsage || !forTls) return undefined
      const rsa = publicKey.type === 'RSA' && keyUsage.bits.includes('keyEncipherment')
      return (
        !rsa &&
        !keyUsage.bits.includes('digitalSignature') &&
        `has the key usages ${listed(keyUsage.bits)}; TLS needs digitalSignature`
      )
    },
  }),
  rule('E19', 'ec-keyencipherment', 'L', 'info', {
    title: 'an EC key with keyEncipherment',
    citation: 'RFC 8813 §3; kubernetes/kubernetes#142037',
    why: 'An EC key cannot encipher keys, so the bit means nothing. kubeadm before 1.38 writes it; linters shout.',
    fix: REISSUE,
    profiles: STRICT,
    of: certificates,
    where: ({ facts }) => facts.publicKey.type === 'EC',
    when: (one) => one.facts.keyUsage?.bits.includes('keyEncipherment'),
    say: 'has an EC key and the key usage keyEncipherment',
  }),
  rule('E20', 'ku-not-critical', 'L', 'info', {
    title: 'key usage is not critical',
    citation: 'RFC 5280 §4.2.1.3 (SHOULD)',
    why: 'A verifier that does not know key usage passes it over.',
    fix: REISSUE,
    profiles: STRICT,
    of: certificates,
    when: (one) => one.facts.keyUsage?.critical === false,
    say: 'has a key usage that is not critical',
  }),
]
