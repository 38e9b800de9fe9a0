import type { ComponentName } from '../../manifests/flags.js'
import { contains, isIp, parseCidr } from '../../values/addresses.js'
import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { isLocalHost, parseHost } from '../../values/hosts.js'
import {
  at,
  filled,
  type JsonObject,
  listOf,
  sameJson,
  scalarText,
  textsOf,
} from '../../values/json.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { listed, quoted } from '../../values/text.js'
import type { Evidence, Launch, NodeEvidence, Place } from '../read/evidence.js'
import { podName, staticPodFiles } from '../read/launch.js'
import { fileOn, followLinks, isCovered, shortPath } from '../read/paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { endpointHost, serviceRanges } from './by-evidence.js'
import { REWRITE } from './remedies.js'
import { finding, rule } from './rule.js'
import { configuredKubelets, kubeletSetting, launches, launchesAs, placeIn } from './subjects.js'

/** What a component or a kubelet of a node finds in its environment. */
interface Environment {
  readonly node: NodeEvidence
  readonly place: Place
  readonly component: ComponentName
  readonly variables: ReadonlyMap<string, string>
  /** The files that set them, where several do. */
  readonly paths?: ReadonlyMap<string, string>
}

const environments = (evidence: Evidence): readonly Environment[] => [
  ...launches(evidence).flatMap(({ node, launch: { component, path, environment } }) =>
    path === undefined || !environment || component === 'kubelet'
      ? []
      : [{ node, place: placeIn(node, path), component, variables: environment }],
  ),
  ...evidence.nodes.flatMap((node): readonly Environment[] => {
    const { environment, environmentPaths } = node.kubelet ?? {}
    return environment
      ? [
          {
            node,
            place: placeIn(node, ''),
            component: 'kubelet',
            variables: environment,
            ...(environmentPaths && { paths: environmentPaths }),
          },
        ]
      : []
  }),
]

/** A variable by its name in capitals or small letters: Go takes both. */
const variable = ({ variables }: Environment, name: string) =>
  variables.get(name) || variables.get(name.toLowerCase()) || undefined

function aboutVariable({ node, place, paths }: Environment, name: string, message: string) {
  const path = paths?.get(name) ?? paths?.get(name.toLowerCase()) ?? place.path
  return finding(placeIn(node, path), message)
}

/** Whether Go’s net/http leaves out the proxy for a host (golang.org/x/net/http/httpproxy). */
function isDirect(host: string, noProxy: readonly string[]): boolean {
  return (
    isLocalHost(host) ||
    noProxy.some((entry) => {
      if (entry === '*') return true
      const range = parseCidr(entry)
      if (range && isIp(host)) return contains(range, host)
      const name = entry
        .replace(/^\*?\./, '')
        .replace(/:\d+$/, '')
        .toLowerCase()
      return host === name || host.endsWith(`.${name}`)
    })
  )
}

/** Hosts of the cluster that a component calls, other than by loop-back. */
function called({ node, component }: Environment, evidence: Evidence): readonly string[] {
  const servers = evidence.nodes.filter(({ role }) => role === 'control-plane')
  const first = (one: NodeEvidence) => one.addresses.slice(0, 1)
  if (component === 'etcd') return []
  if (component === 'kube-apiserver')
    return [
      ...evidence.nodes.flatMap(first),
      ...serviceRanges(node, evidence).flatMap((range) => range.split('/')[0] ?? []),
    ]
  const endpoint = endpointHost(node, evidence)
  return [...servers.flatMap(first), ...(endpoint === undefined ? [] : [endpoint])]
}

/** Settings of GODEBUG that turn off a check on which the cluster’s doors rest. */
const LAX =
  /^(x509ignoreCN=0|x509sha1=1|x509negativeserial=1|x509usepolicies=0|rsa1024min=0|tlsrsakex=1|tls10server=1|tls3des=1|tlsmaxrsasize=\d+|tlssha1=1|x509keypairleaf=0)$/

