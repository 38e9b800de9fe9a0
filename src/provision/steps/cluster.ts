import { textAt } from '../../files/tree.js'
import { loadYamlAll } from '../../files/yaml/yaml.js'
import { bindingOf } from '../../manifests/rbac.js'
import type { Action } from '../action.js'
import { ADMIN_CONF, type AppliedDocument, joinsByKubeadm, type StepContext } from '../context.js'
import { secret } from '../run/remote.js'
import { clusterMark } from './kubeadm.js'

/** Shell functions for scripts that talk to the API server; `$f` is a private file. */
export const KUBECTL = `k() { kubectl --kubeconfig "\${conf:-${ADMIN_CONF}}" --request-timeout=60s "$@"; }
applied() { mkdir -p /var/lib/kpki/applied && printf '%s' "$2" >"/var/lib/kpki/applied/$1"; }
umask 077; f=$(mktemp /run/kpki/apply.XXXXXX) || exit 1; trap 'rm -f "$f"' EXIT
`

// $1 name, $2 hash to remember; the document is on standard input.
export const APPLY = `${KUBECTL}cat >"$f"; k apply -f "$f" && applied "$1" "$2"`
export const APPLY_ADMIN = `conf=$3; [ -f "$conf" ] || conf=${ADMIN_CONF}\n${APPLY}`
const APPLY_URL = `${KUBECTL}/usr/lib/apt/apt-helper download-file "$3" "$f" \${4:+"SHA256:$4"} >&2 && k apply -f "$f" && applied "$1" "$2"`

export const minute = 60_000

/** Something done through the API counts as done when its hash is remembered. */
export function remembered({ facts }: StepContext, name: string, hash: string): boolean {
  return facts.applied.get(name) === hash
}

export function hashOf({ digest }: StepContext, text: string): string {
  return digest('sha256', new TextEncoder().encode(text))
}

export function applyDocument(context: StepContext, document: AppliedDocument): readonly Action[] {
  const text = document.text?.reveal()
  const hash = hashOf(context, text ?? `${document.url} ${document.sha256 ?? ''}`)
  const name = `manifest-${hashOf(context, document.name).slice(0, 12)}`
  if (remembered(context, name, hash)) return []
  const common = { kind: 'run', id: `apply-${document.name}`, timeoutMs: 2 * minute } as const
  const about = `apply ${document.name}`
  return text === undefined
    ? [
        {
          ...common,
          about,
          script: APPLY_URL,
          args: [name, hash, document.url ?? '', document.sha256 ?? ''],
        },
      ]
    : [{ ...common, about, script: APPLY, args: [name, hash], stdin: secret(text) }]
}

/** Step 6: bindings that the release's certificates rely on, then the user's namespaces and manifests. */
export function bindingActions(context: StepContext): readonly Action[] {
  const { cluster, facts } = context
  const known = facts.values('binding')
  const actions: Action[] = []
  for (const name of cluster.release.bindings) {
    const text = JSON.stringify(bindingOf(name))
    const marker = `binding-${name.replaceAll(':', '-')}`
    if (
      known.includes(name) ||
      (known.length === 0 && remembered(context, marker, hashOf(context, text)))
    )
      continue
    actions.push({
      kind: 'run',
      id: marker,
      about: `ClusterRoleBinding ${name}`,
      script: APPLY_ADMIN,
      args: [marker, hashOf(context, text), '/etc/kubernetes/super-admin.conf'],
      timeoutMs: minute,
      stdin: secret(text),
    })
  }
  const names = facts.values('namespace')
  for (const name of cluster.provision.namespaces) {
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const marker = `namespace-${name}`
    if (
      names.length > 0 ? names.includes(name) : remembered(context, marker, hashOf(context, text))
    )
      continue
    actions.push({
      kind: 'run',
      id: marker,
      about: `namespace ${name}`,
      script: APPLY,
      args: [marker, hashOf(context, text)],
      timeoutMs: minute,
      stdin: secret(text),
    })
  }
  return [...actions, ...context.manifests.flatMap((each) => applyDocument(context, each))]
}

