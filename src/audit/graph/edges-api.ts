import { nthAddress } from '../../values/addresses.js'
import { flagList, flagOf } from '../../values/command-line.js'
import { parseHost, urlOf } from '../../values/hosts.js'
import { at, filled, textsOf } from '../../values/json.js'
import type { NodeEvidence } from '../read/evidence.js'
import { isWholeCommand } from '../read/launch.js'
import type { Identity } from '../types.js'
import type { ApiClient } from './clients.js'
import {
  absence,
  type NamedFile,
  named,
  privateKeyOf,
  type Refusal,
  type TrustAnchors,
  tokenSigner,
  tokenVerifiers,
  trustOf,
  unseenFile,
} from './credentials.js'
import {
  adminGroup,
  type EdgeDraft,
  identityText,
  type Reception,
  receiveByApi,
  WELCOME,
} from './edges.js'
import {
  type ApiServer,
  apiServersAt,
  type Fleet,
  type KubeletServer,
  kubeletSight,
  placeOfLaunch,
  type Sight,
  sightOf,
} from './servers.js'

/** An API server as the other end: it asks for a client certificate and lives without one. */
export function apiSide(server: ApiServer): EdgeDraft['server'] {
  return {
    ...sightOf(server.node, server.launch),
    runs: { node: server.node.name, name: 'kube-apiserver' },
    serving: server.serving ?? (isWholeCommand(server.launch) ? 'self-made' : 'unseen'),
    ...(server.clientCa && { trust: server.clientCa }),
    certificate: server.clientCa ? 'asked' : 'ignored',
  }
}

/** Every kubeconfig to every API server that its server address may lead to. */
export function* clientsToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const client of fleet.clients) {
    const target = parseHost(client.server)
    const servers = apiServersAt(fleet, client.node, client.server)
    for (const server of servers.length > 0 ? servers : [undefined])
      yield clientEdge(client, server, target)
  }
}

/** Without a server: of the one that the kubeconfig leads to nothing was given. */
function clientEdge(
  client: ApiClient,
  server: ApiServer | undefined,
  target: ReturnType<typeof parseHost>,
): EdgeDraft {
  const broken = kubeconfigProblem(client)
  const name = client.serverName ?? target?.host
  const { role } = client
  const isComponent = role !== 'admin' && role !== 'super-admin' && role !== 'user'
  const place = { node: client.file.node, path: client.file.path }
  const plain = { code: 'plain-http', message: `the server address ${client.server} is not https` }
  // An address without a scheme is taken for http, and what the kubeconfig says of TLS is passed over.
  const isPlain = target && !/^https:/i.test(client.server.trim())
  const problem = broken ?? (isPlain ? { ...plain, ...place } : undefined)
  const unseen = unseenFile(client.file, 'kubeconfig')
  return {
    from: client.id,
    to: server?.id ?? `kube-apiserver/${target?.host ?? 'unknown'}`,
    url: target ? urlOf(target.host, target.port) : client.server,
    client: {
      ...(isComponent && { runs: { node: client.node.name, name: role } }),
      ...(problem && { problem }),
      ...(unseen && { unseen }),
      ...(client.credential && { credential: client.credential }),
      label: 'client',
      trust: client.trust,
      told: place,
      ...(name !== undefined && { name }),
    },
    server: server ? apiSide(server) : { serving: 'unseen', certificate: 'asked' },
    receive: isAnonymous(client, server) ? () => anonymously(client, server) : receiveByApi(client),
  }
}

/** Nothing in the kubeconfig makes the API server see anybody. */
function isAnonymous({ kubeconfig, credential }: ApiClient, server?: ApiServer): boolean {
  const user = kubeconfig?.user
  if (!user || (credential && (!server || server.clientCa))) return false
  const { token, tokenFile, exec, authProvider, basicAuth } = user
  return [token, tokenFile, exec, authProvider].every((one) => one === undefined) && !basicAuth
}

function anonymously(
  { file: { node, path } }: ApiClient,
  server: ApiServer | undefined,
): Reception {
  if (!server || server.clientCa) {
    const message = 'the kubeconfig holds neither a client certificate nor a token (401)'
    return { kind: 'refused', message, by: { node, path } }
  }
  const message = 'the API server has no --client-ca-file and sees nobody behind certificates (401)'
  const by = placeOfLaunch(server)
  return { kind: 'refused', message, ...(by && { by }) }
}

