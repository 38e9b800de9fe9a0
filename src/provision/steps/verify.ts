import { firstBlock } from '../../ca/pem.js'
import { filesOf } from '../../certs/paths.js'
import { fileAt } from '../../files/tree.js'
import type { Action } from '../action.js'
import { ADMIN_CONF, type StepContext } from '../context.js'

const K = `k() { timeout 20 kubectl --kubeconfig ${ADMIN_CONF} --request-timeout=10s "$@" </dev/null; }\n`

// $1 `any` also takes a node that waits for nothing but the network.
const NODES = `${K}how=$1; shift
k get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.status.conditions[?(@.type=="Ready")].status}{"\\t"}{.status.conditions[?(@.type=="Ready")].message}{"\\n"}{end}' >/run/kpki/nodes || exit 1
bad=
for n in "$@"; do
  l=$(awk -F '\\t' -v n="$n" '$1==n' /run/kpki/nodes)
  case $l in '') bad="$bad; $n is not registered";; "$n	True"*) ;;
  *) case "$how $l" in any*'network plugin'*|any*'cni plugin'*|any*NetworkPluginNotReady*) ;; *) bad="$bad; $n is not Ready: $(printf %s "$l" | cut -f3 | head -c 200)";; esac;; esac
done
[ -z "$bad" ] || { echo "\${bad#; }" >&2; exit 1; }`

const PODS = `${K}bad=$(k -n kube-system get pods -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.hostNetwork}{" "}{.status.phase}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}' | awk -v how="$1" 'NF{seen=1} how=="any"&&$2!="true"{next} $3=="Succeeded"||$2=="Succeeded"{next} $NF!="True"{print $1}END{if(!seen) print "no pod at all"}')
[ -z "$bad" ] || { echo "not ready in kube-system: $(echo $bad)" >&2; exit 1; }`

const KUBELETS = `${K}for n in "$@"; do [ "$(k get --raw "/api/v1/nodes/$n/proxy/healthz")" = ok ] || { echo "the kubelet of $n does not answer the API server" >&2; exit 1; }; done`

const EXEC = `${K}for n in "$@"; do
  p=$(k -n kube-system get pods -l k8s-app=kube-proxy --field-selector "spec.nodeName=$n,status.phase=Running" -o name | head -n 1); c=kube-proxy
  [ -n "$p" ] || { echo "no kube-proxy on $n to try logs and exec on: skipped"; continue; }
  k -n kube-system logs "$p" --tail=1 >/dev/null || { echo "kubectl logs of $p on $n fails" >&2; exit 1; }
  k -n kube-system exec "$p" -- $c --version >/dev/null || { echo "kubectl exec in $p on $n fails" >&2; exit 1; }
done`

// A hand-made query: hosts have no DNS tool in common. dd makes one datagram of it. $1 the name's labels as octal escapes.
const DNS = `${K}ip=$(k -n kube-system get service kube-dns -o 'jsonpath={.spec.clusterIP}'); [ -n "$ip" ] || { echo "there is no service kube-dns" >&2; exit 1; }
timeout 5 bash -c 'exec 3<>/dev/udp/$1/53; printf "\\022\\064\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000$2\\000\\000\\001\\000\\001" | dd bs=512 count=1 iflag=fullblock >&3 2>/dev/null; dd bs=512 count=1 <&3 2>/dev/null | od -An -tu1 -N8' dns "$ip" "$1" | awk '{ok=($4%16==0&&$7*256+$8>0)}END{exit !ok}' || { echo "the cluster DNS ($ip) does not answer" >&2; exit 1; }`

const SERVED = `for x in "$@"; do
  at=\${x%%=*}; rest=\${x#*=}; want=\${rest%%=*}; what=\${rest#*=}
  got=$(timeout 8 openssl s_client -connect "$at" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 2>/dev/null | sed 's/.*=//; s/://g' | tr A-F a-f)
  [ "$got" = "$want" ] || { echo "$at does not serve $what\${got:+ but another certificate}" >&2; exit 1; }
done`

const minutes = 60_000

/** On every host: running processes serve the certificates that were pushed. */
export function servedActions(context: StepContext): readonly Action[] {
  const { cluster, node, tree, digest } = context
  const served: (readonly [address: string, path: string])[] = [
    ['127.0.0.1:10250', filesOf(cluster, { kind: 'kubelet' }).certificate],
  ]
  if (node.role === 'control-plane') {
    const [address = ''] = node.addresses
    const host = address.includes(':') ? `[${address}]` : address
    const pki = (base: string) => filesOf(cluster, { kind: 'pki', base }).certificate
    served.push([`${host}:${node.bindPort}`, pki('apiserver')])
    if (cluster.etcd.kind === 'local') served.push(['127.0.0.1:2379', pki('etcd/server')])
  }
  const args = served.flatMap(([address, path]) => {
    const entry = fileAt(tree, path)
    if (!entry) return []
    const hash = digest('sha256', firstBlock(entry.data, 'CERTIFICATE').der)
    return [`${address}=${hash}=${path}`]
  })
  if (args.length === 0) return []
  return [probe('served', 'processes serve the pushed certificates', SERVED, args, 2 * minutes)]
}

/** Step 10. Without a pod network, what needs one is left out. */
export function verifyActions(context: StepContext): readonly Action[] {
  const { cluster } = context
  const network = cluster.provision.cni.type !== 'none'
  const names = cluster.nodes.map((node) => node.name)
  const how = network ? 'ready' : 'any'
  const registered = network ? 'every node is Ready' : 'every node is registered'
  return [
    probe('nodes', registered, NODES, [how, ...names], 8 * minutes),
    probe('kubelets', 'every kubelet answers the API server', KUBELETS, names, 2 * minutes),
    probe('pods', 'the pods of kube-system run', PODS, [how], 8 * minutes),
    probe('exec', 'kubectl logs and exec work', EXEC, names, 3 * minutes),
    ...(network
      ? [
          probe(
            'dns',
            'the cluster DNS answers',
            DNS,
            [queryName(cluster.networking.dnsDomain)],
            3 * minutes,
          ),
        ]
      : []),
  ]
}

/** What verify leaves out for this cluster. */
export function skippedByVerify({ cluster }: Pick<StepContext, 'cluster'>): readonly string[] {
  if (cluster.provision.cni.type !== 'none') return []
  return [
    'no pod network (spec.cni is none): nodes may be NotReady for that reason alone; pods on the pod network and the cluster DNS were not tried',
  ]
}

function queryName(domain: string): string {
  const labels = `kubernetes.default.svc.${domain}`.split('.').filter((label) => label !== '')
  return labels.map((label) => `\\${label.length.toString(8).padStart(3, '0')}${label}`).join('')
}

function probe(
  id: string,
  about: string,
  script: string,
  args: readonly string[],
  timeoutMs: number,
): Action {
  return { kind: 'probe', id, about, script, args, timeoutMs }
}
