import type { PemFacts } from './evidence.js'

/** How the names of keys follow from those of certificates. */
const KEY_NAMES: readonly (readonly [certificate: RegExp, key: string])[] = [
  [/\.(?:crt|pem|cert|cer)$/, '.key'],
  [/\.pem$/, '-key.pem'],
  // minikube: apiserver.crt.dd3b5fb2
  [/\.crt(?=\.[0-9a-f]+$)/, '.key'],
  [/(^|\/)cert\.pem$/, '$1key.pem'],
  [/(^|\/)(?:fullchain|cert)\.pem$/, '$1privkey.pem'],
]

/** A file of certificates, and the file with the private key that belongs to it by its name. */
export interface BesidePair {
  readonly pem: PemFacts
  readonly key: PemFacts
}

const holdsPrivate = ({ keys }: PemFacts) => keys.some((key) => key.private)

/** Every file of certificates with its key beside it, or in it. */
export function pairsBeside(pems: ReadonlyMap<string, PemFacts>): readonly BesidePair[] {
  return [...pems].flatMap(([path, pem]) => {
    if (pem.certificates.length === 0) return []
    if (holdsPrivate(pem)) return [{ pem, key: pem }]
    for (const [name, by] of KEY_NAMES) {
      const beside = name.test(path) ? pems.get(path.replace(name, by)) : undefined
      if (beside && beside !== pem && holdsPrivate(beside)) return [{ pem, key: beside }]
    }
    return []
  })
}