interface RunPod {
  readonly node: NodeEvidence
  readonly place: Place
  readonly pod: JsonObject
  /** The component that it runs. */
  readonly component?: ComponentName
}

function staticPods({ nodes }: Evidence): readonly RunPod[] {
  return nodes.flatMap((node) =>
    staticPodFiles(node.tree, node.kubelet?.staticPodPath).flatMap(({ path, pod }) => {
      const launch = node.launches.find((one) => one.path === path)
      return pod
        ? [
            {
              node,
              place: placeIn(node, path),
              pod,
              ...(launch && { component: launch.component }),
            },
          ]
        : []
    }),
  )
}

/** Files by pod: the kubelet keeps one of each name, the last in order. */
const byPod = once((evidence: Evidence): readonly (readonly RunPod[])[] => [
  ...groupBy(staticPods(evidence), ({ node, pod }) => `${node.name} ${podName(pod)}`).values(),
])

const isLeftOver = ({ place: { path } }: RunPod) => !/\/[\w-]+\.(ya?ml|json|manifest)$/.test(path)

/** What a component's presence on a control plane is told by: its certificate, or its kubeconfig. */
const OWN_FILES = [
  ['etcd', 'etcd/server.crt'],
  ['kube-apiserver', 'apiserver.crt'],
  ['kube-controller-manager', '/etc/kubernetes/controller-manager.conf'],
  ['kube-scheduler', '/etc/kubernetes/scheduler.conf'],
] as const

function minorOf({ version }: Launch): number | undefined {
  const minor = /^1\.(\d+)\./.exec(version ?? '')?.[1]
  return minor === undefined ? undefined : Number(minor)
}

/** Directories of the machine from which a pod can take the node or the cluster over. */
const POWERFUL =
  /^\/($|etc($|\/kubernetes|\/systemd|\/cron|\/ssh|\/shadow)|var\/lib\/(kubelet|etcd|containerd|docker)|run|var\/run|proc|sys|dev|root|home|boot|usr)/

/** Those that no component of a control plane needs. */
const MACHINE =
  /^\/(etc(\/(systemd|cron|ssh|shadow).*)?|var|run|var\/run|proc|sys|dev|root|home|boot|usr)?\/?$/

/** What lets a pod out of its container, in words. */
function powers(pod: JsonObject, powerful = POWERFUL): readonly string[] {
  const containers = [
    ...listOf(at(pod, 'spec', 'containers')),
    ...listOf(at(pod, 'spec', 'initContainers')),
  ]
  const capabilities = containers.flatMap((one) =>
    textsOf(at(one, 'securityContext', 'capabilities', 'add')),
  )
  const strong = capabilities.filter((name) =>
    /^(CAP_)?(ALL|SYS_\w+|NET_ADMIN|DAC_\w+|BPF)$/.test(name),
  )
  const mounts = listOf(at(pod, 'spec', 'volumes')).flatMap((one) => {
    const path = filled(at(one, 'hostPath', 'path'))
    return path !== undefined && powerful.test(path) ? [path] : []
  })
  return [
    ...(containers.some((one) => at(one, 'securityContext', 'privileged') === true)
      ? ['is privileged']
      : []),
    ...(['hostPID', 'hostIPC', 'hostNetwork'] as const).filter(
      (field) => at(pod, 'spec', field) === true,
    ),
    ...(strong.length > 0 ? [`has ${listed(strong)}`] : []),
    ...(mounts.length > 0 ? [`mounts ${listed(mounts)}`] : []),
  ]
}

const isHarmless = (power: string) => power === 'hostNetwork'

