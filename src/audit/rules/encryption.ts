import { at, isObject, type Json, type JsonObject, listOf, scalarText } from '../../values/json.js'
import { listed, quoted } from '../../values/text.js'
import { encryptionProblem } from '../read/documents.js'
import type { DocumentFacts, Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { rule } from './rule.js'

const documents = ({ nodes }: Evidence) => nodes.flatMap(({ encryption }) => encryption)

const GUIDE = 'https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/'
const KEY_PROBLEM = /that is not base64|bytes for /

/** Provider lists that cover Secrets. */
function secretProviders({ value }: DocumentFacts): readonly (readonly JsonObject[])[] {
  return listOf(at(value, 'resources')).flatMap((resource) => {
    const names = listOf(at(resource, 'resources')).map(scalarText)
    const covers = names.some((name) => /^(secrets(\.)?|\*\.\*|\*\.?)$/.test(name ?? ''))
    return covers ? [listOf(at(resource, 'providers')).filter(isObject)] : []
  })
}

const nameOfProvider = (provider: JsonObject | undefined) => Object.keys(provider ?? {})[0] ?? ''

function keyNames(provider: JsonObject): readonly string[] {
  const keys: readonly Json[] = listOf(at(provider, nameOfProvider(provider), 'keys'))
  return keys.flatMap((key) => scalarText(at(key, 'name')) ?? [])
}

export const ENCRYPTION_RULES: readonly Rule[] = [
  rule('A08', 'enc-kind-shape', 'C', 'error', {
    title: 'an encryption configuration that the API server refuses',
    citation: GUIDE,
    why: 'kube-apiserver exits at its next start.',
    fix: 'write kind EncryptionConfiguration of apiserver.config.k8s.io/v1 with resources and providers',
    of: documents,
    when: (document) => !KEY_PROBLEM.test(encryptionProblem(document) ?? ''),
    say: encryptionProblem,
  }),
  rule('A09', 'enc-identity-first', 'H', 'warning', {
    title: 'Secrets are written in clear',
    citation: 'CIS 1.2.27, 1.2.28',
    why: 'The first provider encrypts, and identity does nothing: the configuration looks like encryption and is none.',
    fix: 'put identity last, then rewrite all Secrets: kubectl get secrets -A -o json | kubectl replace -f -',
    of: documents,
    when: (document) =>
      secretProviders(document).some(([first]) => nameOfProvider(first) === 'identity'),
    say: 'has identity as its first provider: Secrets are stored in clear',
  }),
  rule('A10', 'enc-key-length', 'C', 'error', {
    title: 'an encryption key of the wrong length',
    citation: GUIDE,
    why: 'kube-apiserver exits at its next start.',
    fix: 'head -c 32 /dev/urandom | base64   # a new key, first in the list',
    of: documents,
    when: (document) => KEY_PROBLEM.test(encryptionProblem(document) ?? ''),
    say: encryptionProblem,
  }),
  rule('A11', 'enc-aesgcm', 'M', 'warning', {
    title: 'Secrets are encrypted with aesgcm',
    citation: `${GUIDE} (200,000 writes a key)`,
    why: 'Its nonces are random: without a new key every 200,000 writes two Secrets share one, and both can be read.',
    fix: 'use secretbox, or a kms provider',
    of: documents,
    when: (document) =>
      secretProviders(document).some(([first]) => nameOfProvider(first) === 'aesgcm'),
    say: 'encrypts with aesgcm, whose keys must be changed every 200,000 writes',
  }),
  rule('A12', 'enc-single-no-identity', 'I', 'info', {
    title: 'no identity provider to read old Secrets',
    citation: GUIDE,
    why: 'Right when all Secrets have been rewritten. Before that the API server cannot read the old ones.',
    fix: 'append identity: {} until all Secrets are rewritten',
    of: documents,
    when: (document) =>
      secretProviders(document).some(
        (list) => list.length === 1 && nameOfProvider(list[0]) !== 'identity',
      ),
    say: 'has a single provider and no identity: Secrets written in clear are unreadable',
  }),
  rule('A13', 'enc-duplicate-name', 'M', 'warning', {
    title: 'two encryption keys have one name',
    citation: GUIDE,
    why: 'The name is written with the Secret and chooses the key to decrypt with: it finds the wrong one.',
    fix: 'give the new key another name',
    of: documents,
    say: (document) => {
      const twice = secretProviders(document)
        .flat()
        .flatMap((provider) => {
          const names = keyNames(provider)
          return names.filter((name, i) => names.indexOf(name) !== i)
        })
      return twice.length > 0 && `has two keys named ${listed(twice.map(quoted))}`
    },
  }),
]
