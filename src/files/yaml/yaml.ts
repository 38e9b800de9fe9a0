import {
  EVENT_ID,
  type Event,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from 'js-yaml'
import { isKpkiError, KpkiError, messageOf } from '../../errors.js'
import { isObject } from '../../values/json.js'
import { type PlainScalar, resolvePlain } from './scalars.js'

/** Largest input, in UTF-16 code units. */
export const MAX_YAML_LENGTH = 1024 * 1024
/** Most values in one input after every alias has been expanded. */
export const MAX_YAML_NODES = 100_000

export interface YamlOptions {
  /**
   * Paths whose plain scalars are kept as written, so that `kubernetesVersion: 1.30` is the text
   * `1.30`. Keys joined by dots; `*` stands for any key or list index: `spec.nodes.*.name`.
   */
  readonly textPaths?: readonly string[]
}

/**
 * Reads one YAML document as kubeadm does (sigs.k8s.io/yaml on Go's yaml.v2, YAML 1.1: `yes`, `on`
 * and `n` are booleans, `0777` is octal, dates are text), strictly: duplicate keys are refused, and so
 * are infinities, NaN, integers beyond 2^53 and custom tags. Aliases and `<<` merges work up to
 * {@link MAX_YAML_NODES} values in all. An empty text is `null`.
 *
 * @param source name of the input for error messages
 * @throws KpkiError `ERR_YAML_INVALID` with the line
 */
export function loadYaml(text: string, source?: string, options: YamlOptions = {}): unknown {
  const documents = loadYamlAll(text, source, options)
  if (documents.length > 1) {
    throw yamlError(`${documents.length} YAML documents where one was expected`, source)
  }
  return documents[0] ?? null
}

/** Reads every document of a YAML stream; empty ones are left out. See {@link loadYaml}. */
export function loadYamlAll(text: string, source?: string, options: YamlOptions = {}): unknown[] {
  if (text.length > MAX_YAML_LENGTH) {
    throw yamlError(`YAML is larger than ${MAX_YAML_LENGTH} characters`, source)
  }
  const events = eventsOf(text, source)
  const paths = (options.textPaths ?? []).map((path) => path.split('.'))
  const reader: Reader = { text, source, events, at: 0, nodes: 0, paths, anchors: new Map() }
  const documents: unknown[] = []
  while (reader.at < events.length) {
    const event = next(reader)
    if (event.type !== EVENT_ID.DOCUMENT) continue
    reader.anchors.clear()
    if (events[reader.at]?.type === EVENT_ID.POP) continue
    const value = readNode(reader, []).value
    if (value !== null) documents.push(value)
  }
  return documents
}

interface Reader {
  readonly text: string
  readonly source: string | undefined
  readonly events: readonly Event[]
  readonly paths: readonly (readonly string[])[]
  readonly anchors: Map<string, Loaded>
  at: number
  nodes: number
}

/** A value and how many values it holds, itself included. */
interface Loaded {
  readonly value: unknown
  readonly size: number
}

function eventsOf(text: string, source: string | undefined): readonly Event[] {
  try {
    return parseEvents(text, { maxDepth: 100 })
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const line = error.mark === undefined ? undefined : error.mark.line + 1
    // Not as its cause: that holds the whole text, which may be a kubeconfig.
    throw yamlError(error.reason, source, line)
  }
}

function next(reader: Reader): Event {
  const event = reader.events[reader.at++]
  if (!event) throw yamlError('YAML ends in the middle of a value', reader.source)
  return event
}

function readNode(reader: Reader, path: readonly string[]): Loaded {
  const event = next(reader)
  if (event.type === EVENT_ID.ALIAS) return aliased(reader, event.anchorStart, event.anchorEnd)
  if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) {
    throw yamlError('a YAML value is missing', reader.source)
  }
  const before = reader.nodes
  count(reader, 1, offsetOf(event))
  const value = contentOf(reader, event, path)
  const loaded = { value, size: reader.nodes - before }
  if (event.anchorStart >= 0) {
    reader.anchors.set(reader.text.slice(event.anchorStart, event.anchorEnd), loaded)
  }
  return loaded
}

type NodeEvent = Extract<Event, { anchorStart: number; tagStart: number }>

function contentOf(reader: Reader, event: NodeEvent, path: readonly string[]): unknown {
  const tag = event.tagStart < 0 ? undefined : reader.text.slice(event.tagStart, event.tagEnd)
  switch (event.type) {
    case EVENT_ID.SEQUENCE:
      expectTag(reader, event, tag, '!!seq')
      return readSequence(reader, path)
    case EVENT_ID.MAPPING:
      expectTag(reader, event, tag, '!!map')
      return readMapping(reader, path)
    case EVENT_ID.SCALAR: {
      const text = getScalarValue(reader.text, event)
      const plain = event.style === SCALAR_STYLE.PLAIN
      if (tag === undefined && plain && isTextPath(reader, path)) {
        return resolvePlain(text).kind === 'null' ? null : text
      }
      const resolved = scalarOf(tag, plain, text)
      if (resolved === undefined) {
        throw errorAt(reader, offsetOf(event), `"${text}" can't be read as ${tag}`)
      }
      return plainValue(reader, offsetOf(event), text, resolved)
    }
  }
}

function readSequence(reader: Reader, path: readonly string[]): unknown[] {
  const items: unknown[] = []
  while (reader.events[reader.at]?.type !== EVENT_ID.POP) {
    items.push(readNode(reader, [...path, String(items.length)]).value)
  }
  reader.at++
  return items
}