/** The bootstrap token that a node's kubeadm.yaml joins with. */
export function tokenOf(context: Pick<StepContext, 'tree'>): string | undefined {
  const text = textAt(context.tree, 'etc/kubernetes/kubeadm.yaml')
  for (const document of text === undefined ? [] : loadYamlAll(text)) {
    const { discovery, bootstrapTokens } = (document ?? {}) as JoinFields
    const token = discovery?.bootstrapToken?.token ?? bootstrapTokens?.[0]?.token
    if (typeof token === 'string') return token
  }
  return undefined
}

interface JoinFields {
  readonly discovery?: { readonly bootstrapToken?: { readonly token?: unknown } }
  readonly bootstrapTokens?: readonly { readonly token?: unknown }[]
}

/** A token lives a day: where a node still has to join, it must be there. */
export function tokenActions(context: StepContext): readonly Action[] {
  const { cluster, facts, peers, trees } = context
  const mark = clusterMark(context)
  const waiting = cluster.nodes.filter((node) => {
    const peer = peers.get(node.name)
    if (!joinsByKubeadm(cluster, node) || !peer) return false
    const done = peer.values('marker').includes(`join ${mark}`)
    return !done && peer.value('clientCertificate') !== 'yes'
  })
  const [first] = waiting
  const token = first && tokenOf({ tree: trees.get(first.name) ?? new Map() })
  if (!token) return []
  const [id = '', part = ''] = token.split('.')
  const name = `bootstrap-token-${id}`
  // Without any answer about tokens (a fresh host, or no API server yet) kubeadm init makes it.
  const known = facts.values('token')
  if (known.length === 0 || known.some((line) => line.startsWith(`${name}\t`))) return []
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': part,
      description: 'made by kpki to join nodes',
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  }
  const script = `${KUBECTL}sed "s/@EXPIRATION@/$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)/" >"$f"; k apply -f "$f"`
  const text = JSON.stringify({
    ...object,
    stringData: { ...object.stringData, expiration: '@EXPIRATION@' },
  })
  return [
    {
      kind: 'run',
      id: 'token',
      about: `bootstrap token ${id} for two hours, ${waiting.length} nodes wait for it`,
      script,
      args: [],
      timeoutMs: minute,
      stdin: secret(text),
    },
  ]
}

const LABEL = `${KUBECTL}kind=$1 node=$2 name=$3 hash=$4; shift 4
i=0; until k get node "$node" >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 90 ] || { echo "node $node is not registered" >&2; exit 1; }; sleep 1; done
k "$kind" node "$node" --overwrite "$@" && applied "$name" "$hash"`

export function labelActions(context: StepContext): readonly Action[] {
  const { cluster, facts } = context
  return cluster.nodes.flatMap((node) => {
    const status = facts.nodes.get(node.name)
    const change = (
      kind: 'label' | 'taint',
      words: readonly string[],
      missing: boolean,
    ): Action[] => {
      const [name, hash] = [`${kind}-${node.name}`, hashOf(context, words.join(' '))]
      const done = status ? !missing : remembered(context, name, hash)
      if (words.length === 0 || done) return []
      return [
        {
          kind: 'run',
          id: name,
          about: `${kind} ${node.name}: ${words.join(' ')}`,
          script: LABEL,
          args: [kind, node.name, name, hash, ...words],
          timeoutMs: 2 * minute,
        },
      ]
    }
    const labels = Object.entries(node.labels)
    const taints = node.taints ?? []
    return [
      ...change(
        'label',
        labels.map(([key, value]) => `${key}=${value}`),
        labels.some(([key, value]) => status?.labels[key] !== value),
      ),
      ...change(
        'taint',
        taints.map(({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`),
        taints.some(
          (taint) =>
            !status?.taints.some(({ key, effect }) => key === taint.key && effect === taint.effect),
        ),
      ),
    ]
  })
}
