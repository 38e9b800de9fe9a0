import { hostOf } from '../../values/hosts.js'
import { groupBy } from '../../values/lists.js'
import { edgeKind } from '../graph/graph.js'
import type { Evidence, Place } from '../read/evidence.js'
import { lostFolder } from '../read/paths.js'
import type { Connection, FindingDraft, Level, Rule, RuleContext, Severity } from '../types.js'
import { ADD_NAMES, byOwner, RECONCILE, REISSUE, RENEW, remarked, SEPARATE } from './remedies.js'
import { type RuleWords, rule } from './rule.js'

const PKI = 'https://kubernetes.io/docs/setup/best-practices/certificates/'
const AGGREGATION =
  'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ (kubernetes/kubernetes#119267)'

const ruleBy =
  (check: (id: string) => Rule['check']) =>
  (code: string, id: string, level: Level, severity: Severity, words: RuleWords): Rule =>
    rule(code, id, level, severity, { ...words, check: check(id) })
/** Connections that must succeed and fail, reported under this rule. */
const fails = ruleBy(broken)
/** Connections that must fail and succeed. */
const opens = ruleBy(hole)

/** What the trust graph and the components show, as rules. */
export const CONNECTION_RULES: readonly Rule[] = [
  rule('X01', 'component-down', 'C', 'error', {
    title: 'a component does not start from its files',
    citation: PKI,
    why: 'A static pod whose flag names a missing file, or whose key does not fit its certificate, ends and is started again for ever.',
    fix: RECONCILE,
    check: down,
  }),
  fails('X02', 'connection-name', 'C', 'error', {
    title: 'a server certificate lacks the name it is called by',
    citation: 'RFC 6125; Go 1.15 release notes (common names are ignored)',
    why: 'Every client that uses that name or address refuses the connection.',
    fix: ADD_NAMES,
  }),
  fails('X03', 'connection-expired', 'C', 'error', {
    title: 'a connection fails for a certificate out of its time',
    citation: 'RFC 5280 §4.1.2.5',
    why: 'Both sides of a TLS connection refuse a certificate before its first and after its last second.',
    fix: RENEW,
  }),
  fails('X04', 'connection-untrusted', 'C', 'error', {
    title: 'a certificate does not chain to what the other side trusts',
    citation: 'RFC 5280 §6.1; Go crypto/x509',
    why: 'The connection ends with "x509: certificate signed by unknown authority".',
    fix: RECONCILE,
  }),
  fails('X05', 'connection-usage', 'C', 'error', {
    title: 'a certificate is not for the use it is put to',
    citation: 'RFC 5280 §4.2.1.12',
    why: 'Go refuses a server certificate without serverAuth and a client certificate without clientAuth.',
    fix: RECONCILE,
  }),
  fails('X06', 'connection-credential', 'C', 'error', {
    title: 'a client has no usable certificate and key',
    citation: 'Go crypto/tls X509KeyPair',
    why: 'A pair that does not fit, or a file that is not there, stops the client before it connects.',
    fix: RECONCILE,
  }),
  fails('X07', 'connection-identity', 'C', 'error', {
    title: 'a client is authenticated as somebody else and refused',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/node/',
    why: 'The user is the certificate’s CN and the groups are its O values; another name has other rights, usually none.',
    fix: RECONCILE,
  }),
  fails('X08', 'connection-pin', 'C', 'error', {
    title: 'kubeadm join pins another CA',
    citation: 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/',
    why: 'The joining node refuses the cluster.',
    fix: byOwner({
      kpki: remarked(REISSUE, 'writes the pin of the present authority into every kubeadm.yaml'),
      others: 'give kubeadm join the present pin: kubeadm token create --print-join-command',
    }),
  }),
  fails('X09', 'connection-token-key', 'C', 'error', {
    title: 'service-account tokens do not verify',
    citation: 'CIS 1.2.21, 1.2.22, 1.3.4',
    why: 'Every pod’s requests end with 401, on this API server or on all of them.',
    fix: 'copy the same sa.key and sa.pub to every control plane',
  }),
  rule('X10', 'component-too-privileged', 'C', 'error', {
    title: 'a component logs in as an administrator',
    citation: 'kubernetes/kubeadm#589, #2354',
    why: 'Whoever reads that component’s kubeconfig owns the cluster.',
    fix: RECONCILE,
    check: tooMuch,
  }),
  opens('X11', 'etcd-admits-api-clients', 'C', 'error', {
    title: 'etcd lets in certificates that were made for the API',
    citation: 'CIS 2.7; kubernetes/kubeadm#710',
    why: 'etcd asks for no name: whatever its trust file accepts reads and writes every Secret, past all RBAC.',
    fix: SEPARATE,
  }),
  opens('X12', 'etcd-open', 'C', 'error', {
    title: 'etcd asks for no client certificate',
    citation: 'CIS 2.1 to 2.6',
    why: 'Whoever reaches the port reads and writes every Secret.',
    fix: 'give etcd --client-cert-auth=true with --trusted-ca-file, and the same with peer-',
  }),
  opens('X13', 'etcd-certificate-is-api-user', 'C', 'error', {
    title: 'a certificate that was made for etcd logs in at the API server',
    citation: 'CIS 2.7',
    why: 'Up to kubeadm 1.28 etcd’s clients carry O=system:masters: with a shared CA they are cluster administrators.',
    fix: SEPARATE,
  }),
  opens('X14', 'front-proxy-is-api-user', 'C', 'error', {
    title: 'the front proxy’s certificate is a user of its own',
    citation: AGGREGATION,
    why: 'It should be believed about others and be nobody itself.',
    fix: SEPARATE,
  }),
  opens('X15', 'front-proxy-impersonation', 'C', 'error', {
    title: 'a client certificate may pose as the front proxy',
    citation: AGGREGATION,
    why: 'Identity headers are believed from whoever shows a certificate of the request-header CA with an allowed name.',
    fix: SEPARATE,
  }),
  opens('X16', 'kubelet-is-another', 'C', 'error', {
    title: 'a kubelet holds the identity of another node',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/node/',
    why: 'It reads the Secrets of the other node’s pods and overwrites its status.',
    fix: RECONCILE,
  }),
  opens('X17', 'kubelet-open', 'C', 'error', {
    title: 'a kubelet authorises whoever asks',
    citation: 'CIS 4.2.1, 4.2.2',
    why: 'Exec into any pod of the node, with its service account.',
    fix: byOwner({
      microk8s:
        'add --anonymous-auth=false and --authorization-mode=Webhook to /var/snap/microk8s/current/args/kubelet, then snap restart microk8s',
      others:
        'set authentication.anonymous.enabled: false and authorization.mode: Webhook in the kubelet’s configuration',
    }),
  }),
  opens('X18', 'api-server-open', 'C', 'error', {
    title: 'the API server authorises whoever asks',
    citation: 'CIS 1.2.7',
    why: 'Anonymous requests may do everything.',
    fix: 'set --authorization-mode=Node,RBAC',
  }),
  opens('X21', 'kubelet-beyond-its-node', 'H', 'error', {
    title: 'a kubelet changes other nodes',
    citation:
      'CIS 1.2.14; https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction',
    why: 'Whoever breaks into one node draws the pods of others to it, with their Secrets.',
    fix: '--enable-admission-plugins=NodeRestriction',
  }),
  opens('X19', 'foreign-ca-trusted', 'M', 'warning', {
    title: 'a door trusts a CA that signed none of its clients',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'Whoever holds that CA’s key makes clients for this door; right only while a rotation is under way.',
    fix: 'take it out of the trust file when the rotation is over',
  }),
  rule('X20', 'connection-openssl', 'M', 'warning', {
    title: 'programs with OpenSSL cannot verify what Go programs can',
    citation: 'OpenSSL X509_V_FLAG_PARTIAL_CHAIN; RFC 5280 §4.2.1.1',
    why: 'Go accepts an intermediate as an anchor and takes key identifiers as hints; curl, Python and Node.js in pods do not.',
    fix: byOwner({
      kpki: REISSUE,
      others:
        'give the controller manager a --root-ca-file with the issuing authority and its root',
    }),
    check: onlyOpenssl,
  }),
]

