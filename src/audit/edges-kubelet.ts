import { flagList } from './command-line.js'
import { type EdgeDraft, type Reception, WELCOME } from './edges.js'
import type { ApiServer, Fleet, KubeletServer } from './fleet.js'
import { urlOf } from './hosts.js'
import { adminGroup, identityText } from './identities.js'
import type { Identity } from './types.js'

/** A kubelet as the other end. */
export function kubeletSide({ node, serving, clientCa }: KubeletServer): EdgeDraft['server'] {
  return {
    runs: { node: node.name, name: 'kubelet' },
    serving: serving === 'requested' ? 'unseen' : serving,
    ...(clientCa && { trust: clientCa }),
    certificate: clientCa ? 'asked' : 'ignored',
  }
}

/** The address that an API server dials for a node, by `--kubelet-preferred-address-types`. */
export function kubeletAddress(
  server: ApiServer | undefined,
  { node }: KubeletServer,
): string | undefined {
  const types = server ? flagList(server.launch.flags, 'kubelet-preferred-address-types') : []
  const order = types.length > 0 ? types : ['Hostname', 'InternalDNS', 'InternalIP']
  const of: Readonly<Record<string, string | undefined>> = {
    InternalIP: node.addresses[0],
    Hostname: node.name,
  }
  for (const type of order) {
    // Whether an address of a foreign kind exists (ExternalIP, InternalDNS) only the cloud knows.
    const address = of[type]
    if (address !== undefined) return address
    if (type === 'InternalIP') return undefined
  }
  return undefined
}

/** Each API server to the kubelet of each node: logs, exec, metrics. */
export function* apiServerToKubelets({ apiServers, kubelets }: Fleet): Iterable<EdgeDraft> {
  for (const server of apiServers)
    for (const kubelet of kubelets) {
      const address = kubeletAddress(server, kubelet)
      const { kubeletClient } = server
      yield {
        from: server.id,
        to: kubelet.id,
        url: urlOf(address ?? kubelet.node.name, kubelet.kubelet.port),
        client: {
          runs: { node: server.node.name, name: 'kube-apiserver' },
          ...(kubeletClient && { credential: kubeletClient }),
          label: 'kubelet client',
          trust: server.kubeletTrust,
          ...(address !== undefined && { name: address }),
        },
        server: kubeletSide(kubelet),
        receive: (identity) => receiveByKubelet(kubelet, identity),
      }
    }
}

function receiveByKubelet({ kubelet }: KubeletServer, identity: Identity | undefined): Reception {
  if (kubelet.authorizationMode === 'AlwaysAllow' && (identity || kubelet.anonymous)) return WELCOME
  if (!identity) return { kind: 'refused', message: 'the kubelet sees an anonymous client (401)' }
  if (adminGroup(identity) !== undefined) return WELCOME
  // Releases without a group bind this user to system:kubelet-api-admin; other names need a binding of their own.
  if (identity.user !== '') return WELCOME
  return { kind: 'refused', message: `the kubelet sees ${identityText(identity)} (401)` }
}
