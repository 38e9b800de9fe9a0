import { commonNameOf } from '../../ca/certificate/names.js'
import { flagOf } from '../../values/command-line.js'
import { groupBy } from '../../values/lists.js'
import { tokenVerifiers } from '../graph/credentials.js'
import type { Evidence, NodeEvidence, PemFacts } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { issuingCertificates } from './authorities.js'
import { trustsIn } from './by-evidence.js'
import { finding, rule } from './rule.js'
import { authorities, controlPlanes, launchesAs, subjectKey, trusts } from './subjects.js'

const several = (evidence: Evidence) =>
  controlPlanes(evidence).length > 1 ? controlPlanes(evidence) : []

/** Compares a file's meaning between control planes; the first one sets the measure. */
function drift<T>(
  evidence: Evidence,
  read: (node: NodeEvidence) => { readonly pem: PemFacts; readonly value: T } | undefined,
  same: (a: T, b: T) => boolean,
  message: (first: string) => string,
) {
  const found = several(evidence).flatMap((node) => read(node) ?? [])
  const [first, ...others] = found
  if (!first || others.length === 0) return 'not-applicable'
  return others
    .filter(({ value }) => !same(first.value, value))
    .map(({ pem }) => finding(pem.place, message(first.pem.place.node)))
}

const sameSet = <T>(a: readonly T[], b: readonly T[]) =>
  a.length === b.length && a.every((one) => b.includes(one))

function accountKeys(node: NodeEvidence) {
  const launch = node.launches.find(({ component }) => component === 'kube-apiserver')
  const pem = launch && tokenVerifiers(node, launch).at(-1)?.pem
  const value = pem?.keys.flatMap(({ keyId }) => keyId ?? [])
  return pem && value ? { pem, value } : undefined
}

/** What differs between machines that must be alike. */
export const DRIFT_RULES: readonly Rule[] = [
  rule('T12', 'ca-certificate-drift-ha', 'C', 'error', {
    title: 'control planes trust different authorities',
    citation:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/',
    why: 'A client is welcome at one API server and gets 401 at the next.',
    fix: 'copy the same ca.crt to every control plane',
    check: (evidence) => {
      const roles = ['client-ca', 'etcd-ca', 'requestheader-ca'] as const
      if (several(evidence).length === 0) return 'not-applicable'
      return roles.flatMap((role) => {
        const all = trustsIn(evidence, role).filter(
          ({ launch }) => launch?.component !== 'kube-controller-manager',
        )
        const [first, ...others] = all
        return others.flatMap((trust) =>
          first && !sameSet(first.certificates, trust.certificates)
            ? finding(trust.pem.place, `holds other authorities than on ${first.node.name}`)
            : [],
        )
      })
    },
  }),
  rule('T13', 'sa-drift-ha', 'C', 'error', {
    title: 'control planes have different service-account keys',
    citation: 'kubernetes/kubernetes#20165',
    why: 'A token that one API server issued is refused by the next: pods get 401 at random.',
    fix: 'copy the same sa.key and sa.pub to every control plane',
    check: (evidence) =>
      drift(
        evidence,
        accountKeys,
        sameSet,
        (first) => `holds other service-account keys than on ${first}`,
      ),
  }),
  rule('T14', 'encryption-config-drift-ha', 'C', 'error', {
    title: 'control planes encrypt Secrets with different keys',
    citation: 'https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/',
    why: 'What one API server writes the next cannot read, or writes with an older key.',
    fix: 'copy the same encryption configuration to every control plane',
    needs: 'manifests',
    check: (evidence) => {
      const configured = launchesAs('kube-apiserver')(evidence)
      const all = configured.flatMap(({ node, launch }) => {
        const path = flagOf(launch.flags, 'encryption-provider-config')
        const document = node.encryption[0]
        return path === undefined || !document ? [] : [{ node, document }]
      })
      const [first, ...others] = all
      if (!first || others.length === 0) return 'not-applicable'
      const shapeOf = (value: unknown) => JSON.stringify(value)
      return others.flatMap(({ document }) =>
        shapeOf(document.value) === shapeOf(first.document.value)
          ? []
          : finding(document, `differs from that on ${first.node.name}`),
      )
    },
  }),
  rule('T16', 'mixed-generation', 'H', 'warning', {
    title: 'certificates of two authorities of one name are in use',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'A rotation stopped half-way: what trusts only one of the two breaks at the next step.',
    fix: 'finish the rotation, with both authorities in every bundle until then',
    check: (evidence) => {
      const issuing = authorities(evidence).filter((one) => issuingCertificates(evidence).has(one))
      if (issuing.length === 0) return 'not-applicable'
      const generations = groupBy(issuing, subjectKey)
      return [...generations.values()].flatMap((same) => {
        const keys = new Set(same.map(({ keyId }) => keyId))
        const [first, ...others] = same
        const whole = trusts(evidence).filter(({ certificates }) =>
          certificates.some((one) => keys.has(one.keyId)),
        )
        const halves = whole.filter(({ certificates }) =>
          [...keys].some((key) => !certificates.some(({ keyId }) => keyId === key)),
        )
        const place = halves[0]?.pem.place
        return first && place && keys.size > 1 && others.length > 0
          ? finding(
              place,
              `trusts only one of ${keys.size} authorities named ${JSON.stringify(commonNameOf(first.facts.subject))} that have issued certificates here`,
            )
          : []
      })
    },
  }),
]
