import type { Action, RewriteAction } from '../action.js'
import type { StepContext } from '../context.js'
import { hostLines, moduleLines, sysctlLines } from '../host/formats.js'
import { hasSwapLine, withBlock } from '../host/transforms.js'

/** A small file of fixed content, readable by all. */
export function textFile(id: string, path: string, text: string, about: string): RewriteAction {
  return { kind: 'rewrite', id, about, path, mode: 0o644, transform: 'text', values: { text } }
}

const modules = moduleLines(['overlay', 'br_netfilter'])
const cloud = 'preserve_hostname: true\nmanage_etc_hosts: false\n'

const SWAP_OFF = `set -e
units=$(systemctl list-units --type=swap --all --plain --no-legend 2>/dev/null | awk '$3=="active"{print $1}')
swapoff -a
for u in $units; do systemctl mask "$u" >/dev/null 2>&1 || true; done
systemctl list-unit-files --type=swap --no-legend 2>/dev/null | awk '$2!~/^masked|^generated/{print $1}' | while read -r u; do systemctl mask "$u" >/dev/null; done
for u in zramswap.service; do systemctl is-enabled "$u" >/dev/null 2>&1 && systemctl disable --now "$u" >/dev/null 2>&1; done
swapoff -a; [ "$(wc -l </proc/swaps)" -le 1 ]`

export function hostActions(context: StepContext): readonly Action[] {
  const { cluster, node, facts } = context
  const actions: Action[] = []
  if (facts.value('cloudInit') === 'yes' && facts.text('cloudHosts') !== cloud)
    actions.push(
      textFile(
        'cloud-init',
        '/etc/cloud/cloud.cfg.d/99-kpki.cfg',
        cloud,
        'cloud-init leaves host name and /etc/hosts alone',
      ),
    )
  if (facts.value('hostname') !== node.name)
    actions.push({
      kind: 'run',
      id: 'hostname',
      about: `host name ${facts.value('hostname')} becomes ${node.name}`,
      script: 'hostnamectl set-hostname "$1" && [ "$(hostname)" = "$1" ]',
      args: [node.name],
      timeoutMs: 20_000,
    })
  const block = hostLines(
    cluster.nodes.flatMap(({ addresses, name }) => addresses.map((address) => ({ address, name }))),
  )
  const hosts = facts.text('hosts') ?? ''
  if (withBlock(hosts, cluster.name, block) !== hosts)
    actions.push({
      kind: 'rewrite',
      id: 'hosts',
      about: `the ${cluster.nodes.length} nodes in /etc/hosts`,
      path: '/etc/hosts',
      mode: 0o644,
      transform: 'hosts-block',
      values: { name: cluster.name, block },
    })
  if (hasSwapLine(facts.text('fstab') ?? ''))
    actions.push({
      kind: 'rewrite',
      id: 'fstab',
      about: 'swap lines of /etc/fstab become comments',
      path: '/etc/fstab',
      mode: 0o644,
      transform: 'no-swap',
      values: {},
      after: { script: 'systemctl daemon-reload', args: [] },
    })
  if (facts.values('swap').length + facts.values('swapUnit').length > 0)
    actions.push({
      kind: 'run',
      id: 'swap',
      about: 'swap off, and off after a reboot',
      script: SWAP_OFF,
      args: [],
      timeoutMs: 120_000,
    })
  return [...actions, ...kernel(context)]
}

function kernel(context: StepContext): readonly Action[] {
  const { facts } = context
  const actions: Action[] = []
  if (facts.text('modulesFile') !== modules)
    actions.push(
      textFile('modules', '/etc/modules-load.d/kpki.conf', modules, 'kernel modules at boot'),
    )
  if (facts.value('overlay') !== 'yes' || facts.value('brNetfilter') !== 'yes')
    actions.push({
      kind: 'run',
      id: 'modprobe',
      about: 'load overlay and br_netfilter',
      script: 'modprobe overlay && modprobe br_netfilter',
      args: [],
      timeoutMs: 30_000,
    })
  const wanted = sysctls(context)
  const text = sysctlLines(
    Object.fromEntries(wanted.map((name) => [name.replaceAll('/', '.'), '1'])),
  )
  if (facts.text('sysctlFile') !== text)
    actions.push(textFile('sysctl-file', '/etc/sysctl.d/99-kpki.conf', text, 'sysctls at boot'))
  const now = new Map(facts.values('sysctl').map((line) => line.split(' ') as [string, string]))
  if (wanted.some((name) => now.get(name) !== '1'))
    actions.push({
      kind: 'run',
      id: 'sysctl',
      about: 'forwarding and bridge filtering on',
      script: 'sysctl -q -p /etc/sysctl.d/99-kpki.conf',
      args: [],
      timeoutMs: 20_000,
    })
  return actions
}

function sysctls({ cluster }: StepContext): readonly string[] {
  const families = [...cluster.networking.podSubnets, ...cluster.networking.serviceSubnets]
  const six = families.some((subnet) => subnet.includes(':'))
  return [
    'net/bridge/bridge-nf-call-iptables',
    'net/bridge/bridge-nf-call-ip6tables',
    'net/ipv4/ip_forward',
    ...(six ? ['net/ipv6/conf/all/forwarding'] : []),
  ]
}
