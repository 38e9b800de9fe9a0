import { commonNameOf } from '../../ca/certificate/names.js'
import { readCertificates } from '../../ca/certificate/read.js'
import { textOf as contentOf } from '../../files/tree.js'
import { readKubeconfig } from '../../kubeconfig/read.js'
import { bytesOfBase64 } from '../../values/bytes.js'
import { at, type Json, listOf, scalarText } from '../../values/json.js'
import { once } from '../../values/once.js'
import { readDocuments } from '../read/documents.js'
import type { Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { indexOf, trustsIn } from './by-evidence.js'
import { rule } from './rule.js'
import { only } from './subjects.js'

const GUIDE = 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/'
const EXPORT =
  /(cluster-info|kube-root-ca|extension-apiserver-authentication|configmaps?|secrets?|webhooks?|apiservices?)[^/]*\.(ya?ml|json)$/i
const MAX_EXPORT = 1 << 20

/** An object exported from the cluster that lies in the tree. */
interface Exported {
  readonly node: string
  readonly path: string
  readonly kind: string
  readonly name: string
  readonly value: Json
}

const exported = once((evidence: Evidence): readonly Exported[] =>
  indexOf(evidence).parts.flatMap(({ name: node, tree }) =>
    [...tree.values()].flatMap((entry) => {
      if (entry.kind !== 'file' || !EXPORT.test(entry.path) || entry.data.length > MAX_EXPORT)
        return []
      return readDocuments(contentOf(entry)).values.flatMap((value) => {
        const items =
          scalarText(at(value, 'kind')) === 'List' ? listOf(at(value, 'items')) : [value]
        return items.map((item) => ({
          node,
          path: entry.path,
          kind: scalarText(at(item, 'kind')) ?? '',
          name: scalarText(at(item, 'metadata', 'name')) ?? '',
          value: item,
        }))
      })
    }),
  ),
)

const ofKind = (...kinds: readonly string[]) => only(exported, ({ kind }) => kinds.includes(kind))

/** Serial number and name of every certificate in a PEM text; undefined when it holds none. */
function marks(pem: string): readonly string[] | undefined {
  try {
    const all = readCertificates(pem)
    return all.length === 0
      ? undefined
      : all.map(({ serial, subject }) => `${serial} ${commonNameOf(subject)}`)
  } catch {
    return undefined
  }
}

/** Whether a PEM text lacks every authority that the API server’s clients use now. */
function isStale(pem: string, evidence: Evidence, role: 'client-ca' | 'requestheader-ca'): boolean {
  const found = marks(pem)
  const current = trustsIn(evidence, role).flatMap(({ certificates }) =>
    certificates.map(({ facts }) => `${facts.serial} ${commonNameOf(facts.subject)}`),
  )
  return found !== undefined && current.length > 0 && !found.some((mark) => current.includes(mark))
}

function decoded(base64: Json | undefined): string {
  const bytes = bytesOfBase64(scalarText(base64) ?? '')
  return bytes ? new TextDecoder().decode(bytes) : ''
}

function clusterInfoAuthority(value: Json): string {
  const [cluster] = readKubeconfig(scalarText(at(value, 'data', 'kubeconfig')) ?? '').clusters
  return new TextDecoder().decode(cluster?.authorityData)
}

export const EXPORT_RULES: readonly Rule[] = [
  rule('R07', 'configmaps-stale', 'H', 'warning', {
    title: 'an exported ConfigMap holds an old authority',
    citation: 'kubernetes/website#31882',
    why: 'Joins, pods or the aggregation layer trust what is in it, not what is on the disk.',
    fix: 'let the controllers rewrite kube-root-ca.crt, and replace cluster-info and extension-apiserver-authentication',
    of: ofKind('ConfigMap'),
    when: ({ value }, evidence) => {
      const field = (name: string) => scalarText(at(value, 'data', name)) ?? ''
      return (
        isStale(field('requestheader-client-ca-file'), evidence, 'requestheader-ca') ||
        [field('ca.crt'), field('client-ca-file'), clusterInfoAuthority(value)].some((pem) =>
          isStale(pem, evidence, 'client-ca'),
        )
      )
    },
    say: ({ name }) => `has the ConfigMap ${name} with an authority that is not the present one`,
  }),
  rule('R08', 'sa-secret-ca-stale', 'M', 'warning', {
    title: 'an exported token Secret holds an old authority',
    citation: GUIDE,
    why: 'Workloads that mount it refuse the API server.',
    fix: 'delete the ca.crt of the Secret; the controller manager fills it again',
    of: ofKind('Secret'),
    where: ({ value }) => scalarText(at(value, 'type')) === 'kubernetes.io/service-account-token',
    when: ({ value }, evidence) =>
      isStale(decoded(at(value, 'data', 'ca.crt')), evidence, 'client-ca'),
    say: ({ name }) => `has the Secret ${name} with an authority that is not the present one`,
  }),
  rule('R09', 'webhook-cabundle-stale', 'I', 'info', {
    title: 'an exported webhook trusts an old authority of the cluster',
    citation: GUIDE,
    why: 'Calls to it fail when its certificate comes from the new authority.',
    fix: 'write the present authority into caBundle',
    of: ofKind('ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'APIService'),
    when: ({ value }, evidence) => {
      const bundles = [
        at(value, 'spec', 'caBundle'),
        ...listOf(at(value, 'webhooks')).map((hook) => at(hook, 'clientConfig', 'caBundle')),
      ]
      return bundles.some((bundle) => {
        const pem = decoded(bundle)
        return /kubernetes/.test((marks(pem) ?? []).join()) && isStale(pem, evidence, 'client-ca')
      })
    },
    say: ({ name }) => `has ${name} with an authority of the cluster that is not the present one`,
  }),
]