export const REACH_RULES: readonly Rule[] = [
  rule('M69', 'apiserver-bound-to-loopback', 'C', 'error', {
    title: 'the API server listens where nobody but its own machine reaches it',
    citation: 'k8s.io/apiserver/pkg/server/options/serving.go (bind-address)',
    why: 'Kubelets, pods and people find nobody at the advertised address; the probes ask there too, and the kubelet ends the API server.',
    fix: 'remove --bind-address, or give the node’s address',
    needs: 'manifests',
    of: launchesAs('kube-apiserver'),
    say: ({ launch: { flags } }) => {
      const bound = flagOf(flags, 'bind-address')
      return (
        bound !== undefined &&
        isLocalHost(bound) &&
        `listens on ${bound} only (--bind-address): nobody else reaches it`
      )
    },
  }),
  rule('M70', 'health-in-clear', 'M', 'warning', {
    title: 'metrics or health in clear text for everybody who reaches the node',
    citation:
      'https://etcd.io/docs/latest/op-guide/configuration/; https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/',
    why: 'Nobody is asked for a certificate there; etcd’s metrics tell its keys’ number and size, a kubelet’s health port answers anybody.',
    fix: 'bind it to 127.0.0.1',
    needs: 'manifests',
    of: (evidence) => [...launchesAs('etcd')(evidence), ...configuredKubelets(evidence)],
    say: (one) => {
      if ('launch' in one) {
        const open = flagList(one.launch.flags, 'listen-metrics-urls').filter(
          (url) => url.startsWith('http://') && !isLocalHost(parseHost(url)?.host ?? ''),
        )
        return open.length > 0 && `serves metrics on ${listed(open)}, in clear text`
      }
      const { value, place } = kubeletSetting(one, 'healthz-bind-address')
      return (
        value !== undefined &&
        !isLocalHost(value) && {
          ...place,
          message: `the kubelet of ${one.node.name} answers on ${value} for its health`,
        }
      )
    },
  }),
  rule('M71', 'pod-not-on-host-network', 'C', 'error', {
    title: 'a component of the control plane is not on the machine’s network',
    citation: 'kubeadm app/util/staticpod ComponentPod (HostNetwork: true)',
    why: 'Static pods start before there is a pod network. Without hostNetwork the component waits for one that needs it, and then listens on a pod’s address that is in no certificate.',
    fix: 'hostNetwork: true',
    needs: 'manifests',
    of: launches,
    where: ({ launch }) => launch.source === 'static-pod' && launch.document,
    when: ({ launch: { document } }) => at(document, 'spec', 'hostNetwork') !== true,
    say: 'is not on the host’s network (spec.hostNetwork)',
  }),
  rule('M72', 'proxy-in-environment', 'M', 'warning', {
    title: 'a component sends its requests inside the cluster through a proxy',
    citation: 'golang.org/x/net/http/httpproxy; kubeadm app/util/env.go',
    why: 'Go takes the proxy from HTTPS_PROXY for whatever NO_PROXY does not name: requests to kubelets, webhooks and the API server leave the cluster, or fail there.',
    fix: 'name the nodes’ addresses and the service range in NO_PROXY',
    needs: 'manifests',
    of: environments,
    where: (one) => variable(one, 'HTTPS_PROXY') !== undefined,
    say: (one, evidence) => {
      const noProxy = (variable(one, 'NO_PROXY') ?? '').split(',').map((entry) => entry.trim())
      const lost = called(one, evidence).filter((host) => !isDirect(host, noProxy))
      return (
        lost.length > 0 &&
        aboutVariable(
          one,
          'HTTPS_PROXY',
          `has HTTPS_PROXY for ${one.component}, and NO_PROXY lacks ${listed([...new Set(lost)])}`,
        )
      )
    },
  }),
  rule('M73', 'godebug-lax', 'H', 'warning', {
    title: 'a check of Go is turned off',
    citation: 'https://go.dev/doc/godebug',
    why: 'GODEBUG brings back what Go gave up as unsafe: short keys, SHA-1 signatures, old versions of TLS.',
    fix: 'remove GODEBUG',
    needs: 'manifests',
    of: environments,
    say: (one) => {
      const lax = (variable(one, 'GODEBUG') ?? '').split(',').filter((word) => LAX.test(word))
      return (
        lax.length > 0 &&
        aboutVariable(one, 'GODEBUG', `sets GODEBUG=${lax.join(',')} for ${one.component}`)
      )
    },
  }),
  rule('M74', 'roots-in-environment', 'M', 'warning', {
    title: 'a component’s authorities come from a variable',
    citation: 'Go crypto/x509 (SSL_CERT_FILE, SSL_CERT_DIR)',
    why: 'They take the place of the system’s wherever no file of authorities is named: identity providers, webhooks, registries.',
    fix: 'name the authorities by their own flags',
    needs: 'manifests',
    of: environments,
    say: (one) => {
      return ['SSL_CERT_FILE', 'SSL_CERT_DIR'].map((name) => {
        const value = one.variables.get(name)
        return value
          ? aboutVariable(one, name, `sets ${name}=${value} for ${one.component}`)
          : undefined
      })
    },
  }),
  rule('M75', 'remote-static-pods', 'C', 'error', {
    title: 'a kubelet takes static pods from a URL',
    citation: 'k8s.io/kubernetes/pkg/kubelet/config/http.go',
    why: 'Whoever answers there runs any pod as root on the node, without the API server and its admission. The kubelet shows no certificate, and by http verifies nobody.',
    fix: 'remove staticPodURL (--manifest-url), and put the pods into the manifests directory',
    needs: 'manifests',
    of: configuredKubelets,
    say: (one) => {
      const { value, place } = kubeletSetting(one, 'manifest-url')
      if (value === undefined) return undefined
      const plain = !value.startsWith('https://')
      return {
        ...place,
        message: `the kubelet of ${one.node.name} runs whatever pods ${quoted(value)} names${plain ? ', in clear text' : ''}`,
        severity: plain ? 'error' : 'warning',
      }
    },
  }),
  rule('M76', 'unknown-static-pod', 'H', 'warning', {
    title: 'a static pod that is no component of Kubernetes',
    citation: 'https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/',
    why: 'It runs without the API server’s admission, from the node’s boot on, and nobody sees who put it there. Load balancers for the API server are often made so.',
    fix: 'look what it is; remove the file if nobody knows it',
    needs: 'manifests',
    of: (evidence) => byPod(evidence).flatMap((same) => same.at(-1) ?? []),
    where: ({ component }) => component === undefined,
    say: ({ node, pod }) => {
      const found = powers(pod)
      const name = scalarText(at(pod, 'metadata', 'name')) ?? ''
      const strong = found.some((power) => !isHarmless(power))
      return {
        message: `runs the pod ${quoted(name)} on ${node.name}${found.length > 0 ? `, which ${listed(found)}` : ''}`,
        severity: strong ? 'warning' : 'info',
      }
    },
  }),
  rule('M85', 'component-too-powerful', 'H', 'warning', {
    title: 'a component’s pod may do more on the machine than it needs',
    citation: 'kubeadm app/phases/controlplane/volumes.go; Pod Security Standards (privileged)',
    why: 'kubeadm’s pods mount certificates, configuration and etcd’s data only. Whoever breaks into one of more owns the node.',
    fix: 'remove what the component does not need from its manifest',
    needs: 'manifests',
    of: (evidence) => byPod(evidence).flatMap((same) => same.at(-1) ?? []),
    where: ({ component }) => component !== undefined && component !== 'kube-proxy',
    say: ({ pod }) => {
      const found = powers(pod, MACHINE).filter((power) => !isHarmless(power))
      return found.length > 0 && listed(found)
    },
  }),
  rule('M77', 'leftover-manifest', 'C', 'error', {
    title: 'the kubelet runs a left-over manifest',
    citation: 'k8s.io/kubernetes/pkg/kubelet/config/file.go (extractFromDir)',
    why: 'The kubelet runs every file of the directory that is not hidden, whatever its ending. Of several for one pod the last in order counts: the copy that was kept for safety takes the place of what was changed.',
    fix: 'move the file out of the manifests directory',
    needs: 'manifests',
    check: (evidence) => {
      const pods = byPod(evidence)
      if (pods.length === 0) return 'not-applicable'
      return [...pods.flatMap((same) => [...leftOvers(same)]), ...rivals(pods)]
    },
  }),
  rule('M88', 'static-pods-elsewhere', 'C', 'error', {
    title: 'the kubelet does not run the manifests of its node',
    citation: 'https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/',
    why: 'It runs the files of one directory. What lies in another is no control plane.',
    fix: 'staticPodPath: /etc/kubernetes/manifests',
    needs: 'manifests',
    of: configuredKubelets,
    where: ({ node }) => node.launches.some(({ source }) => source === 'static-pod'),
    say: (one) => {
      const { value, place } = kubeletSetting(one, 'pod-manifest-path', ['staticPodPath'])
      const folder = value === undefined ? undefined : followLinks(one.node.tree, value)
      const idle = one.node.launches.flatMap(({ source, path = '' }) =>
        source === 'static-pod' && path.slice(0, path.lastIndexOf('/')) !== folder ? [path] : [],
      )
      // Other layouts give the directory by flags that nothing in the tree may say.
      if (idle.length === 0 || (value === undefined && one.node.layout !== 'kubeadm'))
        return undefined
      const whence =
        value === undefined ? 'runs no static pods' : `runs the static pods of ${value}`
      return {
        ...place,
        message: `the kubelet of ${one.node.name} ${whence}, and so not ${listed(idle.map(shortPath))}`,
      }
    },
  }),
  rule('M89', 'component-missing', 'C', 'error', {
    title: 'a control plane has the files of a component, and nothing that starts it',
    citation: 'https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/',
    why: 'Its manifest was moved away, or the node was never finished. Without etcd or API server the node serves nobody; of controller manager and scheduler one in the cluster is enough.',
    fix: REWRITE,
    needs: 'manifests',
    of: ({ nodes }) => nodes,
    where: ({ role, layout, launches: all }) =>
      role === 'control-plane' &&
      layout === 'kubeadm' &&
      all.some(({ source }) => source === 'static-pod'),
    say: function* (node, { nodes }) {
      for (const [component, file] of OWN_FILES) {
        const isStarted = (one: NodeEvidence) =>
          one.launches.some((launch) => launch.component === component)
        const path = `etc/kubernetes/manifests/${component}.yaml`
        const own = file.startsWith('/') ? file.slice(1) : `${node.pkiDirectory}/${file}`
        if (isStarted(node) || !fileOn(node.tree, own) || !isCovered(node, path)) continue
        const isEnough = component.startsWith('kube-apiserver') || component === 'etcd'
        yield finding(
          placeIn(node, path),
          `is missing: nothing starts ${component} on ${node.name}, which has ${shortPath(own)}`,
          !isEnough && nodes.some(isStarted) ? { severity: 'warning' } : {},
        )
      }
    },
  }),
  rule('M90', 'version-skew', 'H', 'warning', {
    title: 'a component is of another release than its API server supports',
    citation: 'https://kubernetes.io/releases/version-skew-policy/',
    why: 'Controller manager and scheduler may be one release behind their API server and never ahead; API servers may be one release apart.',
    fix: 'upgrade the API servers first, one minor release at a time',
    needs: 'manifests',
    of: launches,
    say: ({ node, launch }, evidence) => {
      const minor = minorOf(launch)
      if (minor === undefined) return undefined
      const servers = launchesAs('kube-apiserver')(evidence)
      if (launch.component === 'kube-apiserver') {
        const newest = Math.max(...servers.map((one) => minorOf(one.launch) ?? minor))
        return newest - minor > 1 && `is of 1.${minor}, while another API server is of 1.${newest}`
      }
      const server = servers.find((one) => one.node === node)
      const theirs = server && minorOf(server.launch)
      return (
        theirs !== undefined &&
        (launch.component === 'kube-controller-manager' || launch.component === 'kube-scheduler') &&
        (minor > theirs || theirs - minor > 1) &&
        `is of 1.${minor}, its API server of 1.${theirs}`
      )
    },
  }),
  rule('M92', 'no-leader', 'C', 'error', {
    title: 'several controller managers or schedulers work at once',
    citation: 'k8s.io/component-base/config (LeaderElectionConfiguration)',
    why: 'Each of them creates, deletes and binds as if it were alone: pods too many, volumes and addresses given twice.',
    fix: '--leader-elect=true',
    needs: 'manifests',
    of: (evidence) =>
      (['kube-controller-manager', 'kube-scheduler'] as const).flatMap((component) => {
        const all = launchesAs(component)(evidence)
        return all.length > 1 ? all : []
      }),
    when: ({ launch: { flags } }) =>
      flags.has('leader-elect') && !flagIsTrue(flags, 'leader-elect'),
    say: 'takes part in no election, although the cluster has several of its kind',
  }),
  rule('M78', 'kubelet-unreachable', 'H', 'error', {
    title: 'the API server cannot reach a kubelet',
    citation:
      'https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ (address, enableServer)',
    why: 'Logs, exec, port-forward and metrics of that node fail.',
    fix: 'address: 0.0.0.0, enableServer: true',
    needs: 'manifests',
    of: configuredKubelets,
    say: function* (one) {
      const address = kubeletSetting(one, 'address')
      const server = kubeletSetting(one, 'enable-server')
      const name = `the kubelet of ${one.node.name}`
      if (address.value !== undefined && isLocalHost(address.value))
        yield { ...address.place, message: `${name} listens on ${address.value} only` }
      if (server.value === 'false') yield { ...server.place, message: `${name} serves nobody` }
    },
  }),
  rule('M79', 'apiserver-node-port', 'M', 'warning', {
    title: 'every node forwards a port to the API server',
    citation: 'kube-apiserver --kubernetes-service-node-port',
    why: 'Whoever reaches any node reaches the API server, past the firewall in front of the control plane.',
    fix: 'remove --kubernetes-service-node-port',
    needs: 'manifests',
    of: launchesAs('kube-apiserver'),
    say: ({ launch: { flags } }) => {
      const port = flagOf(flags, 'kubernetes-service-node-port')
      return port !== undefined && port !== '0' && `is reached at port ${port} of every node`
    },
  }),
]

