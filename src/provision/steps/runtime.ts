import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { deb822, tomlString } from '../host/formats.js'
import { adaptContainerd, verifiedKey } from '../host/transforms.js'
import { textFile } from './host.js'

const crictl =
  'runtime-endpoint: unix:///run/containerd/containerd.sock\nimage-endpoint: unix:///run/containerd/containerd.sock\n'

const INSTALL = `export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt="apt-get -q -y -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3"
dpkg --configure -a && $apt update && $apt install --no-install-recommends "$1"`

// What the distribution ships may be a fragment (Debian) or switch CRI off (Docker): only a whole file is kept.
const BASE = `if grep -q 'runc\\.options\\]' /etc/containerd/config.toml 2>/dev/null; then cat /etc/containerd/config.toml; else containerd config default; fi`

const RESTART = `systemctl restart containerd || exit 1
i=0; until timeout 5 ctr version >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 60 ] || exit 1; sleep 0.5; done`

export function pauseImage({ cluster }: StepContext): string {
  return `${cluster.imageRepository}/pause:${cluster.release.images.pause}`
}

export function runtimeActions(context: StepContext): readonly Action[] {
  const { facts, options } = context
  const actions: Action[] = []
  if (facts.value('containerd') === '') actions.push(...install(context))
  const mirrors = Object.entries(options.registryMirrors)
  const changed = mirrors.filter(
    ([registry, url]) => facts.text(`mirror ${mirrorPath(registry)}`) !== mirrorFile(registry, url),
  )
  for (const [registry, url] of changed)
    actions.push(
      textFile(
        `mirror-${registry}`,
        mirrorPath(registry),
        mirrorFile(registry, url),
        `images of ${registry} from ${url}`,
      ),
    )
  const values = { pause: pauseImage(context), mirrors: mirrors.length > 0 }
  if (!adapted(facts.text('containerdConfig'), values))
    actions.push({
      kind: 'rewrite',
      id: 'containerd-config',
      about: `containerd: systemd cgroups, pause image ${values.pause}`,
      disrupts: 'containerd restarts; running containers go on',
      path: '/etc/containerd/config.toml',
      mode: 0o644,
      source: { script: BASE, args: [] },
      transform: 'containerd',
      values,
      after: { script: RESTART, args: [] },
    })
  if (facts.text('crictl') !== crictl)
    actions.push(textFile('crictl', '/etc/crictl.yaml', crictl, 'crictl finds containerd'))
  if (
    facts.value('containerdActive') !== 'active' ||
    facts.value('containerdEnabled') !== 'enabled'
  )
    actions.push({
      kind: 'run',
      id: 'containerd-start',
      about: 'containerd runs, now and after a reboot',
      script: 'systemctl enable --now containerd',
      args: [],
      timeoutMs: 300_000,
    })
  if (facts.value('containerdSocket') !== 'yes')
    actions.push({
      kind: 'probe',
      id: 'containerd-answers',
      about: 'containerd answers',
      script: 'timeout 5 ctr version >/dev/null',
      args: [],
      timeoutMs: 60_000,
    })
  return actions
}

function adapted(config: string | undefined, values: { pause: string; mirrors: boolean }): boolean {
  if (config === undefined || !/runc\.options\]/.test(config)) return false
  try {
    return adaptContainerd(config, values) === config
  } catch {
    return false
  }
}

const docker = {
  fingerprint: '9DC858229FC7DD38854AE2D88D81803C0EBFCD88',
  key: '/etc/apt/keyrings/kpki-docker.asc',
}

function install(context: StepContext): readonly Action[] {
  const { facts, options } = context
  const name = options.containerd === 'docker' ? 'containerd.io' : 'containerd'
  const job: Action = {
    kind: 'job',
    id: 'containerd-install',
    about: `install ${name} from ${options.containerd === 'docker' ? 'docker.com' : 'the distribution'}`,
    script: INSTALL,
    args: [name],
    timeoutMs: 600_000,
  }
  if (options.containerd === 'distribution') return [job]
  const base = `https://download.docker.com/linux/${facts.value('os')}`
  const source = deb822({
    Types: 'deb',
    URIs: base,
    Suites: facts.value('osCodename'),
    Components: 'stable',
    'Signed-By': docker.key,
  })
  return [
    signingKey('docker-key', docker.key, `${base}/gpg`, docker.fingerprint),
    textFile(
      'docker-source',
      '/etc/apt/sources.list.d/kpki-docker.sources',
      source,
      `package source ${base}`,
    ),
    job,
  ]
}

/** @throws Error when a name would lead elsewhere */
function mirrorPath(registry: string): string {
  if (/^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?(:\d+)?$/.test(registry))
    return `/etc/containerd/certs.d/${registry}/hosts.toml`
  throw new Error(`${JSON.stringify(registry)} is not a registry`)
}

function mirrorFile(registry: string, url: string): string {
  const [server, host] = [tomlString(`https://${registry}`), tomlString(url)]
  return `server = ${server}\n\n[host.${host}]\n  capabilities = ["pull", "resolve"]\n`
}

const FETCH = `t=$(mktemp) && /usr/lib/apt/apt-helper -o Acquire::Retries=3 download-file "$1" "$t" >&2 && cat "$t"; r=$?; rm -f "$t"; exit $r`

/** Fetches a repository's signing key on the host and keeps it only if it is the right one. */
export function signingKey(id: string, path: string, url: string, fingerprint: string): Action {
  return {
    kind: 'rewrite',
    id,
    about: `signing key ${fingerprint} from ${url}`,
    path,
    mode: 0o644,
    source: { script: FETCH, args: [url] },
    transform: 'signing-key',
    values: { fingerprint },
  }
}

export function isSigningKey(
  text: string | undefined,
  fingerprint: string,
  digest: StepContext['digest'],
): boolean {
  try {
    return text !== undefined && verifiedKey(text, fingerprint, digest) === text
  } catch {
    return false
  }
}