function readMapping(reader: Reader, path: readonly string[]): Record<string, unknown> {
  const own = new Map<string, unknown>()
  const merged: Record<string, unknown>[] = []
  while (reader.events[reader.at]?.type !== EVENT_ID.POP) {
    const event = reader.events[reader.at]
    const offset = event ? offsetOf(event) : 0
    const isMerge =
      event?.type === EVENT_ID.SCALAR &&
      event.style === SCALAR_STYLE.PLAIN &&
      getScalarValue(reader.text, event) === '<<'
    const key = keyOf(reader, readNode(reader, [...path, '*']).value, offset)
    const member = readNode(reader, [...path, key]).value
    if (isMerge) merged.push(...mergeSources(reader, member, offset))
    else if (own.has(key)) throw errorAt(reader, offset, `${keyText(key)} occurs twice`)
    else own.set(key, member)
  }
  reader.at++
  const all = new Map<string, unknown>()
  for (const source of merged.reverse()) {
    for (const [key, member] of Object.entries(source)) all.set(key, member)
  }
  for (const [key, member] of own) all.set(key, member)
  return Object.fromEntries(all)
}

function mergeSources(reader: Reader, value: unknown, offset: number): Record<string, unknown>[] {
  return (Array.isArray(value) ? value : [value]).map((source: unknown) => {
    if (!isObject(source))
      throw errorAt(reader, offset, '"<<" must name a mapping or a list of them')
    count(reader, Object.keys(source).length, offset)
    return source
  })
}

function keyOf(reader: Reader, key: unknown, offset: number): string {
  if (typeof key === 'string') return key
  if (typeof key === 'number' || typeof key === 'boolean') return String(key)
  throw errorAt(reader, offset, 'a mapping key must be text')
}

function aliased(reader: Reader, start: number, end: number): Loaded {
  const name = reader.text.slice(start, end)
  const loaded = reader.anchors.get(name)
  if (!loaded) throw errorAt(reader, start, `the alias "*${name}" has no anchor before it`)
  count(reader, loaded.size, start)
  return loaded
}

function count(reader: Reader, nodes: number, offset: number): void {
  reader.nodes += nodes
  if (reader.nodes > MAX_YAML_NODES) {
    throw errorAt(reader, offset, `YAML expands to more than ${MAX_YAML_NODES} values`)
  }
}

function scalarOf(tag: string | undefined, plain: boolean, text: string): PlainScalar | undefined {
  if (tag === undefined) return plain ? resolvePlain(text) : { kind: 'text' }
  if (tag === '!' || tag === '!!str') return { kind: 'text' }
  const resolved = resolvePlain(text)
  if (tag === '!!float' && resolved.kind === 'integer') return resolved
  const kinds = { '!!int': 'integer', '!!float': 'float', '!!bool': 'boolean', '!!null': 'null' }
  return Object.entries(kinds).some(([name, kind]) => name === tag && kind === resolved.kind)
    ? resolved
    : undefined
}

function plainValue(reader: Reader, offset: number, text: string, scalar: PlainScalar): unknown {
  switch (scalar.kind) {
    case 'text':
    case 'timestamp':
      return text
    case 'null':
      return null
    case 'boolean':
      return scalar.value
    case 'integer': {
      const value = Number(scalar.value)
      if (Number.isSafeInteger(value)) return value
      throw errorAt(
        reader,
        offset,
        'a whole number beyond 2^53 loses digits: quote it to keep it as text',
      )
    }
    case 'float':
      if (Number.isFinite(scalar.value)) return scalar.value
      throw errorAt(reader, offset, `${text} is not a number that JSON can hold`)
  }
}

function expectTag(reader: Reader, event: NodeEvent, tag: string | undefined, own: string): void {
  if (tag === undefined || tag === '!' || tag === own) return
  throw errorAt(reader, offsetOf(event), `the tag ${tag} is not supported`)
}

function isTextPath(reader: Reader, path: readonly string[]): boolean {
  return reader.paths.some(
    (pattern) =>
      pattern.length === path.length &&
      pattern.every((part, i) => part === '*' || part === path[i]),
  )
}

function offsetOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      return Math.max(event.valueStart, event.anchorStart, event.tagStart, 0)
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start
    case EVENT_ID.ALIAS:
      return event.anchorStart
    default:
      return 0
  }
}

function errorAt(reader: Reader, offset: number, message: string): KpkiError<'ERR_YAML_INVALID'> {
  const line = reader.text.slice(0, offset).split('\n').length
  return yamlError(message, reader.source, line)
}

/** Why a document is not usable, with the line where known. */
export interface ReadFailure {
  readonly message: string
  readonly line?: number
}

/** What {@link loadYaml} threw, as a value. */
export function failureOf(error: unknown): ReadFailure {
  const line =
    isKpkiError(error) && error.code === 'ERR_YAML_INVALID' ? error.details.line : undefined
  return { message: messageOf(error), ...(line !== undefined && { line }) }
}

/** A key by its name, if it looks like one: a secret in the wrong place may be the key. */
function keyText(key: string): string {
  return /^[A-Za-z_][A-Za-z_./-]{0,62}$/.test(key) ? `the key "${key}"` : 'a key'
}

function yamlError(
  message: string,
  source: string | undefined,
  line?: number,
): KpkiError<'ERR_YAML_INVALID'> {
  const place = [source, line === undefined ? undefined : `line ${line}`].filter(Boolean).join(', ')
  return new KpkiError('ERR_YAML_INVALID', place === '' ? message : `${place}: ${message}`, {
    ...(source === undefined ? {} : { path: source }),
    ...(line === undefined ? {} : { line }),
  })
}
