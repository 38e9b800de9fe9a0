import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { deb822 } from '../host/formats.js'
import { textFile } from './host.js'
import { isSigningKey, signingKey } from './runtime.js'

const names = ['kubelet', 'kubeadm', 'kubectl'] as const
const keyPath = '/etc/apt/keyrings/kpki-kubernetes.asc'
const sourcePath = '/etc/apt/sources.list.d/kpki-kubernetes.sources'

// $1 the version without v; the revision after the dash is the repository's own.
const INSTALL = `export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt="apt-get -q -y -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3"
dpkg --configure -a && $apt update || exit 1
set --  "$1" $(for n in kubelet kubeadm kubectl; do
  v=$(apt-cache madison $n | awk -F ' *[|] *' '{print $2}' | grep -F "$1-" | grep -m 1 "^$(printf %s "$1" | sed 's/\\./\\\\./g')-")
  echo "$n=\${v:-$1}"; done)
shift
$apt install --no-install-recommends "$@" && apt-mark hold kubelet kubeadm kubectl`

/** The folder of a minor's packages in a repository that is laid out as pkgs.k8s.io. */
export function repositoryOf({ cluster }: Pick<StepContext, 'cluster'>): string {
  const { repository } = cluster.provision.packages
  return `${repository}/core:/stable:/v${cluster.release.version.minor}/deb/`
}

/** Version of a package without the repository's revision. */
export function upstream(version: string | undefined): string | undefined {
  return version?.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
}

export function packageActions(context: StepContext): readonly Action[] {
  const { cluster, facts, options } = context
  const version = cluster.release.version.text.slice(1)
  const missing = names.filter((name) => upstream(facts.packages.get(name)) !== version)
  const actions: Action[] = []
  if (missing.length > 0) {
    if (!options.offline) actions.push(...repository(context))
    actions.push({
      kind: 'job',
      id: 'install',
      about: `install and hold ${missing.join(', ')} ${version}`,
      script: INSTALL,
      args: [version],
      timeoutMs: 900_000,
    })
  }
  const held = facts.value('held').split(' ')
  if (missing.length === 0 && names.some((name) => !held.includes(name)))
    actions.push({
      kind: 'run',
      id: 'hold',
      about: 'hold kubelet, kubeadm and kubectl at their version',
      script: 'apt-mark hold kubelet kubeadm kubectl',
      args: [],
      timeoutMs: 60_000,
    })
  if (facts.value('kubeletEnabled') !== 'enabled')
    actions.push({
      kind: 'run',
      id: 'enable',
      about: 'the kubelet starts at boot',
      script: 'systemctl enable kubelet',
      args: [],
      timeoutMs: 60_000,
    })
  if (actions.length > 0)
    actions.push({
      kind: 'probe',
      id: 'crictl',
      about: 'crictl reaches containerd',
      script: 'timeout 10 crictl version >/dev/null',
      args: [],
      timeoutMs: 60_000,
    })
  return actions
}

function repository(context: StepContext): readonly Action[] {
  const { cluster, facts, digest } = context
  const { keyFingerprint } = cluster.provision.packages
  const url = repositoryOf(context)
  const source = deb822({ Types: 'deb', URIs: url, Suites: '/', 'Signed-By': keyPath })
  return [
    ...(isSigningKey(facts.text('aptKey'), keyFingerprint, digest)
      ? []
      : [signingKey('key', keyPath, `${url}Release.key`, keyFingerprint)]),
    ...(facts.text('aptSource') === source
      ? []
      : [textFile('source', sourcePath, source, `package source ${url}`)]),
  ]
}
