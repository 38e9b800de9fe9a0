import { constraintReason } from '../../ca/verify/constraints.js'
import { GO } from '../../ca/verify/consumers.js'
import { listed } from '../../values/text.js'
import { ancestors } from '../graph/trust.js'
import type { Certificate, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { issuingCertificates } from './authorities.js'
import { indexOf } from './by-evidence.js'
import { after, byOwner, REISSUE } from './remedies.js'
import { aboutCertificate, finding, rule, STRICT } from './rule.js'
import { authorities, certificates, leaves, only, trustsAs } from './subjects.js'

const constrained = only(authorities, ({ facts }) => facts.nameConstraints !== undefined)

const NETSCAPE = /^2\.16\.840\.1\.113730\.1\./
/** What kubeadm, the controller manager’s signer and kpki write, and what Go reads. */
const PROFILE = new Set([
  '2.5.29.14',
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.30',
  '2.5.29.35',
  '2.5.29.37',
])
const REVOCATION = new Set(['2.5.29.31', '1.3.6.1.5.5.7.1.1', '2.5.29.46'])

function isEmptyConstraint({ facts }: Certificate): boolean {
  const { permitted, excluded } = facts.nameConstraints ?? {}
  return [permitted, excluded].every(
    (trees) =>
      !trees ||
      (trees.other === 0 &&
        [trees.dns, trees.ip, trees.email, trees.uri, trees.directory].every(
          (list) => list.length === 0,
        )),
  )
}

const failures = (evidence: Evidence, pattern: RegExp) =>
  indexOf(evidence).pems.flatMap(({ pem }) =>
    pem.blocks.flatMap(({ failure, line }) =>
      failure !== undefined && pattern.test(failure) ? [{ pem, failure, line }] : [],
    ),
  )

export const EXTENSION_RULES: readonly Rule[] = [
  rule('E01', 'leaf-is-ca', 'C', 'error', {
    title: 'an end-entity certificate is an authority',
    citation: 'RFC 5280 §4.2.1.9; zlint e_sub_cert_not_is_ca',
    why: 'Whoever holds its key issues certificates that the whole cluster accepts, administrators included.',
    fix: after('delete the certificate', REISSUE),
    of: leaves,
    where: (leaf, evidence) => indexOf(evidence).usesOf.has(leaf),
    when: (leaf) => leaf.facts.basicConstraints?.ca && !leaf.issuers.includes(leaf),
    say: 'says CA:TRUE, where an end-entity certificate is expected',
  }),
  rule('E02', 'leaf-keycertsign', 'H', 'warning', {
    title: 'an end-entity certificate may sign certificates',
    citation: 'RFC 5280 §4.2.1.3; zlint e_sub_cert_key_usage_cert_sign_bit_set',
    why: 'Go demands CA:TRUE as well; verifiers that look at key usage alone take it for an authority.',
    fix: REISSUE,
    of: leaves,
    when: (leaf) =>
      leaf.facts.keyUsage?.bits.includes('keyCertSign') && !leaf.facts.basicConstraints?.ca,
    say: 'has the key usage keyCertSign without being an authority',
  }),
  rule('E03', 'ca-bc-not-critical', 'M', 'warning', {
    title: 'an authority’s basic constraints are not critical',
    citation: 'RFC 5280 §4.2.1.9',
    why: 'Go does not mind. A verifier that knows no basic constraints may pass them over.',
    fix: REISSUE,
    of: authorities,
    when: (one) => one.facts.basicConstraints?.critical === false,
    say: 'has basic constraints that are not critical',
  }),
  rule('E04', 'ca-bc-missing', 'C', 'error', {
    title: 'an authority has no basic constraints',
    citation: 'RFC 5280 §4.2.1.9; Go crypto/x509',
    why: 'Go refuses it as an issuer: no chain through it verifies.',
    fix: REISSUE,
    of: authorities,
    say: (one, evidence) => {
      const { facts } = one
      if (facts.basicConstraints?.ca || !issuingCertificates(evidence).has(one)) return undefined
      const version = facts.version < 3 ? ` (it is of version ${facts.version})` : ''
      return `is trusted as an authority, but does not say CA:TRUE${version}`
    },
  }),
  rule('E05', 'ca-no-keycertsign', 'C', 'error', {
    title: 'an authority may not sign certificates',
    citation: 'RFC 5280 §4.2.1.3; zlint e_ca_key_cert_sign_not_set',
    why: 'Go refuses every chain through it.',
    fix: REISSUE,
    of: authorities,
    when: (one) => one.facts.keyUsage && !one.facts.keyUsage.bits.includes('keyCertSign'),
    say: (one) =>
      `has the key usages ${listed(one.facts.keyUsage?.bits ?? [])}, without keyCertSign`,
  }),
  rule('E06', 'ca-no-crlsign', 'I', 'info', {
    title: 'an authority may not sign revocation lists',
    citation: 'RFC 5280 §4.2.1.3; zlint e_ca_crl_sign_not_set',
    why: 'Kubernetes reads no revocation lists, so it matters only to other programs. kubeadm’s authorities are like this.',
    fix: 'nothing, unless another program wants revocation lists',
    profiles: STRICT,
    of: authorities,
    when: (one) => one.facts.keyUsage && !one.facts.keyUsage.bits.includes('cRLSign'),
    say: 'lacks the key usage cRLSign',
  }),
  rule('E07', 'ca-pathlen-absent', 'L', 'info', {
    title: 'an issuing authority has no path length',
    citation: 'RFC 5280 §4.2.1.9',
    why: 'Authorities below it can be made and are accepted everywhere. kubeadm’s authorities are like this.',
    fix: byOwner({
      kpki: 'set spec.pki.topology to hierarchy, whose issuing authorities have path length 0',
      others: 'issue the authority with path length 0',
    }),
    profiles: STRICT,
    of: authorities,
    when: (one) =>
      one.facts.basicConstraints?.ca &&
      one.facts.basicConstraints.pathLength === undefined &&
      !one.facts.selfIssued,
    say: 'is an intermediate authority without a path length; 0 is expected',
  }),
  rule('E08', 'pathlen-on-leaf', 'M', 'warning', {
    title: 'an end-entity certificate has a path length',
    citation: 'RFC 5280 §4.2.1.9; zlint e_path_len_constraint_improperly_included',
    why: 'It is malformed; strict verifiers refuse it.',
    fix: REISSUE,
    of: leaves,
    when: (leaf) =>
      leaf.facts.basicConstraints?.pathLength !== undefined && !leaf.facts.basicConstraints.ca,
    say: 'has a path length without being an authority',
  }),
  rule('E21', 'unknown-critical', 'C', 'error', {
    title: 'a critical extension that Go does not know',
    citation: 'RFC 5280 §4.2; Go x509 UnhandledCriticalExtensions',
    why: 'Go refuses the certificate whatever else it says.',
    fix: REISSUE,
    of: certificates,
    when: (one) => one.facts.unknownCritical.length > 0,
    say: (one) =>
      `has critical extensions that Go does not process: ${listed(one.facts.unknownCritical)}`,
  }),
  rule('E22', 'duplicate-extension', 'H', 'error', {
    title: 'an extension occurs twice',
    citation: 'RFC 5280 §4.2; zlint e_ext_duplicate_extension',
    why: 'Go does not read the certificate at all.',
    fix: REISSUE,
    check: (evidence) =>
      failures(evidence, /occurs twice/).map(({ pem, failure, line }) =>
        finding(pem.place, `has a certificate (line ${line}) that Go does not read: ${failure}`),
      ),
  }),
  rule('E23', 'nc-not-critical', 'M', 'warning', {
    title: 'name constraints that are not critical, or empty',
    citation:
      'RFC 5280 §4.2.1.10; zlint e_ext_name_constraints_not_critical, e_name_constraint_empty',
    why: 'A verifier that does not know name constraints passes them over, and empty ones limit nothing.',
    fix: 'issue the authority with critical, non-empty name constraints, or without',
    of: constrained,
    say: (one) => {
      if (isEmptyConstraint(one)) return 'has empty name constraints'
      return (
        one.facts.nameConstraints?.critical === false &&
        'has name constraints that are not critical'
      )
    },
  }),
  rule('E24', 'nc-violated', 'C', 'error', {
    title: 'a certificate has a name that its authority may not certify',
    citation: 'RFC 5280 §4.2.1.10',
    why: 'Go and OpenSSL refuse the whole chain for one name outside the constraints.',
    fix: 'drop the name, or widen the authority’s name constraints',
    of: (evidence) => (constrained(evidence).length === 0 ? [] : leaves(evidence)),
    say: (leaf) => {
      for (const { facts } of ancestors(leaf)) {
        const breach = constraintReason(facts, [leaf.facts], GO)
        if (breach) return `is refused by its authority, which ${breach.message}`
      }
      return undefined
    },
  }),
  rule('E25', 'nc-false-comfort', 'M', 'warning', {
    title: 'name constraints on a client authority',
    citation: 'RFC 5280 §4.2.1.10; k8s.io/apiserver x509 authenticator',
    why: 'They bind server names, not CN and O: the constrained authority still issues system:masters.',
    fix: 'do not trust it in --client-ca-file, whatever its constraints',
    of: trustsAs('client-ca'),
    say: ({ certificates: anchors }) =>
      anchors.flatMap(
        (one) =>
          (one.facts.nameConstraints &&
            aboutCertificate(
              one,
              'is a client authority with name constraints, which do not limit users and groups',
            )) ??
          [],
      ),
  }),
  rule('E26', 'nc-case', 'M', 'warning', {
    title: 'an excluded name with capital letters',
    citation: 'GO-2026-4866',
    why: 'Older Go compared excluded names by case, so that the same name in other letters was let through.',
    fix: 'write excluded names in lower case',
    of: constrained,
    say: (one) => {
      const odd = one.facts.nameConstraints?.excluded.dns.filter((name) => /[A-Z]/.test(name)) ?? []
      return odd.length > 0 && `excludes ${listed(odd)}, with capital letters`
    },
  }),
  rule('E27', 'nc-unsupported-type', 'C', 'error', {
    title: 'a critical name constraint of a kind that Go cannot check',
    citation: 'RFC 5280 §4.2.1.10; Go x509 (directoryName is not supported)',
    why: 'Go refuses every chain through the authority.',
    fix: 'issue the authority without directoryName constraints',
    of: constrained,
    say: (one) => {
      const { nameConstraints } = one.facts
      const trees = nameConstraints ? [nameConstraints.permitted, nameConstraints.excluded] : []
      const odd = trees.some(({ directory, other }) => directory.length + other > 0)
      return (
        nameConstraints?.critical &&
        odd &&
        'has critical name constraints of a kind that Go cannot check'
      )
    },
  }),
  rule('E28', 'version-not-3', 'H', 'warning', {
    title: 'a certificate is not of version 3',
    citation: 'RFC 5280 §4.1.2.1; zlint e_cert_extensions_version_not_3',
    why: 'Without version 3 there are no extensions: no names, no usages, no CA bit.',
    fix: REISSUE,
    of: certificates,
    when: (one) => one.facts.version !== 3,
    say: (one) => `is of version ${one.facts.version}; 3 is expected`,
  }),
  rule('E29', 'netscape-ext', 'L', 'info', {
    title: 'an obsolete Netscape extension',
    citation: 'RFC 5280 (not in it)',
    why: 'Nothing reads it; it tells of an old openssl.cnf whose other settings deserve a look.',
    fix: 'remove nsCertType and nsComment from openssl.cnf and issue again',
    of: certificates,
    when: (one) => one.facts.extensions.some(({ oid }) => NETSCAPE.test(oid)),
    say: 'has a Netscape extension',
  }),
  rule('E30', 'csr-copied-ext', 'M', 'warning', {
    title: 'an extension beyond what the place needs',
    citation: 'OpenSSL x509 -copy_extensions',
    why: 'Signing with "copy all extensions" lets the requester choose, CA bit and usages included.',
    fix: 'sign with a fixed list of extensions, then issue again',
    of: leaves,
    say: (leaf) => {
      const odd = leaf.facts.extensions
        .map(({ oid }) => oid)
        .filter((oid) => !PROFILE.has(oid) && !NETSCAPE.test(oid) && !REVOCATION.has(oid))
      if (leaf.facts.nameConstraints) odd.push('2.5.29.30')
      return odd.length > 0 && `has extensions that no component asks for: ${listed(odd)}`
    },
  }),
]
