import type { Action } from '../action.js'
import { ADMIN_CONF, type StepContext } from '../context.js'
import { secret } from '../run/remote.js'
import { applyDocument, hashOf, minute, remembered } from './cluster.js'

/** The command line that installs Cilium; 0.16 handles every Cilium from 1.14 on. */
const CILIUM_CLI = 'v0.16.24'

const CILIUM = `export KUBECONFIG=${ADMIN_CONF} LC_ALL=C; umask 077; set -e
name=$1 hash=$2 version=$3 cli=$4 values=/var/lib/kpki/cilium-values.json
if ! command -v cilium >/dev/null; then
  t=$(mktemp -d); a=$(dpkg --print-architecture); u=https://github.com/cilium/cilium-cli/releases/download/$cli/cilium-linux-$a.tar.gz
  /usr/lib/apt/apt-helper download-file "$u.sha256sum" "$t/sum"
  /usr/lib/apt/apt-helper download-file "$u" "$t/cilium.tar.gz" "SHA256:$(cut -d' ' -f1 "$t/sum")"
  tar -xzf "$t/cilium.tar.gz" -C "$t" cilium; install -m 755 "$t/cilium" /usr/local/bin/cilium; rm -rf "$t"
fi
if kubectl -n kube-system get daemonset cilium >/dev/null 2>&1 && [ -n "$(kubectl -n kube-system get daemonset cilium -o name)" ]; then verb=upgrade; else verb=install; fi
cilium $verb --version "$version" --values "$values"
cilium status --wait --wait-duration 10m
mkdir -p /var/lib/kpki/applied; printf '%s' "$hash" >"/var/lib/kpki/applied/$name"`

/** Step 8. The pod CIDRs always are the cluster's own. */
export function cniActions(context: StepContext): readonly Action[] {
  const { cluster } = context
  const { cni } = cluster.provision
  if (cni.type === 'none') return []
  if (cni.type === 'manifest')
    return context.cniManifest ? applyDocument(context, context.cniManifest) : []
  const values = JSON.stringify(ciliumValues(context))
  const hash = hashOf(context, `${cni.version} ${values}`)
  if (remembered(context, 'cilium', hash)) return []
  return [
    {
      kind: 'run',
      id: 'cilium-values',
      about: `values of Cilium: pods in ${cluster.networking.podSubnets.join(', ')}`,
      script: 'umask 077; mkdir -p /var/lib/kpki && cat >/var/lib/kpki/cilium-values.json',
      args: [],
      timeoutMs: minute,
      stdin: secret(values),
    },
    {
      kind: 'job',
      id: 'cilium',
      about: `Cilium ${cni.version}`,
      script: CILIUM,
      args: ['cilium', hash, cni.version, CILIUM_CLI],
      timeoutMs: 15 * minute,
    },
  ]
}

/** The user's Helm values with the pool of pod addresses laid over them. */
export function ciliumValues({ cluster }: Pick<StepContext, 'cluster'>): unknown {
  const { cni } = cluster.provision
  if (cni.type !== 'cilium') return {}
  const at = (value: unknown) => (value ?? {}) as Record<string, unknown>
  const ipam = at(cni.values.ipam)
  const four = cluster.networking.podSubnets.filter((subnet) => !subnet.includes(':'))
  const six = cluster.networking.podSubnets.filter((subnet) => subnet.includes(':'))
  return {
    ...cni.values,
    ...(six.length > 0 ? { ipv6: { ...at(cni.values.ipv6), enabled: true } } : {}),
    ipam: {
      ...ipam,
      operator: {
        ...at(ipam.operator),
        ...(four.length > 0 ? { clusterPoolIPv4PodCIDRList: four } : {}),
        ...(six.length > 0 ? { clusterPoolIPv6PodCIDRList: six } : {}),
      },
    },
  }
}
