import { nthAddress } from '../cluster/addresses.js'
import type { ApiClient } from './api-clients.js'
import { flagList, flagOf } from './command-line.js'
import { absence, named, type Problem, type Trust, trustOfFlag } from './credentials.js'
import { at, filled } from './documents.js'
import { type EdgeDraft, WELCOME } from './edges.js'
import { type ApiServer, apiServersAt, type Fleet } from './fleet.js'
import { parseHost, urlOf } from './hosts.js'
import { receiveByApi } from './identities.js'

/** An API server as the other end: it asks for a client certificate and lives without one. */
export function apiSide(server: ApiServer): EdgeDraft['server'] {
  return {
    runs: { node: server.node.name, name: 'kube-apiserver' },
    serving: server.serving ?? (server.launch.source === 'default' ? 'unseen' : 'self-made'),
    ...(server.clientCa && { trust: server.clientCa }),
    certificate: server.clientCa ? 'asked' : 'ignored',
  }
}

/** Every kubeconfig to every API server that its server address may lead to. */
export function* clientsToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const client of fleet.clients) {
    const broken = kubeconfigProblem(client)
    if (broken === 'unknown') continue
    const target = parseHost(client.server)
    for (const server of apiServersAt(fleet, client.node, client.server))
      yield clientEdge(client, server, target, broken)
  }
}

function clientEdge(
  client: ApiClient,
  server: ApiServer,
  target: ReturnType<typeof parseHost>,
  broken: Problem | undefined,
): EdgeDraft {
  const name = client.serverName ?? target?.host
  const { role } = client
  const isComponent = role !== 'admin' && role !== 'super-admin' && role !== 'user'
  const place = { node: client.file.node, path: client.file.path }
  const plain = { code: 'plain-http', message: `the server address ${client.server} is not https` }
  // An address without a scheme is taken for http, and what the kubeconfig says of TLS is passed over.
  const isPlain = target && !/^https:/i.test(client.server.trim())
  const problem = broken ?? (isPlain ? { ...plain, ...place } : undefined)
  return {
    from: client.id,
    to: server.id,
    url: target ? urlOf(target.host, target.port) : client.server,
    client: {
      ...(isComponent && { runs: { node: client.node.name, name: role } }),
      ...(problem && { problem }),
      ...(client.credential && { credential: client.credential }),
      label: 'client',
      trust: client.trust,
      ...(name !== undefined && { name }),
    },
    server: apiSide(server),
    receive: isAnonymous(client, server)
      ? () => ({ kind: 'refused', message: anonymousText(server) })
      : receiveByApi(client),
  }
}

/** Nothing in the kubeconfig makes the API server see anybody. */
function isAnonymous({ kubeconfig, credential }: ApiClient, { clientCa }: ApiServer): boolean {
  const user = kubeconfig?.user
  if (!user || (credential && clientCa)) return false
  const { token, tokenFile, exec, authProvider, basicAuth } = user
  return [token, tokenFile, exec, authProvider].every((one) => one === undefined) && !basicAuth
}

function anonymousText({ clientCa }: ApiServer): string {
  return clientCa
    ? 'the kubeconfig holds neither a client certificate nor a token (401)'
    : 'the API server has no --client-ca-file and sees nobody behind certificates (401)'
}

/** Why a kubeconfig is of no use to client-go; `unknown` when the audited files do not reach it. */
export function kubeconfigProblem({
  file,
  kubeconfig,
}: ApiClient): Problem | 'unknown' | undefined {
  const gone = absence(file, 'kubeconfig')
  if (gone) return gone
  if (file.state !== 'present') return 'unknown'
  const place = { node: file.node, path: file.path }
  const what = `kubeconfig ${named(file)}`
  if (!kubeconfig) return { code: 'unparsable', message: `${what} is no kubeconfig`, ...place }
  const { failure, cluster, user, currentContext } = kubeconfig
  if (failure) return { code: 'unparsable', message: `${what}: ${failure.message}`, ...place }
  if (!cluster || !user) {
    const message = `${what}: its current-context ${JSON.stringify(currentContext)} leads to no cluster or user`
    return { code: 'dangling-context', message, ...place }
  }
  if (cluster.insecureSkipTlsVerify && (cluster.authority || cluster.authorityFile !== undefined)) {
    const message = `${what} names a CA and skips verification: client-go takes one or the other`
    return { code: 'contradiction', message, ...place }
  }
  return undefined
}

