import { encodePem, parsePem } from '../ca/pem.js'
import type { Cluster } from '../cluster/cluster.js'
import { type FileTree, fileAt, type TreeEntry, textAt } from '../files/tree.js'
import { pkiDir, rootBundleFile, secretFile } from './layout.js'
import { SECRET_FILES } from './secrets.js'
import { AUTHORITIES } from './table.js'

/**
 * `authorities` completed with what a control plane's tree still has of it. An authority is taken as a
 * pair: a certificate in one place never meets a key from another.
 */
export function adoptFromNode(cluster: Cluster, authorities: FileTree, node: FileTree): FileTree {
  const complete = new Map<string, TreeEntry>(authorities)
  const pairs = Object.values(AUTHORITIES).map(({ base }) => [`${base}.crt`, `${base}.key`])
  for (const names of [...pairs, [SECRET_FILES.serviceAccountKey]]) {
    if (names.some((name) => authorities.has(name))) continue
    for (const name of names) {
      const entry = fileAt(node, `${pkiDir(cluster)}/${name}`)
      if (entry !== undefined) complete.set(name, { ...entry, path: name })
    }
  }
  const root = `${AUTHORITIES['root-ca'].base}.crt`
  if (!complete.has(root)) {
    const pem = rootOfBundle(textAt(node, rootBundleFile(cluster)))
    if (pem !== undefined) complete.set(root, secretFile(root, pem))
  }
  return complete
}

// The bundle holds the issuing authority, then the root.
function rootOfBundle(bundle: string | undefined): string | undefined {
  const [, root] = parsePem(bundle ?? '')
  return root && encodePem('CERTIFICATE', root.der)
}
