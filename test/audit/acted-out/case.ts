import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { CertificateFacts } from '../../../src/ca/certificate/facts.js'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import { bitString, octetString, sequence } from '../../../src/ca/der/write.js'
import { encodePem } from '../../../src/ca/pem.js'
import {
  type BrokenTrees,
  base64,
  type Forgery,
  forge,
  nameOf,
  newAuthority,
  PKI,
  withExtension,
  without,
} from '../rules/mutate.js'

export const NODE = 'controlplane'
export const API = `kube-apiserver/${NODE}`
export const ETCD = `etcd/${NODE}`
export const KCM = `kube-controller-manager/${NODE}`
export const SCHEDULER = `kube-scheduler/${NODE}`
export const K8S = 'etc/kubernetes'
export const SERVER = 'etcd/server'
export const PEER = 'etcd/peer'
export const CONFS = ['admin', 'controller-manager', 'scheduler', 'kubelet'] as const

/** One way to break a healthy tree. What became of it on a real control plane is in recorded.json. */
export interface Case {
  readonly name: string
  readonly mutate: (trees: BrokenTrees) => void | Promise<void>
  /** Rules that must speak: an examiner would ask for them by name. */
  readonly rules?: readonly string[]
  /** Where the audit says otherwise on purpose, by component or connection: why. */
  readonly differs?: Readonly<Record<string, string>>
}

export const facts = (e: BrokenTrees, base: string): CertificateFacts =>
  readCertificate(e.text(`${PKI}/${base}.crt`))

export const file = (base: string) => `${PKI}/${base}`

/** Appends to a file, or puts in front of it. */
export const append = (e: BrokenTrees, base: string, text: string) =>
  e.edit(file(base), (before) => before + text)
export const prepend = (e: BrokenTrees, base: string, text: string) =>
  e.edit(file(base), (before) => text + before)

export const stranger = (e: BrokenTrees, name = 'stranger', forgery: Forgery = {}) =>
  newAuthority(e, 'ca', {
    subject: nameOf(['CN', name]),
    issuer: nameOf(['CN', name]),
    ...forgery,
  })

/** A key of any kind that Node.js can make, PKCS#8. */
export function foreignKey(type: 'rsa' | 'ec' | 'ed25519', option?: number | string) {
  const made =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: Number(option ?? 2048) })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: String(option ?? 'P-256') })
        : generateKeyPairSync('ed25519')
  return {
    private: made.privateKey,
    pem: String(made.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    spki: new Uint8Array(made.publicKey.export({ type: 'spki', format: 'der' })),
    publicPem: String(made.publicKey.export({ type: 'spki', format: 'pem' })),
  }
}
/** Signs a certificate again with another digest; its algorithm fields must say so already. */
export function resign(pem: string, keyPem: string, digest: string, algorithm: Uint8Array): string {
  const { tbs } = readCertificate(pem)
  return encodePem(
    'CERTIFICATE',
    sequence(tbs, algorithm, bitString(new Uint8Array(sign(digest, tbs, keyPem)))),
  )
}

/** Replaces one data field of a kubeconfig. */
export const setData = (e: BrokenTrees, conf: string, field: string, text: string, node?: string) =>
  e.replace(`${K8S}/${conf}.conf`, new RegExp(`${field}: .*`), `${field}: ${base64(text)}`, node)

export const setCa = (e: BrokenTrees, conf: string, text: string) =>
  setData(e, conf, 'certificate-authority-data', text)

/** A root above an authority, which keeps its key and becomes an intermediate. */
export async function underRoot(
  e: BrokenTrees,
  base: string,
  root: Forgery = {},
  below: Forgery = {},
) {
  const made = await stranger(e, 'root', root)
  const pem = await forge(facts(e, base), made.key, {
    issuer: made.facts.subject.raw,
    ...below,
  })
  return { root: made, pem }
}

/** A CA certificate wherever the control plane has it: the file and the kubeconfigs. */
export function everywhere(e: BrokenTrees, pem: string): void {
  e.write(file('ca.crt'), pem)
  for (const conf of CONFS) setCa(e, conf, pem)
}

/** An authority of the same name with a key and a key identifier of its own: the next one of a rotation. */
export const nextCa = (e: BrokenTrees, like: string) =>
  newAuthority(e, like, {
    extensions: (list) => {
      const rest = without('2.5.29.14', '2.5.29.35')(list)
      return withExtension('2.5.29.14', false, octetString(randomBytes(20)))(rest)
    },
  })
