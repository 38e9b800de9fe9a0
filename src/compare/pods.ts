import { type Flags, parseFlags } from '../values/command-line.js'
import {
  isList,
  isObject,
  type Json,
  type JsonObject,
  shownText,
  withoutKeys,
} from '../values/json.js'
import { type DifferenceDraft, draft, present } from './text.js'
import { diffValues, shown } from './values.js'

/** Differences between two command lines, flag by flag; also their order, where flags repeat or the last one wins. */
export function diffArguments(
  before: readonly string[],
  after: readonly string[],
): readonly DifferenceDraft[] {
  const [old, fresh] = [parseFlags(before), parseFlags(after)]
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
  const drafts = names
    .filter((name) => JSON.stringify(old.get(name)) !== JSON.stringify(fresh.get(name)))
    .map((name) => diffFlag(name, old.get(name), fresh.get(name)))
  return present([...drafts, order(old, fresh)])
}

function diffFlag(
  name: string,
  before: readonly string[] | undefined,
  after: readonly string[] | undefined,
): DifferenceDraft {
  const text = (values: readonly string[] | undefined): string | undefined =>
    values?.map((value) => shown(name, value)).join(' and ')
  const subject = `--${name}`
  const secretly = { kind: 'flag', change: 'changed', subject } as const
  return (
    draft('flag', subject, text(before), text(after)) ?? {
      ...secretly,
      message: `flag ${subject} changed`,
    }
  )
}

function order(old: Flags, fresh: Flags): DifferenceDraft | undefined {
  const common = (a: Flags, b: Flags): string => [...a.keys()].filter((name) => b.has(name)).join()
  if (common(old, fresh) === common(fresh, old)) return undefined
  return {
    kind: 'flag',
    change: 'changed',
    subject: 'order of arguments',
    message: 'the order of the arguments changed',
  }
}

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const
const APART = ['command', 'args', 'env', 'image', 'volumeMounts', ...PROBES]

/** Differences between two static pods: flags, environment, image, probes, mounts, volumes, then any other field. */
export function diffPods(before: JsonObject, after: JsonObject): readonly DifferenceDraft[] {
  const [old, fresh] = [containersOf(before), containersOf(after)]
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
  const several = names.length > 1
  return [
    ...names.flatMap((name) =>
      diffContainers(old.get(name), fresh.get(name), several ? `${name}: ` : ''),
    ),
    ...volumes(before, after),
    ...fields(rest(before), rest(after), ''),
  ]
}

function containersOf({ spec }: JsonObject): ReadonlyMap<string, JsonObject> {
  const list = isObject(spec) ? spec.containers : undefined
  const containers = isList(list) ? list.filter(isObject) : []
  return new Map(containers.map((container) => [shownText(container.name), container]))
}

function diffContainers(
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  prefix: string,
): readonly DifferenceDraft[] {
  if (!before || !after) {
    const [old, fresh] = [before, after].map((container) => container && shownText(container.image))
    return present([draft('image', `${prefix}container`, old, fresh)])
  }
  const drafts = [
    ...present([draft('image', 'image', textOf(before.image), textOf(after.image))]),
    ...diffArguments(words(before), words(after)),
    ...environment(before, after),
    ...PROBES.flatMap((name) => probe(name, before[name], after[name])),
    ...mounts(before, after),
    ...fields(withoutKeys(before, APART), withoutKeys(after, APART), ''),
  ]
  return prefix === '' ? drafts : drafts.map((one) => ({ ...one, subject: prefix + one.subject }))
}

function words({ command, args }: JsonObject): readonly string[] {
  return [command, args].flatMap((list) => (isList(list) ? list.map(String) : []))
}

function environment(before: JsonObject, after: JsonObject): readonly DifferenceDraft[] {
  const variable = (name: string, item: JsonObject): string =>
    shown(name, typeof item.value === 'string' ? item.value : withoutKeys(item, ['name']))
  return byKey(before.env, after.env, 'name', (name, old, fresh) => {
    const same = JSON.stringify(old) === JSON.stringify(fresh)
    if (same) return undefined
    const one = draft(
      'environment',
      name,
      old && variable(name, old),
      fresh && variable(name, fresh),
    )
    return one ?? { kind: 'environment', change: 'changed', subject: name, message: secretly(name) }
  })
}