/** A must-succeed connection that fails: one finding for each cause, however many connections share it. */
function broken(id: string): Rule['check'] {
  return (_evidence, { connections, suspects }) => {
    const failed = connections.filter(
      ({ must, will, rule }) => must === 'succeed' && will === 'fail' && rule === id,
    )
    const causes = groupBy(failed, ({ reason, node, path, to }) =>
      [path === undefined ? reason : path, node, roleOf(to)].join('\n'),
    )
    return [...causes].map(([, group]) => causeOf(group, suspects))
  }
}

/** Files that all connections of a group have under suspicion; any of those that call a server by a wrong name. */
function sharedSuspects(
  group: readonly Connection[],
  suspects: RuleContext['suspects'],
): readonly Place[] {
  const [first = [], ...others] = group.map(({ id }) => suspects.get(id) ?? [])
  if (group[0]?.rule === 'connection-name') return [...first, ...others.flat()]
  return first.filter((one) =>
    others.every((all) => all.some(({ node, path }) => node === one.node && path === one.path)),
  )
}

function causeOf(group: readonly Connection[], suspects: RuleContext['suspects']): FindingDraft {
  const [first] = group as readonly [Connection]
  const others = group.length - 1
  const hosts = new Set(group.flatMap(({ url }) => hostOf(url) ?? []))
  hosts.delete(hostOf(first.url) ?? '')
  const names =
    first.rule === 'connection-name' && hosts.size > 0 ? ` for ${[...hosts].join(', ')}` : ''
  const more =
    others === 0 ? '' : ` (and ${others} more connection${others === 1 ? '' : 's'}${names})`
  const node =
    first.node ?? nodeOf(/\/(cluster|operator)$/.test(first.from) ? first.to : first.from)
  const severity = edgeKind(first.kind)?.severity
  return {
    node,
    ...(first.path !== undefined && { path: first.path }),
    message: `${pairText(first)} ${first.url}: ${first.reason ?? 'fails'}${more}`,
    ...(severity && { severity }),
    suspects: sharedSuspects(group, suspects),
  }
}

