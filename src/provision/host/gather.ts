import type { ClusterNode } from '../../cluster/cluster.js'
import type { Inputs } from '../context.js'
import { filesToPush } from '../run/push-files.js'
import { expectDone, type Remote } from '../run/remote.js'
import type { Clock } from '../ssh/transport.js'
import { repositoryOf } from '../steps/packages.js'
import { type HostFacts, parseFacts } from './facts.js'

/**
 * Reads what is true on a host and changes nothing. Arguments: `cluster` or `-`, the address of the
 * repository's key (or empty), then the paths (from the root) of the files to compare.
 * One fact a line, `name TAB value…`; file contents in base64.
 */
export const FACTS_SCRIPT = `export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
cluster=$1 key=$2; shift 2
p() { printf '%s\\t%s\\n' "$1" "$2"; }
b() { [ -f "$2" ] && printf '%s\\t%s\\n' "$1" "$(head -c 262144 "$2" | base64 -w0)"; }
have() { command -v "$1" >/dev/null 2>&1; }
echo kpki-facts-begin
p time "$(date +%s.%N)"
p uid "$(id -u)"; p user "\${SUDO_USER:-$(id -un)}"
p hostname "$(hostname)"
. /etc/os-release 2>/dev/null; p os "$ID"; p osVersion "$VERSION_ID"; p osCodename "$VERSION_CODENAME"
p architecture "$(dpkg --print-architecture 2>/dev/null || uname -m)"
p systemd "$([ -d /run/systemd/system ] && echo yes)"
p cpus "$(nproc)"
p memoryKb "$(awk '/^MemTotal/{print $2}' /proc/meminfo)"
for d in /var /etc /opt; do p disk "$d $(df -Pk $d | awk 'NR==2{print $4}') $(df -Pi $d | awk 'NR==2{print $4}')"; done
p machineId "$(cat /etc/machine-id 2>/dev/null)"
p productUuid "$(cat /sys/class/dmi/id/product_uuid 2>/dev/null)"
for i in /sys/class/net/*; do case \${i##*/} in lo|cni*|veth*|cilium*|lxc*|docker*|flannel*|cali*|kube*) ;; *) [ -e "$i/address" ] && p mac "$(cat "$i/address")";; esac; done
ip -o addr show 2>/dev/null | awk '{split($4,a,"/"); print "address\\t" a[1]}'
p cgroup "$([ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] && echo 2 || echo 1)"
awk 'NR>1{print "swap\\t" $1}' /proc/swaps 2>/dev/null
systemctl list-units --type=swap --all --plain --no-legend 2>/dev/null | awk '$2!="masked"&&$3=="active"{print "swapUnit\\t" $1}'
systemctl list-unit-files --type=swap --no-legend 2>/dev/null | awk '$2!~/^masked|^generated/{print "swapUnit\\t" $1}'
b fstab /etc/fstab; b hosts /etc/hosts; b cloudHosts /etc/cloud/cloud.cfg.d/99-kpki.cfg
p cloudInit "$([ -d /etc/cloud/cloud.cfg.d ] && echo yes)"
p overlay "$(grep -qw overlay /proc/filesystems && echo yes)"
p brNetfilter "$([ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] && echo yes)"
b modulesFile /etc/modules-load.d/kpki.conf; b sysctlFile /etc/sysctl.d/99-kpki.conf
for s in net/ipv4/ip_forward net/ipv6/conf/all/forwarding net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables; do p sysctl "$s $(cat /proc/sys/$s 2>/dev/null)"; done
p resolved "$(systemctl is-active systemd-resolved 2>/dev/null)"
p containerd "$(containerd --version 2>/dev/null | awk '{print $3}')"
p containerdActive "$(systemctl is-active containerd 2>/dev/null)"
p containerdEnabled "$(systemctl is-enabled containerd 2>/dev/null)"
p containerdSocket "$([ -S /run/containerd/containerd.sock ] && timeout 5 ctr version >/dev/null 2>&1 && echo yes)"
b containerdConfig /etc/containerd/config.toml
for f in /etc/containerd/certs.d/*/hosts.toml; do [ -f "$f" ] && b "mirror $f" "$f"; done
b crictl /etc/crictl.yaml
for n in kubelet kubeadm kubectl containerd containerd.io; do p package "$n $(dpkg-query -W -f '\${db:Status-Abbrev} \${Version}' $n 2>/dev/null)"; done
p held "$(apt-mark showhold 2>/dev/null | tr '\\n' ' ')"
p dpkgBroken "$(dpkg --audit 2>/dev/null | head -c 200 | tr '\\n\\t' '  ')"
b aptSource /etc/apt/sources.list.d/kpki-kubernetes.sources; b aptKey /etc/apt/keyrings/kpki-kubernetes.asc
p kubeletEnabled "$(systemctl is-enabled kubelet 2>/dev/null)"; p kubeletActive "$(systemctl is-active kubelet 2>/dev/null)"
have ss && ss -Hltnp 2>/dev/null | awk '{n=split($4,a,":"); u=$6; sub(/^users:\\(\\("/,"",u); sub(/".*/,"",u); print "port\\t" a[n] " " u}' | sort -u
p bootId "$(cat /proc/sys/kernel/random/boot_id)"
p clientCertificate "$([ -e /var/lib/kubelet/pki/kubelet-client-current.pem ] && echo yes)"
p bootstrapConf "$([ -e /etc/kubernetes/bootstrap-kubelet.conf ] && echo yes)"
p kubeletConf "$([ -e /etc/kubernetes/kubelet.conf ] && echo yes)"
p etcdData "$([ -d /var/lib/etcd/member ] && echo yes)"
p flags "$([ -f /var/lib/kubelet/kubeadm-flags.env ] && echo yes)"
for m in init join; do p marker "$m $(cat /var/lib/kubelet/kpki-$m 2>/dev/null)"; done
for f in /var/lib/kpki/applied/*; do [ -f "$f" ] && p applied "\${f##*/} $(head -c 64 "$f")"; done
p generation "$(cat /var/lib/kpki/generation 2>/dev/null)"
for d in /var/lib/kpki/generations/*/; do [ -d "$d" ] && [ ! -e "$d/done" ] && p unfinished "$(basename "$d")"; done
[ -f /var/lib/kpki/pushed ] && sed 's/^/pushed\\t/' /var/lib/kpki/pushed
[ -f /var/lib/kpki/journal ] && printf 'journal\\t%s\\n' "$(tail -n 1 /var/lib/kpki/journal | head -c 1000)"
if [ -n "$key" ]; then t=$(mktemp); timeout 20 /usr/lib/apt/apt-helper -o Acquire::http::Timeout=8 -o Acquire::https::Timeout=8 download-file "$key" "$t" >/dev/null 2>&1 && [ -s "$t" ] && p repository yes; rm -f "$t"; fi
for f in "$@"; do
  if [ -L "/$f" ]; then printf 'file\\t%s\\tsymlink\\n' "$f"
  elif [ -f "/$f" ]; then c=; case $f in *ca.crt) c=$(head -c 65536 "/$f" | base64 -w0);; esac
    printf 'file\\t%s\\tfile\\t%s\\t%s\\t%s\\n' "$f" "$(stat -c %a:%u:%g "/$f")" "$(sha256sum <"/$f" | cut -c1-64)" "$c"
  elif [ -e "/$f" ]; then printf 'file\\t%s\\tother\\n' "$f"; fi
done
if [ "$cluster" = cluster ]; then
  u=\${SUDO_USER:-root}; h=$(getent passwd "$u" | cut -d: -f6); p home "$h"; b kubeconfig "$h/.kube/config"
  if [ -f /etc/kubernetes/admin.conf ] && have kubectl; then
    k() { timeout 20 kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=8s "$@" 2>/dev/null </dev/null; }
    if k get --raw /readyz >/dev/null; then p api ready
      k get nodes -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.status.conditions[?(@.type=="Ready")].status}{"\\t"}{.metadata.labels}{"\\t"}{.spec.taints}{"\\n"}{end}' | sed 's/^/node\\t/'
      k get namespaces -o 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}' | sed 's/^/namespace\\t/'
      k get clusterrolebindings -o 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}' | grep '^kubeadm:' | sed 's/^/binding\\t/'
      k -n kube-system get configmaps kubeadm-config kubelet-config kube-proxy coredns --ignore-not-found -o 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}' | sed 's/^/configMap\\t/'
      k -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.data.description}{"\\n"}{end}' | sed 's/^/token\\t/'
    fi
  fi
fi
echo kpki-facts-end
`

/** Reads what is true on a host. The repository is tried only where it may be needed: `first`. */
export async function gather(
  inputs: Inputs,
  node: ClusterNode,
  remote: Remote,
  clock: Clock,
  first: boolean,
): Promise<HostFacts> {
  const tree = inputs.trees.get(node.name) ?? new Map()
  const context = { ...inputs, node, tree }
  const key = first && !inputs.options.offline ? `${repositoryOf(inputs)}Release.key` : ''
  const paths = filesToPush(context).map((entry) => entry.path)
  const args = [node.initial ? 'cluster' : '-', key, ...paths]
  const sent = clock.now()
  const options = { timeoutMs: 120_000, quiet: true, maxOutput: 8_388_608 }
  const result = await remote.script(FACTS_SCRIPT, args, options)
  expectDone(remote, result, 'asking the host')
  return parseFacts(result.stdout, node.name, sent, clock.now())
}
