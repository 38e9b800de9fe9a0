import { authorityFiles, KUBERNETES_DIR } from '../../certs/paths.js'
import { fileAt } from '../../files/tree.js'
import type { Action } from '../action.js'
import { ADMIN_CONF, joinsByKubeadm, type StepContext } from '../context.js'

const config = `/${KUBERNETES_DIR}/kubeadm.yaml`

// A marker in the kubelet's folder goes with it: `kubeadm reset` empties that folder.
const MARK = `mkdir -p /var/lib/kubelet && printf '%s' "$mark" >"/var/lib/kubelet/kpki-$kind"`

// Where nobody joins by token, the one that init makes by default goes: in a new cluster it is the only one.
const TOKENS = `if [ "$4" = files ]; then
  t=$(kubectl --kubeconfig ${ADMIN_CONF} -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o name) || exit
  [ -z "$t" ] || kubectl --kubeconfig ${ADMIN_CONF} -n kube-system delete $t || exit
fi`

// $1 marker, $2 phases to skip, $3 preflight names, $4 how nodes join.
const INIT = `mark=$1 kind=init
timeout 600 kubeadm init --config ${config} --skip-token-print "--skip-phases=$2" \${3:+"--ignore-preflight-errors=$3"} || exit
${TOKENS}
${MARK}`

const PHASES = `mark=$1 kind=init; set -e
c="--config ${config}"
timeout 120 kubeadm init phase preflight $c \${3:+"--ignore-preflight-errors=$3"}
timeout 120 kubeadm init phase kubelet-start $c
i=0; until kubectl --kubeconfig ${ADMIN_CONF} --request-timeout=5s get --raw /readyz >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 240 ] || { echo "error: the API server is not ready after 4 minutes" >&2; exit 1; }; sleep 1; done
timeout 120 kubeadm init phase upload-config all $c
timeout 120 kubeadm init phase mark-control-plane $c
timeout 120 kubeadm init phase bootstrap-token $c --skip-token-print
timeout 120 kubeadm init phase kubelet-finalize all $c
timeout 120 kubeadm init phase addon all $c
${TOKENS}
${MARK}`

const JOIN = `mark=$1 kind=join
timeout 600 kubeadm join --config ${config} \${2:+"--skip-phases=$2"} \${3:+"--ignore-preflight-errors=$3"} || exit
${MARK}`

const START = `mark=$1 kind=join; set -e
systemctl enable kubelet >/dev/null 2>&1; systemctl restart kubelet
i=0; until curl -fsS --max-time 3 http://127.0.0.1:10248/healthz >/dev/null 2>&1 || { ! command -v curl >/dev/null && systemctl is-active -q kubelet; }; do i=$((i+1)); [ $i -lt 90 ] || { echo "error: the kubelet is not healthy" >&2; exit 1; }; sleep 1; done
${MARK}`

const READY = `timeout 15 kubectl --kubeconfig ${ADMIN_CONF} --request-timeout=8s get --raw /readyz >/dev/null`

/** Phases whose results the push has placed. */
const pushedPhases = ['certs', 'kubeconfig', 'control-plane', 'etcd']

/** Ties "done" to this cluster: the SHA-256 of its CA's file. */
export function clusterMark({ cluster, tree, digest }: StepContext): string {
  const ca = fileAt(tree, authorityFiles(cluster, 'ca').certificate)
  return ca ? digest('sha256', ca.data) : ''
}

const marked = (context: StepContext, kind: 'init' | 'join') =>
  context.facts.values('marker').includes(`${kind} ${clusterMark(context)}`)

export function initialised(context: StepContext): boolean {
  const { facts, node } = context
  const maps = facts.values('configMap')
  const known = maps.includes('kubeadm-config') && maps.includes('kubelet-config')
  const label = 'node-role.kubernetes.io/control-plane'
  const member = facts.nodes.get(node.name)?.labels[label] !== undefined
  return marked(context, 'init') || (known && maps.includes('coredns') && member)
}

