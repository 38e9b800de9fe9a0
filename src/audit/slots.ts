import { type Credential, fileOnNode } from './credentials.js'
import type { NodeFacts } from './estate.js'
import { LAYOUTS, type Slot, slotFiles } from './layouts.js'

/** The certificate that a node's layout has for a slot, where the file is there. */
export function slotOn(node: NodeFacts, slot: Slot): Credential | undefined {
  const layout = LAYOUTS.find(
    ({ id, files }) => id === node.layout && node.pems.has(`${node.pkiDirectory}/${files[slot]}`),
  )
  if (!layout) return undefined
  const { certificate, key } = slotFiles({ layout, pki: node.pkiDirectory }, slot)
  return { certificate: fileOnNode(node, certificate), key: fileOnNode(node, key), embedded: false }
}