/** The names by which pods reach the API: the service's address and its DNS names. */
export function serviceNames(fleet: Fleet, server: ApiServer): readonly string[] {
  const { cluster } = fleet.estate
  const range = flagList(server.launch.flags, 'service-cluster-ip-range')[0]
  const subnet = range ?? cluster?.networking.serviceSubnets[0]
  const issuer = flagOf(server.launch.flags, 'service-account-issuer')
  const domain =
    cluster?.networking.dnsDomain ??
    /^https:\/\/kubernetes\.default\.svc\.([a-z0-9.-]+?)\/?$/.exec(issuer ?? '')?.[1] ??
    filled(at(server.node.kubelet?.config, 'clusterDomain'))
  return [
    ...firstAddress(subnet),
    'kubernetes.default.svc',
    ...(domain === undefined ? [] : [`kubernetes.default.svc.${domain}`]),
  ]
}

function firstAddress(subnet: string | undefined): readonly string[] {
  try {
    return subnet === undefined ? [] : [nthAddress(subnet, 1)]
  } catch {
    return []
  }
}

/** What pods verify the API server with: the controller manager's `--root-ca-file`, or its own CA. */
export function podTrust(fleet: Fleet, server: ApiServer): Trust | undefined {
  const managers = [server.node, ...fleet.estate.nodes].flatMap((node) =>
    node.launches
      .filter(({ component }) => component === 'kube-controller-manager')
      .map((launch) => ({ node, launch })),
  )
  const [first] = managers
  const own = first && trustOfFlag(first.node, first.launch, 'root-ca-file')
  const isManager = ({ role, kubeconfig }: ApiClient) =>
    role === 'kube-controller-manager' && kubeconfig !== undefined
  return own ?? fleet.clients.find(isManager)?.trust
}

/** Pods with a service account to each API server by the service's address and names. */
export function* podsToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const server of fleet.apiServers) {
    const trust = podTrust(fleet, server)
    if (!trust) continue
    for (const name of serviceNames(fleet, server))
      yield {
        from: 'pods/cluster',
        to: server.id,
        url: urlOf(name, 443),
        client: { label: 'pod', trust, name },
        server: { ...apiSide(server), certificate: 'ignored' },
        receive: () => WELCOME,
      }
  }
}

/** Programs in pods that verify with OpenSSL (curl, Python, Node.js): they want a self-signed root. */
export function* opensslPodsToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const draft of podsToApi(fleet))
    yield {
      ...draft,
      from: 'openssl-pods/cluster',
      client: { ...draft.client, consumer: 'openssl' },
    }
}

/** The kubelet's probes, which verify nothing, to the HTTPS ports of the static pods. */
export function* probesToComponents({ estate }: Fleet): Iterable<EdgeDraft> {
  for (const node of estate.nodes)
    for (const { component, probes } of node.launches) {
      if (component !== 'kube-controller-manager' && component !== 'kube-scheduler') continue
      const probe = probes.find(({ scheme }) => scheme === 'HTTPS')
      if (!probe) continue
      const host = probe.host ?? node.addresses[0] ?? '127.0.0.1'
      yield {
        from: `probe/${node.name}`,
        to: `${component}/${node.name}`,
        url: `${urlOf(host, Number(probe.port))}${probe.path}`,
        client: { label: 'probe', trust: { kind: 'nothing-checked' } },
        server: {
          runs: { node: node.name, name: component },
          serving: 'self-made',
          certificate: 'ignored',
        },
        receive: () => WELCOME,
      }
    }
}

/** The aggregation layer: what each API server shows to extension API servers, which trust its own flags. */
export function* frontProxyToExtensions({ apiServers }: Fleet): Iterable<EdgeDraft> {
  for (const server of apiServers) {
    const { frontProxy, frontProxyCa, allowedNames } = server
    if (!frontProxy || !frontProxyCa) continue
    yield {
      from: server.id,
      to: 'extension-apiserver/cluster',
      url: 'https://extension-apiserver',
      client: {
        runs: { node: server.node.name, name: 'kube-apiserver' },
        label: 'front proxy',
        credential: frontProxy,
        trust: { kind: 'nothing-checked' },
      },
      server: { serving: 'unseen', trust: frontProxyCa, certificate: 'demanded' },
      receive: (identity) =>
        !identity || allowedNames.length === 0 || allowedNames.includes(identity.user)
          ? WELCOME
          : {
              kind: 'refused',
              message: `its CN ${identity.user} is not in --requestheader-allowed-names=${allowedNames.join(',')}`,
            },
    }
  }
}
