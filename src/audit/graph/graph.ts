import { parseHost } from '../../values/hosts.js'
import type { Edge, EdgeKind } from './edges.js'
import {
  apiServerToKubelets,
  clientsToApi,
  frontProxyToExtensions,
  joinToApi,
  opensslPodsToApi,
  podsToApi,
  probesToComponents,
  tokensToApi,
} from './edges-api.js'
import { apiServerToEtcd, etcdGateway, etcdToEtcd, healthcheckToEtcd } from './edges-etcd.js'
import {
  anybodyAtApi,
  anybodyAtEtcd,
  anybodyAtKubelets,
  anyClientAtKubelets,
  apiClientsAtEtcd,
  etcdLeavesAtApi,
  foreignAuthorities,
  frontProxyAsUser,
  impersonation,
  kubeletsAsOthers,
  kubeletsBeyondTheirNodes,
} from './edges-forbidden.js'
import type { Fleet } from './servers.js'

/** Every kind of connection that a cluster has, and every kind that it must not have: one row each. */
export const EDGE_KINDS: readonly EdgeKind[] = [
  {
    kind: 'apiserver-etcd',
    title: 'API server to etcd',
    must: 'succeed',
    severity: 'error',
    edges: apiServerToEtcd,
  },
  {
    kind: 'etcd-healthcheck',
    title: 'health check to etcd',
    must: 'succeed',
    severity: 'error',
    edges: healthcheckToEtcd,
  },
  {
    kind: 'etcd-peer',
    title: 'etcd member to etcd member',
    must: 'succeed',
    severity: 'error',
    edges: etcdToEtcd,
  },
  {
    kind: 'etcd-gateway',
    title: 'etcd to itself',
    must: 'succeed',
    severity: 'warning',
    edges: etcdGateway,
  },
  {
    kind: 'client-apiserver',
    title: 'kubeconfig to API server',
    must: 'succeed',
    severity: 'error',
    edges: clientsToApi,
  },
  {
    kind: 'apiserver-kubelet',
    title: 'API server to kubelet',
    must: 'succeed',
    severity: 'error',
    edges: apiServerToKubelets,
  },
  {
    kind: 'pods-apiserver',
    title: 'pods to API server',
    must: 'succeed',
    severity: 'error',
    edges: podsToApi,
  },
  {
    kind: 'pods-openssl',
    title: 'pods with OpenSSL to API server',
    must: 'succeed',
    severity: 'warning',
    rule: 'connection-openssl',
    edges: opensslPodsToApi,
  },
  {
    kind: 'front-proxy',
    title: 'API server to extension API server',
    must: 'succeed',
    severity: 'error',
    edges: frontProxyToExtensions,
  },
  {
    kind: 'join',
    title: 'kubeadm join to API server',
    must: 'succeed',
    severity: 'error',
    edges: joinToApi,
  },
  {
    kind: 'token',
    title: 'service-account token to API server',
    must: 'succeed',
    severity: 'error',
    edges: tokensToApi,
  },
  {
    kind: 'probe',
    title: 'kubelet probe to component',
    must: 'succeed',
    severity: 'error',
    edges: probesToComponents,
  },
  {
    kind: 'api-client-at-etcd',
    title: 'API certificate at etcd',
    must: 'fail',
    severity: 'error',
    rule: 'etcd-admits-api-clients',
    edges: apiClientsAtEtcd,
  },
  {
    kind: 'anybody-at-etcd',
    title: 'nobody in particular at etcd',
    must: 'fail',
    severity: 'error',
    rule: 'etcd-open',
    edges: anybodyAtEtcd,
  },
  {
    kind: 'etcd-leaf-at-api',
    title: 'etcd certificate at the API server',
    must: 'fail',
    severity: 'error',
    rule: 'etcd-certificate-is-api-user',
    edges: etcdLeavesAtApi,
  },
  {
    kind: 'front-proxy-as-user',
    title: 'front proxy as a user',
    must: 'fail',
    severity: 'error',
    rule: 'front-proxy-is-api-user',
    edges: frontProxyAsUser,
  },
  {
    kind: 'impersonation',
    title: 'client certificate as front proxy',
    must: 'fail',
    severity: 'error',
    rule: 'front-proxy-impersonation',
    edges: impersonation,
  },
  {
    kind: 'kubelet-as-another',
    title: 'kubelet as somebody else',
    must: 'fail',
    severity: 'error',
    rule: 'kubelet-is-another',
    edges: kubeletsAsOthers,
  },
  {
    kind: 'kubelet-beyond-its-node',
    title: 'kubelet at another node',
    must: 'fail',
    severity: 'error',
    rule: 'kubelet-beyond-its-node',
    edges: kubeletsBeyondTheirNodes,
  },
  {
    kind: 'anybody-at-kubelet',
    title: 'nobody in particular at a kubelet',
    must: 'fail',
    severity: 'error',
    rule: 'kubelet-open',
    edges: anybodyAtKubelets,
  },
  {
    kind: 'any-client-at-kubelet',
    title: 'any client at a kubelet',
    must: 'fail',
    severity: 'error',
    rule: 'kubelet-open',
    edges: anyClientAtKubelets,
  },
  {
    kind: 'anybody-at-api',
    title: 'nobody in particular at the API server',
    must: 'fail',
    severity: 'error',
    rule: 'api-server-open',
    edges: anybodyAtApi,
  },
  {
    kind: 'foreign-authority',
    title: 'certificate of a foreign CA',
    must: 'fail',
    severity: 'warning',
    rule: 'foreign-ca-trusted',
    edges: foreignAuthorities,
  },
]

/** No cluster has more connections of one kind (5,000 nodes, ten control planes, both ports of etcd). */
const MAX_EDGES = 120_000

/** Connections, and the kinds of which there were too many to look at all. */
export interface EdgeList {
  readonly edges: readonly Edge[]
  readonly truncated: readonly string[]
}

/**
 * Every connection of the fleet. Ids are `<from>><to>`; another address of the same pair has
 * `@host:port` behind, another kind of connection of the same address `#kind`.
 */
export function edgesOf(fleet: Fleet): EdgeList {
  const ids = new Set<string>()
  const idOf = (pair: string, url: string, kind: string): string | undefined => {
    if (!ids.has(pair)) return pair
    const target = parseHost(url)
    const at = target ? `${pair}@${target.host}:${target.port}` : `${pair}@${url}`
    return [at, `${at}#${kind}`].find((id) => !ids.has(id))
  }
  const edges: Edge[] = []
  const truncated: string[] = []
  for (const { kind, must, edges: make } of EDGE_KINDS) {
    const seen = new Set<string>()
    let count = 0
    for (const draft of make(fleet)) {
      const pair = `${draft.from}>${draft.to}`
      const same = `${pair} ${draft.url}`
      if (seen.has(same)) continue
      seen.add(same)
      const id = idOf(pair, draft.url, kind)
      if (id === undefined) continue
      if (++count > MAX_EDGES) {
        truncated.push(kind)
        break
      }
      ids.add(id)
      edges.push({ ...draft, id, kind, must })
    }
  }
  return { edges, truncated }
}

const BY_KIND: ReadonlyMap<string, EdgeKind> = new Map(EDGE_KINDS.map((row) => [row.kind, row]))

export function edgeKind(kind: string): EdgeKind | undefined {
  return BY_KIND.get(kind)
}