function secretly(name: string): string {
  return `environment variable ${name} changed (secret, not shown)`
}

function mounts(before: JsonObject, after: JsonObject): readonly DifferenceDraft[] {
  const text = ({ name, readOnly }: JsonObject): string =>
    `${shownText(name)}${readOnly === true ? ', read-only' : ''}`
  return byKey(before.volumeMounts, after.volumeMounts, 'mountPath', (path, old, fresh) =>
    draft('mount', path, old && text(old), fresh && text(fresh)),
  )
}

function volumes(before: JsonObject, after: JsonObject): readonly DifferenceDraft[] {
  const text = ({ hostPath, ...volume }: JsonObject): string => {
    if (!isObject(hostPath)) return JSON.stringify(withoutKeys(volume, ['name']))
    const { path, type } = hostPath
    return typeof type === 'string' && type !== ''
      ? `${shownText(path)} (${type})`
      : shownText(path)
  }
  const list = ({ spec }: JsonObject) => (isObject(spec) ? spec.volumes : undefined)
  return byKey(list(before), list(after), 'name', (name, old, fresh) =>
    draft('volume', name, old && text(old), fresh && text(fresh)),
  )
}

function probe(
  name: string,
  before: Json | undefined,
  after: Json | undefined,
): readonly DifferenceDraft[] {
  if (isObject(before) && isObject(after))
    return diffValues(before, after).map(({ path, before: old, after: fresh }) => ({
      kind: 'probe',
      ...changeOf(old, fresh),
      subject: `${name} ${path.replace(/^httpGet\./, '')}`,
    }))
  return present([draft('probe', name, probeText(before), probeText(after))])
}

function probeText(probe: Json | undefined): string | undefined {
  if (!isObject(probe)) return undefined
  const { httpGet } = probe
  if (!isObject(httpGet)) return JSON.stringify(probe)
  const { host, path, port, scheme } = httpGet
  return `${shownText(scheme)} ${host === undefined ? '' : shownText(host)}:${shownText(port)}${shownText(path)}`
}

/** Differences of any two values, by field. */
export function fields(before: Json, after: Json, prefix: string): readonly DifferenceDraft[] {
  return diffValues(before, after).map(({ path, name, before: old, after: fresh }) => ({
    kind: 'field',
    ...changeOf(
      old === undefined ? undefined : shown(name, old),
      fresh === undefined ? undefined : shown(name, fresh),
    ),
    subject: prefix + path,
  }))
}

function changeOf(before: Json | undefined, after: Json | undefined) {
  const [old, fresh] = [textOf(before), textOf(after)]
  if (old === undefined) return { change: 'added' as const, after: fresh ?? '' }
  if (fresh === undefined) return { change: 'removed' as const, before: old }
  return { change: 'changed' as const, before: old, after: fresh }
}

function textOf(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined
  return shownText(value)
}

function byKey(
  before: Json | undefined,
  after: Json | undefined,
  key: string,
  diff: (
    name: string,
    before: JsonObject | undefined,
    after: JsonObject | undefined,
  ) => DifferenceDraft | undefined,
): readonly DifferenceDraft[] {
  const index = (list: Json | undefined) =>
    new Map((isList(list) ? list.filter(isObject) : []).map((item) => [shownText(item[key]), item]))
  const [old, fresh] = [index(before), index(after)]
  const names = [...new Set([...old.keys(), ...fresh.keys()])]
  return present(names.map((name) => diff(name, old.get(name), fresh.get(name))))
}

// A pod without what is compared apart. `creationTimestamp: null` says nothing.
function rest(pod: JsonObject): JsonObject {
  const { spec, metadata, ...others } = pod
  return {
    ...others,
    ...(isObject(metadata) && { metadata: withoutKeys(metadata, ['creationTimestamp']) }),
    ...(isObject(spec) && { spec: withoutKeys(spec, ['containers', 'volumes']) }),
  }
}
