import { matchesName } from '../../ca/verify/names.js'
import type { ComponentName, PresentedRole } from '../../manifests/flags.js'
import { isIp } from '../../values/addresses.js'
import { flagList, flagOf } from '../../values/command-line.js'
import { isAnyHost, isLocalHost } from '../../values/hosts.js'
import { at, textsOf } from '../../values/json.js'
import { listed } from '../../values/text.js'
import { roleFile } from '../graph/credentials.js'
import type { Evidence, KubeletFacts, Launch, NodeEvidence } from '../read/evidence.js'
import { shortPath } from '../read/paths.js'
import { removedFlagsOf } from '../starts/flags.js'
import type { Rule } from '../types.js'
import { REISSUE } from './remedies.js'
import { HARDENING, type Launched, rule, STRICT } from './rule.js'
import { configuredKubelets, kubeletSetting, launches, launchesAs } from './subjects.js'

const apiservers = launchesAs('kube-apiserver')
const managers = launchesAs('kube-controller-manager')

function* removedFlags(evidence: Evidence) {
  const release = evidence.cluster?.release.version.text.replace(/^v/, '')
  for (const node of evidence.nodes) {
    const sets = node.launches.map((launch) => ({
      component: launch.component,
      flags: launch.flags,
      version: launch.version ?? (launch.component === 'etcd' ? undefined : release),
      path: launch.path,
    }))
    const apiserver = node.launches.find(({ component }) => component === 'kube-apiserver')
    if (node.kubelet && !sets.some(({ component }) => component === 'kubelet'))
      sets.push({
        component: 'kubelet',
        flags: node.kubelet.flags,
        version: release ?? apiserver?.version,
        path: undefined,
      })
    for (const { component, flags, version, path } of sets) {
      if (version === undefined) continue
      for (const { flag, until } of removedFlagsOf(component, flags, version))
        yield {
          node: node.name,
          ...(path !== undefined && { path }),
          message: `${path === undefined ? `the kubelet of ${node.name}` : shortPath(path)} gives --${flag}, which ${component} ${version} does not know (gone since ${until})`,
        }
    }
  }
}

const WEAK_SUITE = /_(RC4|3DES|DES|NULL|EXPORT|CBC)_|_MD5$/
const RSA_ONLY = /^TLS_(ECDHE_)?RSA_/

function suitesOf(launch: Launch): readonly string[] {
  return flagList(launch.flags, launch.component === 'etcd' ? 'cipher-suites' : 'tls-cipher-suites')
}

const SERVING: Partial<Readonly<Record<ComponentName, PresentedRole>>> = {
  etcd: 'etcd-server',
  'kube-apiserver': 'apiserver',
  'kube-controller-manager': 'controller-manager-serving',
  'kube-scheduler': 'scheduler-serving',
}

function badSuites({ node, launch }: Launched): string | undefined {
  const suites = suitesOf(launch)
  const old = /^(VersionTLS10|VersionTLS11|TLS1\.[01])$/.exec(
    flagOf(launch.flags, 'tls-min-version') ?? '',
  )
  if (old) return `allows ${old[0]}; TLS 1.2 is the least`
  const weak = suites.filter((suite) => WEAK_SUITE.test(suite) && !/CBC_SHA$/.test(suite))
  if (weak.length > 0) return `offers weak cipher suites: ${listed(weak)}`
  const role = SERVING[launch.component]
  const serving = role && roleFile(node, launch, role, 'certificate')
  const key = serving?.pem?.certificates[0]?.facts.publicKey.type
  const older = suites.filter((suite) => !/^TLS_(AES|CHACHA20)_/.test(suite))
  return key === 'EC' && older.length > 0 && older.every((suite) => RSA_ONLY.test(suite))
    ? 'offers cipher suites for RSA keys only, but serves with an EC key: TLS 1.2 clients fail'
    : undefined
}

function weakSuites(one: { readonly node: NodeEvidence; readonly kubelet: KubeletFacts }) {
  const { flags, config } = one.kubelet
  const version = kubeletSetting(one, 'tls-min-version')
  if (/^VersionTLS1[01]$/.test(version.value ?? ''))
    return {
      ...version.place,
      message: `the kubelet of ${one.node.name} allows ${version.value}; TLS 1.2 is the least`,
    }
  const given = flagList(flags, 'tls-cipher-suites')
  const suites = given.length > 0 ? given : textsOf(at(config, 'tlsCipherSuites'))
  const weak = suites.filter((suite) => WEAK_SUITE.test(suite))
  const { place } = kubeletSetting(one, given.length > 0 ? 'tls-cipher-suites' : undefined)
  return weak.length > 0
    ? {
        ...place,
        message: `the kubelet of ${one.node.name} offers weak cipher suites: ${listed(weak)}`,
      }
    : undefined
}

