import { readPrivateKey, sameKey } from '../ca/keys.js'
import { encodePem, parsePem } from '../ca/pem.js'
import { readCertificate } from '../ca/read.js'
import type { Cluster } from '../cluster/cluster.js'
import { isKpkiError } from '../errors.js'
import { type FileEntry, type FileTree, fileAt, textAt, textOf } from '../files/tree.js'
import { pkiDir, rootBundleFile, secretFile } from './layout.js'
import { planAuthorities } from './plan.js'
import { SECRET_FILES } from './secrets.js'
import { AUTHORITIES } from './table.js'

/** Whether every authority of the cluster is there with its key, and the service-account key too. */
export function holdsEveryAuthority(cluster: Cluster, authorities: FileTree): boolean {
  const pairs = planAuthorities(cluster).flatMap(({ base }) => [`${base}.crt`, `${base}.key`])
  return [...pairs, SECRET_FILES.serviceAccountKey].every((path) => authorities.has(path))
}

/**
 * `authorities` completed with what a control plane's tree still has of it. A certificate in one place
 * never meets a key from another that does not fit it.
 */
export function adoptFromNode(cluster: Cluster, authorities: FileTree, node: FileTree): FileTree {
  const complete = new Map(authorities)
  const adopt = (name: string, entry: FileEntry | undefined): void => {
    if (entry !== undefined && !complete.has(name)) complete.set(name, { ...entry, path: name })
  }
  const onNode = (name: string) => fileAt(node, `${pkiDir(cluster)}/${name}`)
  for (const { base } of Object.values(AUTHORITIES)) {
    const [crt, key] = [`${base}.crt`, `${base}.key`]
    const certificate = fileAt(authorities, crt) ?? onNode(crt)
    const privateKey = fileAt(authorities, key) ?? onNode(key)
    const lost = !authorities.has(crt) && !authorities.has(key)
    if (!lost && !fits(certificate, privateKey)) continue
    adopt(crt, certificate)
    adopt(key, privateKey)
  }
  adopt(SECRET_FILES.serviceAccountKey, onNode(SECRET_FILES.serviceAccountKey))
  const root = `${AUTHORITIES['root-ca'].base}.crt`
  const pem = rootOfBundle(textAt(node, rootBundleFile(cluster)))
  if (pem !== undefined) adopt(root, secretFile(root, pem))
  return complete
}

function fits(certificate: FileEntry | undefined, key: FileEntry | undefined): boolean {
  if (certificate === undefined || key === undefined) return false
  try {
    const { publicKey } = readCertificate(textOf(certificate))
    return sameKey(publicKey.spki, readPrivateKey(textOf(key)).spki)
  } catch (error) {
    if (isKpkiError(error)) return false
    throw error
  }
}

// The bundle holds the issuing authority, then the root.
function rootOfBundle(bundle: string | undefined): string | undefined {
  const [, root] = parsePem(bundle ?? '')
  return root && encodePem('CERTIFICATE', root.der)
}