const nameIn = ({ pod }: RunPod) => scalarText(at(pod, 'metadata', 'name')) ?? ''

/** Of several files, the one that was meant: named after its pod, else the first one with a usual ending. */
function meantOf(same: readonly RunPod[]): RunPod | undefined {
  return (
    same.find((one) => !isLeftOver(one) && one.place.path.includes(`/${nameIn(one)}.`)) ??
    same.find((one) => !isLeftOver(one)) ??
    same[0]
  )
}

/** Files of one pod: the kubelet keeps the last. */
function* leftOvers(same: readonly RunPod[]): Iterable<FindingDraft> {
  const winner = same.at(-1)
  const meant = meantOf(same)
  if (!meant) return
  for (const one of same) {
    if (one === meant && !isLeftOver(one)) continue
    const name = quoted(nameIn(one))
    const beside = shortPath(meant.place.path)
    const runs = `is run by the kubelet of ${one.node.name}`
    if (one === meant) yield finding(one.place, `${runs}, whatever its ending`)
    else if (one === winner && !sameJson(one.pod, meant.pod))
      yield finding(
        one.place,
        `${runs} in place of ${beside}: both are the pod ${name}, and the last in order counts`,
      )
    else
      yield finding(one.place, `is a second file for the pod ${name}, beside ${beside}`, {
        severity: 'warning',
      })
  }
}

/** Several pods that run one component: they fight for its port. */
function* rivals(pods: readonly (readonly RunPod[])[]): Iterable<FindingDraft> {
  const running = pods.flatMap((same) => same.at(-1) ?? []).filter(({ component }) => component)
  const byComponent = groupBy(running, ({ node, component }) => `${node.name} ${component}`)
  for (const same of byComponent.values()) {
    const meant =
      same.find(({ place, component }) => place.path.includes(`/${component}.`)) ?? same[0]
    for (const one of same)
      if (meant && one !== meant)
        yield finding(
          one.place,
          `runs ${one.component} a second time on ${one.node.name}, beside ${shortPath(meant.place.path)}`,
        )
  }
}