export function initActions(context: StepContext): readonly Action[] {
  const { cluster, facts, options } = context
  const ready: Action = {
    kind: 'probe',
    id: 'api',
    about: 'the API server is ready',
    script: READY,
    args: [],
    timeoutMs: 300_000,
  }
  if (initialised(context)) return facts.value('api') === 'ready' ? [] : [ready]
  const skip = cluster.release.initPhases.filter((phase) => pushedPhases.includes(phase))
  const ignore = [...manifestNames(context), ...leftNames(context)]
  return [
    {
      kind: 'job',
      id: 'init',
      about: `kubeadm init takes over the pushed files${options.method === 'phases' ? ', phase by phase' : ''}`,
      script: options.method === 'phases' ? PHASES : INIT,
      args: [clusterMark(context), skip.join(','), ignore.join(','), cluster.provision.join],
      timeoutMs: 720_000,
    },
    ready,
  ]
}

export function joined(context: StepContext): boolean {
  const { facts } = context
  const running = facts.value('kubeletConf') === 'yes' && facts.value('clientCertificate') === 'yes'
  const unfinished = context.facts.value('bootstrapConf') === 'yes'
  return marked(context, 'join') || (running && !unfinished && context.node.role === 'worker')
}

export function joinActions(context: StepContext): readonly Action[] {
  const { cluster, node } = context
  if (joined(context)) return []
  const mark = clusterMark(context)
  if (!joinsByKubeadm(cluster, node))
    return [
      {
        kind: 'job',
        id: 'start',
        about: 'the kubelet starts with its own identity',
        script: START,
        args: [mark],
        timeoutMs: 180_000,
      },
    ]
  const skip = node.role === 'control-plane' ? ['control-plane-prepare'] : []
  const ignore = [...pushedNames(context), ...leftNames(context)]
  return [
    {
      kind: 'job',
      id: 'join',
      about: `kubeadm join as ${node.role}`,
      script: JOIN,
      args: [mark, skip.join(','), ignore.join(',')],
      timeoutMs: 720_000,
    },
  ]
}

const fileName = (path: string) => `FileAvailable--${path.replaceAll('/', '-')}`

function manifestNames({ tree }: StepContext): readonly string[] {
  const folder = `${KUBERNETES_DIR}/manifests/`
  return [...tree.keys()].filter((path) => path.startsWith(folder)).map(fileName)
}

/** Exactly the files of the push that join looks for. */
function pushedNames(context: StepContext): readonly string[] {
  const { cluster, node, tree } = context
  if (node.role === 'control-plane') return manifestNames(context)
  const { certificate } = authorityFiles(cluster, 'ca')
  return tree.has(certificate) ? [fileName(certificate)] : []
}

const ours = /^(kubelet|kube-apiserver|kube-controller|kube-scheduler|etcd)/

/** What an interrupted run of kubeadm has left, and only that. */
function leftNames({ facts, node }: StepContext): readonly string[] {
  const ports = facts
    .values('port')
    .map((line) => line.split(' '))
    .filter(([, process = '']) => ours.test(process))
  const planes = node.role === 'control-plane'
  const relevant = planes ? [node.bindPort, 10259, 10257, 10250, 2379, 2380] : [10250]
  // Once begun (and perhaps rebooted), the kubelet may bring up any of them at any moment.
  const begun =
    ports.some(([port]) => relevant.includes(Number(port))) || facts.value('etcdData') === 'yes'
  return [
    ...(begun ? relevant.map((port) => `Port-${port}`) : []),
    ...(planes && begun ? ['DirAvailable--var-lib-etcd'] : []),
    ...(!node.initial && facts.value('bootstrapConf') === 'yes'
      ? [fileName(`${KUBERNETES_DIR}/bootstrap-kubelet.conf`)]
      : []),
    ...(!node.initial && facts.value('kubeletConf') === 'yes'
      ? [fileName(`${KUBERNETES_DIR}/kubelet.conf`)]
      : []),
  ]
}
