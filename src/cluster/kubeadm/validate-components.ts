import { type Finding, mistake, mistakeOf, type Settings } from '../settings.js'
import { argumentsOf } from './convert.js'

interface Volume {
  readonly name?: string | undefined
  readonly hostPath?: string | undefined
  readonly mountPath?: string | undefined
  readonly pathType?: string | undefined
}

const PATH_TYPES = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
]

/** Arguments, volumes and variables that the user adds to static pods and to the kubelet. */
export function* checkComponents(settings: Settings): Generator<Finding> {
  const { init, join, cluster } = settings.documents
  const { apiServer, controllerManager, scheduler, etcd } = cluster.value
  const components = { apiServer, controllerManager, scheduler, 'etcd.local': etcd?.local }
  for (const [name, component] of Object.entries(components)) {
    const path = `${cluster.path}.${name}`
    yield* flags(component?.extraArgs, `${path}.extraArgs`)
    const mounts = component && 'extraVolumes' in component ? component.extraVolumes : undefined
    for (const [i, volume] of (mounts ?? []).entries()) {
      if (volume) yield* mount(settings, volume, `${path}.extraVolumes[${i}]`)
    }
    for (const [i, env] of (component?.extraEnvs ?? []).entries()) {
      if (env?.name !== '') continue
      yield mistake(`${path}.extraEnvs[${i}].name`, 'is empty', 'name the environment variable')
    }
  }
  for (const { value, path } of [init, join]) {
    yield* flags(
      value.nodeRegistration?.kubeletExtraArgs,
      `${path}.nodeRegistration.kubeletExtraArgs`,
    )
  }
}

/** Arguments are a list here, but the user may have written a map: the flag itself names the place. */
function* flags(value: unknown, path: string): Generator<Finding> {
  for (const { name } of argumentsOf(value)) {
    const place = `${path}[${JSON.stringify(name)}]`
    if (name === '') yield mistake(place, 'has no name', 'write the flag without its dashes')
    else if (/^-|[\s=]/.test(name)) {
      const bare = name.replace(/^-+/, '').split(/[\s=]/)[0]
      yield mistake(place, `"${name}" is not the name of a flag`, `write "${bare}"`)
    }
  }
}

function* mount(settings: Settings, volume: Volume, path: string): Generator<Finding> {
  for (const key of ['hostPath', 'mountPath'] as const) {
    const value = volume[key]
    if (value === undefined || value.startsWith('/')) continue
    yield mistakeOf(
      settings,
      `${path}.${key}`,
      `"${value}" is not an absolute path`,
      'begin it with /',
    )
  }
  if (volume.name !== undefined && !/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(volume.name)) {
    yield mistakeOf(
      settings,
      `${path}.name`,
      `"${volume.name}" is not a volume name`,
      'write an RFC 1123 label',
    )
  }
  if (!PATH_TYPES.includes(volume.pathType ?? '')) {
    const fix = `write ${PATH_TYPES.slice(1).join(', ')}`
    yield mistakeOf(settings, `${path}.pathType`, `"${volume.pathType}" is not a path type`, fix)
  }
}