export const FLAG_RULES: readonly Rule[] = [
  rule('M13', 'anonymous-insecure-port', 'H', 'error', {
    title: 'an insecure port or a static password file is configured',
    citation: 'CIS 1.2.1, 1.2.2',
    why: 'Where the release still knows the flag, the API is open; where it does not, the component crashes. Static tokens lie in clear in a file, with user and groups beside them, and never end.',
    fix: 'remove the flag',
    needs: 'manifests',
    of: apiservers,
    say: ({ launch: { flags } }) => {
      const port = flagOf(flags, 'insecure-port')
      if (port !== undefined && port !== '0') return `opens --insecure-port=${port}`
      const found = ['token-auth-file', 'basic-auth-file'].filter((flag) => flags.has(flag))
      return (
        found.length > 0 &&
        `accepts static credentials: ${listed(found.map((flag) => `--${flag}`))}`
      )
    },
  }),
  rule('M14', 'tls-min-ciphers', 'M', 'warning', {
    title: 'weak TLS versions or cipher suites, or none for the key',
    citation: 'CIS 1.2.29, 4.2.12; RFC 9325',
    why: 'Old suites can be broken; suites for another kind of key end every TLS 1.2 handshake.',
    fix: 'remove --tls-cipher-suites: Go’s defaults are right',
    needs: 'manifests',
    of: (evidence) => [...launches(evidence), ...configuredKubelets(evidence)],
    say: (one) => ('launch' in one ? badSuites(one) : weakSuites(one)),
  }),
  rule('M15', 'flag-unknown-for-version', 'C', 'error', {
    title: 'a flag that this release no longer knows',
    citation: 'Kubernetes and etcd release notes',
    why: 'The component prints "unknown flag" and exits: an upgrade ends in a crash loop.',
    fix: 'remove the flag',
    needs: 'manifests',
    check: (evidence) => removedFlags(evidence),
  }),
  rule('M16', 'podspec-mount-too-wide', 'L', 'info', {
    title: 'a pod sees the whole certificate directory',
    citation: 'kubeadm app/phases/controlplane volumes',
    why: 'The controller manager needs four files and sees every key of the control plane. kubeadm mounts it so.',
    fix: 'mount single files (extraVolumes)',
    needs: 'manifests',
    profiles: STRICT,
    of: managers,
    when: ({ node, launch }) =>
      launch.mounts?.some(({ hostPath }) => hostPath === `/${node.pkiDirectory}`),
    say: ({ node }) => `mounts all of /${node.pkiDirectory}`,
  }),
  rule('M17', 'encryption-flag-unset', 'M', 'warning', {
    title: 'Secrets are stored in clear',
    citation: 'CIS 1.2.27',
    why: 'Whoever gets a backup of etcd reads every Secret. Kubernetes and kubeadm leave it so.',
    fix: '--encryption-provider-config=/etc/kubernetes/encryption.yaml',
    needs: 'manifests',
    profiles: HARDENING,
    of: apiservers,
    when: ({ launch }) => flagOf(launch.flags, 'encryption-provider-config') === undefined,
    say: 'has no --encryption-provider-config',
  }),
  rule('M18', 'advertise-vs-san', 'C', 'error', {
    title: 'the API server announces an address that its certificate lacks',
    citation: 'kubeadm app/phases/certs',
    why: 'Clients that take the address from the endpoints of the kubernetes service refuse the certificate.',
    fix: REISSUE,
    needs: 'manifests',
    of: apiservers,
    say: ({ node, launch }) => {
      const serving = roleFile(node, launch, 'apiserver', 'certificate')?.pem?.certificates[0]
      const names = ['advertise-address', 'bind-address'].flatMap((flag) => {
        const value = flagOf(launch.flags, flag)
        return value !== undefined && isIp(value) && !isAnyHost(value) && !isLocalHost(value)
          ? [{ flag, value }]
          : []
      })
      const has =
        (serving?.facts.altNames?.ip.length ?? 0) + (serving?.facts.altNames?.dns.length ?? 0) > 0
      const bad =
        serving && has ? names.filter(({ value }) => !matchesName(serving.facts, value)) : []
      return (
        bad.length > 0 &&
        `has ${listed(bad.map(({ flag, value }) => `--${flag}=${value}`))}, which its certificate is not for`
      )
    },
  }),
]