/** Why a kubeconfig is of no use to client-go; undefined as well where nobody can tell. */
export function kubeconfigProblem({ file, kubeconfig }: ApiClient): Refusal | undefined {
  const gone = absence(file, 'kubeconfig')
  if (gone || file.state === 'unknown') return gone
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
  const { cluster } = fleet.evidence
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
export function podTrust(
  fleet: Fleet,
  server: ApiServer,
): (Sight & { readonly trust: TrustAnchors }) | undefined {
  const managers = [server.node, ...fleet.evidence.nodes].flatMap((node) =>
    node.launches
      .filter(({ component }) => component === 'kube-controller-manager')
      .map((launch) => ({ node, launch })),
  )
  const [first] = managers
  const own = first && trustOf(first.node, first.launch, 'root-ca')
  const isManager = ({ role, kubeconfig }: ApiClient) =>
    role === 'kube-controller-manager' && kubeconfig !== undefined
  const trust = own ?? fleet.clients.find(isManager)?.trust
  return trust && { trust, ...(first && sightOf(first.node, first.launch)) }
}

/** Pods with a service account to each API server by the service's address and names. */
export function* podsToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const server of fleet.apiServers) {
    const bundle = podTrust(fleet, server)
    if (!bundle) continue
    for (const name of serviceNames(fleet, server))
      yield {
        from: 'pods/cluster',
        to: server.id,
        url: urlOf(name, 443),
        client: { label: 'pod', ...bundle, name },
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
export function* probesToComponents({ evidence }: Fleet): Iterable<EdgeDraft> {
  for (const node of evidence.nodes)
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
        ...sightOf(server.node, server.launch),
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

/** `kubeadm join` of each node that has a JoinConfiguration: cluster-info by CA pin, then the API server. */
export function* joinToApi(fleet: Fleet): Iterable<EdgeDraft> {
  const trust = clusterInfoTrust(fleet)
  if (!trust) return
  for (const node of fleet.evidence.nodes)
    for (const { kind, value, path } of node.kubeadm) {
      const discovery = at(value, 'discovery', 'bootstrapToken')
      const endpoint = filled(at(discovery, 'apiServerEndpoint'))
      if (kind !== 'JoinConfiguration' || endpoint === undefined) continue
      const target = parseHost(endpoint, 6443)
      const pins = textsOf(at(discovery, 'caCertHashes'))
      const unsafe = at(discovery, 'unsafeSkipCAVerification') === true
      const problem = unsafe ? undefined : pinProblem(trust, pins, node, path)
      for (const server of apiServersAt(fleet, node, endpoint))
        yield {
          from: `kubeadm-join/${node.name}`,
          to: server.id,
          url: target ? urlOf(target.host, target.port) : endpoint,
          client: {
            label: 'join',
            trust,
            ...(problem && { problem }),
            ...(target && { name: target.host }),
          },
          server: { ...apiSide(server), certificate: 'ignored' },
          receive: () => WELCOME,
        }
    }
}

// kubeadm copies the CA of admin.conf into cluster-info.
function clusterInfoTrust({ clients }: Fleet): TrustAnchors | undefined {
  const admins = clients.filter(({ role, trust }) => role === 'admin' && trust.kind === 'file')
  return (admins.find(({ node }) => node.kind === 'node') ?? admins[0])?.trust
}

function pinProblem(
  trust: TrustAnchors,
  pins: readonly string[],
  node: NodeEvidence,
  path: string,
): Refusal | undefined {
  if (trust.kind !== 'file') return undefined
  const have = (trust.file.pem?.certificates ?? []).flatMap(({ pin }) => (pin ? [pin] : []))
  const wanted = pins.map((pin) => pin.toLowerCase())
  if (have.length === 0 || have.some((pin) => wanted.includes(pin))) return undefined
  const place = { node: node.name, path }
  if (pins.length === 0)
    return {
      code: 'pin',
      message: 'caCertHashes is empty and the CA is not to be trusted blindly',
      ...place,
    }
  const message = `caCertHashes pins another CA than ${named(trust.file)} (${have[0]})`
  return { code: 'pin', message, ...place }
}

/** Service-account tokens: whoever signs them, each API server must be able to check them. */
export function* tokensToApi(fleet: Fleet): Iterable<EdgeDraft> {
  for (const { from, file, sight } of signers(fleet))
    for (const server of fleet.apiServers) {
      const verdict = tokenVerdict(file, server)
      // A key that can't be read stops its component, which says so.
      if (!verdict) continue
      yield {
        from,
        to: server.id,
        url: urlOf(server.node.addresses[0] ?? server.node.name, server.port),
        client: {
          ...sight,
          label: 'token',
          trust: { kind: 'nothing-checked' },
          ...verdict,
        },
        server: {
          ...sightOf(server.node, server.launch),
          runs: { node: server.node.name, name: 'kube-apiserver' },
          // Tokens are judged by keys, not by TLS.
          serving: 'plain-http',
          certificate: 'ignored',
        },
        receive: () => WELCOME,
      }
    }
}

function signers({ evidence }: Fleet) {
  return evidence.nodes.flatMap((node) =>
    node.launches.flatMap((launch) => {
      const file = tokenSigner(node, launch)
      return file
        ? [
            {
              from: `tokens-of-${launch.component}/${node.name}`,
              file,
              sight: sightOf(node, launch),
            },
          ]
        : []
    }),
  )
}

/** Whether an API server takes tokens of a key; undefined where there is no key to tell by. */
function tokenVerdict(
  signer: NamedFile,
  server: ApiServer,
): Pick<EdgeDraft['client'], 'problem' | 'unseen'> | undefined {
  const key = privateKeyOf(signer.pem)?.keyId
  const files = tokenVerifiers(server.node, server.launch)
  const keys = files.flatMap(({ pem }) => acceptedKeys(pem))
  if (key !== undefined && keys.includes(key)) return {}
  for (const file of [signer, ...files]) {
    const unseen = unseenFile(file, 'service-account key')
    if (unseen) return { unseen }
  }
  if (key === undefined || keys.length === 0) return undefined
  const list = files.map(named).join(', ')
  const place = files[0] ? { node: files[0].node, path: files[0].path } : {}
  const message = `service-account tokens signed with ${named(signer)} do not verify with ${list}`
  const suspects = [{ node: signer.node, path: signer.path }]
  return { problem: { code: 'token-key', message, ...place, suspects } }
}

/** Keys by which an API server checks tokens: public ones, private ones, and those of certificates. */
export function acceptedKeys(pem: NamedFile['pem']): readonly string[] {
  return (pem?.blocks ?? []).flatMap(({ key, certificate }) => {
    const id = key?.keyId ?? certificate?.keyId
    return id === undefined ? [] : [id]
  })
}

/** A kubelet as the other end. */
export function kubeletSide(server: KubeletServer): EdgeDraft['server'] {
  const { node, serving, clientCa } = server
  return {
    ...kubeletSight(server),
    runs: { node: node.name, name: 'kubelet' },
    serving,
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
          ...sightOf(server.node, server.launch),
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
