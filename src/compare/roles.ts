import { AUTHORITIES, LEAVES, type LeafRow } from '../certs/table.js'

const BASES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(AUTHORITIES).map(([id, { base }]) => [base, id] as const),
  ...Object.entries<LeafRow>(LEAVES).flatMap(([id, { place }]) =>
    place.kind === 'pki' ? [[place.base, id] as const] : [],
  ),
  ['sa', 'sa'],
])

const KUBECONFIGS: ReadonlyMap<string, string> = new Map(
  Object.entries<LeafRow>(LEAVES).flatMap(([id, { place }]) =>
    place.kind === 'kubeconfig' ? [[`etc/kubernetes/${place.file}`, id] as const] : [],
  ),
)

/** The row of the certificate table that a file of a node, or of the output folder, belongs to. */
export function roleOf(path: string): string | undefined {
  const kubeconfig = KUBECONFIGS.get(path)
  if (kubeconfig !== undefined) return kubeconfig
  if (/^kubeconfig\/(super-)?admin\.conf$/.test(path))
    return path.includes('super-') ? 'operator-super-admin' : 'operator-admin'
  if (/^var\/lib\/kubelet\/pki\/kubelet\.(crt|key)$/.test(path)) return 'kubelet-serving'
  if (!/\.(crt|key|pub)$/.test(path)) return undefined
  const parts = path.replace(/\.[a-z]+$/, '').split('/')
  return BASES.get(parts.slice(-2).join('/')) ?? BASES.get(parts.slice(-1).join('/'))
}
