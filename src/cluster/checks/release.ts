import type { KubeadmApi } from '../../releases/features.js'
import { DOCUMENTS } from '../kubeadm/schema.js'
import { toV1beta3, V1BETA3, V1BETA4 } from '../kubeadm/versions.js'
import { caution, jsonOf, mistake, type Settings, type SpecFinding } from '../resolve/settings.js'

// kpki issues these itself; the release's own kubeadm would not.
const ISSUED_BY_KPKI = [
  'encryptionAlgorithm',
  'certificateValidityPeriod',
  'caCertificateValidityPeriod',
]

/** Fields that the release's kubeadm can't read. */
export function* checkReleaseFields(settings: Settings): Generator<SpecFinding> {
  const { release, documents, source } = settings
  if (!release) return
  const { minor } = release.version
  const external = documents.cluster.value.etcd?.external
  if (external?.httpEndpoints !== undefined && !release.externalEtcdHttpEndpoints) {
    const path = `${documents.cluster.path}.etcd.external.httpEndpoints`
    yield mistake(path, `kubeadm ${minor} does not know it`, 'leave it out')
  }
  if (source === 'kubeadm') {
    yield* apiVersions(settings)
    if (ignoresTimeout(settings) && documents.init.value.timeouts !== undefined)
      yield caution(
        'ClusterConfiguration.apiServer.timeoutForControlPlane',
        `kubeadm ${release.version.text} takes no timeout from v1beta3: four minutes hold`,
        `write ${V1BETA4}${release.kubeadmApi === V1BETA4 ? '' : ' with 1.31 or later'}, or leave it out`,
      )
    return
  }
  if (release.kubeadmApis.includes(V1BETA4)) return
  const parts = (['init', 'cluster', 'join'] as const).map((part) => ({
    ...DOCUMENTS[part],
    ...documents[part],
  }))
  const whole = parts.map(({ value, apiVersion, kind }) => ({ ...jsonOf(value), apiVersion, kind }))
  for (const issue of toV1beta3(whole).lost) {
    const [kind = '', ...rest] = issue.path.split('.')
    const section = parts.find((part) => part.kind === kind)?.path ?? kind
    const path = [section, ...rest].join('.')
    const reason = `kubeadm ${minor} reads only v1beta3, and that has no place for it`
    if (ISSUED_BY_KPKI.includes(rest.join('.'))) yield caution(path, reason)
    else yield mistake(path, reason, 'leave it out, or choose Kubernetes 1.31 or later')
  }
}

/**
 * Whether the release's kubeadm passes over the timeout of a v1beta3 ClusterConfiguration, as several do
 * (kubernetes/kubernetes#133513): its default of four minutes holds then.
 */
export function ignoresTimeout({ release, apis }: Settings): boolean {
  return apis.get('ClusterConfiguration') === V1BETA3 && release?.v1beta3Timeout === false
}

function* apiVersions({ release, apis }: Settings): Generator<SpecFinding> {
  if (!release) return
  const { kubeadmApis, kubeadmApi, version } = release
  for (const [kind, api] of apis) {
    const path = `${kind}.apiVersion`
    const known: readonly KubeadmApi[] = kubeadmApis
    if (!known.includes(api)) {
      const fix = `write ${kubeadmApi}, for example with kpki convert`
      yield mistake(path, `kubeadm ${version.minor} does not read ${api}`, fix)
    } else if (api === V1BETA3 && kubeadmApi === V1BETA4) {
      yield caution(path, `${api} is deprecated in ${version.minor}`, `write ${kubeadmApi}`)
    }
  }
}