/** A must-fail connection that succeeds: one finding for each door. */
function hole(id: string): Rule['check'] {
  return (_evidence, { connections, suspects }) => {
    const judged = connections.filter(({ kind }) => edgeKind(kind)?.rule === id)
    if (judged.length === 0) return 'not-applicable'
    const open = judged.filter(({ will }) => will === 'succeed')
    const doors = groupBy(open, ({ to, reason, privilege, kind }) =>
      [kind === 'kubelet-as-another' ? '' : doorOf(to), reason, privilege].join('\n'),
    )
    return [...doors].map(([, group]) => openDoor(group, suspects))
  }
}

function openDoor(group: readonly Connection[], suspects: RuleContext['suspects']): FindingDraft {
  const [first] = group as readonly [Connection]
  const severity = edgeKind(first.kind)?.severity
  const from = [...new Set(group.map((one) => one.from))]
  const who =
    from.length > 4 ? `${from.slice(0, 3).join(', ')} and ${from.length - 3} more` : from.join(', ')
  const node = first.kind === 'kubelet-as-another' ? nodeOf(first.from) : nodeOf(first.to)
  const gains = first.privilege === undefined ? '' : `; it gives ${first.privilege}`
  return {
    node,
    ...(first.node === node && first.path !== undefined && { path: first.path }),
    message: `${who} → ${first.to} ${first.url}: ${first.reason ?? 'gets in'}${gains}`,
    ...(severity && { severity }),
    suspects: sharedSuspects(group, suspects),
  }
}

function nodeOf(end: string): string {
  return end.slice(end.indexOf('/') + 1)
}

function roleOf(end: string): string {
  return end.slice(0, end.indexOf('/'))
}

// Both ports of an etcd member are one door.
function doorOf(end: string): string {
  return end.replace(/^etcd-peer\//, 'etcd/')
}

function pairText({ from, to }: Connection): string {
  return nodeOf(from) === nodeOf(to) ? `${roleOf(from)} → ${roleOf(to)}` : `${from} → ${to}`
}

function down({ nodes }: Evidence, { components, suspects }: RuleContext) {
  if (components.length === 0) return 'not-applicable'
  return components
    .filter(({ starts }) => starts === false)
    .map(({ node, name, reason, path }) => {
      const home = nodes.find((one) => one.name === node)
      const folder = home && path !== undefined ? lostFolder(home, path) : undefined
      return {
        node,
        ...(path !== undefined && { path }),
        message: `${name} on ${node} does not start: ${reason ?? 'for its files'}`,
        suspects: [
          ...(folder === undefined ? [] : [{ node, path: folder }]),
          ...(suspects.get(`${name}/${node}`) ?? []),
        ],
      }
    })
}

// What fails for Go programs too is reported there.
function onlyOpenssl(evidence: Evidence, context: RuleContext) {
  const working = new Set(
    context.connections
      .filter(({ kind, will }) => kind === 'pods-apiserver' && will === 'succeed')
      .map(({ to, url }) => `${to} ${url}`),
  )
  const connections = context.connections.filter(
    ({ kind, to, url }) => kind !== 'pods-openssl' || working.has(`${to} ${url}`),
  )
  return broken('connection-openssl')(evidence, { ...context, connections })
}

function tooMuch(_evidence: Evidence, { connections }: RuleContext) {
  const rule = 'component-too-privileged'
  const found = groupBy(
    connections.filter((one) => one.rule === rule),
    ({ from, reason }) => `${from}\n${reason}`,
  )
  return [...found].map(([, [first]]) => ({
    ...(first?.node !== undefined && { node: first.node }),
    ...(first?.path !== undefined && { path: first.path }),
    message: `${first?.from} ${first?.reason}; that is ${first?.privilege}`,
  }))
}
