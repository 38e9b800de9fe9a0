import {
  Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  parseAllDocuments,
  Scalar,
  YAMLMap,
  YAMLSeq,
} from 'yaml'

/** Part of a source text: which document, and the keys that lead into it. */
export interface YamlOrigin {
  readonly document: number
  readonly path: readonly string[]
}

/** A document to write, and from where its parts take their comments. */
export interface YamlTarget {
  readonly value: unknown
  /** Origins by the dotted path in `value`; the empty path is the document itself. */
  readonly origins: ReadonlyMap<string, YamlOrigin>
}

/**
 * Writes documents anew and keeps the comments, blank lines and quoting of the text that they come from.
 * A part without an origin of its own continues that of the part above it. A mapping that became a list
 * of `{name, value}`, or the reverse, keeps the comments of its entries.
 */
export function rewriteYaml(source: string, targets: readonly YamlTarget[]): string {
  const documents = parseAllDocuments(source, { version: '1.1', merge: true, strict: false })
  const sources = Array.isArray(documents) ? documents.filter((d) => d.contents !== null) : []
  const moved = new Set(
    targets.flatMap(({ origins }) =>
      [...origins.values()].map((origin) => pairAt(sources, origin)),
    ),
  )
  return targets
    .map((target, i) => {
      const rewriter = { sources, origins: target.origins, moved }
      const origin = target.origins.get('')
      const whole = origin?.path.length === 0 ? sources[origin.document] : undefined
      const from = whole ?? (i === 0 ? sources[0] : undefined)
      const document = new Document(null, { version: '1.2' })
      document.contents = build(rewriter, target.value, '', nodeAt(sources, origin))
      if (from) {
        document.commentBefore = from.commentBefore
        if (whole) document.comment = from.comment
      }
      return document.toString({ lineWidth: 0, indentSeq: false })
    })
    .join('---\n')
}

interface Rewriter {
  readonly sources: readonly { readonly contents: unknown }[]
  readonly origins: ReadonlyMap<string, YamlOrigin>
  /** Pairs that some target names as an origin: their comments go with them. */
  readonly moved: ReadonlySet<Pair | undefined>
}

function build(rewriter: Rewriter, value: unknown, path: string, from: Node | undefined): Node {
  const own = rewriter.origins.get(path)
  const source = own ? nodeAt(rewriter.sources, own) : from
  if (Array.isArray(value)) return buildList(rewriter, value, path, source)
  if (value !== null && typeof value === 'object') return buildMap(rewriter, value, path, source)
  return buildScalar(value, source)
}

function buildMap(rewriter: Rewriter, value: object, path: string, source: Node | undefined): Node {
  const map = new YAMLMap<Node, Node>()
  copyComments(source, map)
  if (isMap(source) && source.flow && source.items.length > 0) map.flow = true
  // The parser gives the comment above a mapping's first key to the mapping.
  const first = isMap(source) ? source.items[0] : undefined
  const firstKey = first && keyText(first)
  const led = firstKey !== undefined && Object.hasOwn(value, firstKey) && !map.flow
  for (const [key, member] of Object.entries(value)) {
    const place = path === '' ? key : `${path}.${key}`
    const { pair, item, lead } = memberOf(rewriter, source, key, place)
    const name = new Scalar(key)
    copyComments(pair?.key ?? item, name)
    if (lead) name.commentBefore = lead
    if (led && key === firstKey && map.commentBefore) name.commentBefore = map.commentBefore
    if (map.items.length === 0) name.spaceBefore = false
    const from = item ? valueOfItem(item) : asNode(pair?.value)
    map.items.push(new Pair<Node, Node>(name, build(rewriter, member, place, from)))
  }
  if (led || (first && rewriter.moved.has(first))) map.commentBefore = null
  return map
}

interface Member {
  readonly pair?: Pair | undefined
  /** An entry of a list of `{name, value}`. */
  readonly item?: YAMLMap | undefined
  /** Comment above a pair that was the first of its mapping. */
  readonly lead?: string | null | undefined
}

function memberOf(
  rewriter: Rewriter,
  source: Node | undefined,
  key: string,
  place: string,
): Member {
  const own = rewriter.origins.get(place)
  if (own) {
    const pair = pairAt(rewriter.sources, own)
    const home = nodeAt(rewriter.sources, { ...own, path: own.path.slice(0, -1) })
    const leads = isMap(home) && home.items[0] === pair && own.path.length > 1
    return { pair, lead: leads ? home.commentBefore : undefined }
  }
  if (isMap(source)) return { pair: source.items.find((pair) => keyText(pair) === key) }
  if (isSeq(source)) {
    const item = source.items.findLast((entry) => isMap(entry) && entry.get('name') === key)
    return { item: isMap(item) ? item : undefined }
  }
  return {}
}

function buildList(
  rewriter: Rewriter,
  value: readonly unknown[],
  path: string,
  source: Node | undefined,
): Node {
  const list = new YAMLSeq<Node>()
  copyComments(source, list)
  if (isSeq(source) && source.flow && source.items.length > 0) list.flow = true
  for (const [i, item] of value.entries()) {
    const place = `${path}.${i}`
    if (isMap(source) && isNamed(item)) {
      list.items.push(buildNamed(item, source))
    } else {
      const from = isSeq(source) ? asNode(source.items[i]) : undefined
      list.items.push(build(rewriter, item, place, from))
    }
  }
  return list
}

interface Named {
  readonly name: string
  readonly value: string
}

/** An entry of a mapping as `{name, value}`. */
function buildNamed(item: Named, source: YAMLMap): Node {
  const pair = source.items.find((candidate) => keyText(candidate) === item.name)
  const entry = new YAMLMap<Node, Node>()
  if (pair && isScalar(pair.key)) {
    if (pair.key.commentBefore) entry.commentBefore = pair.key.commentBefore
    if (pair.key.spaceBefore) entry.spaceBefore = true
  }
  entry.items.push(new Pair<Node, Node>(new Scalar('name'), new Scalar(item.name)))
  const value = buildScalar(item.value, asNode(pair?.value))
  entry.items.push(new Pair<Node, Node>(new Scalar('value'), value))
  return entry
}

function buildScalar(value: unknown, source: Node | undefined): Node {
  const scalar = new Scalar(value)
  if (isScalar(source)) {
    copyComments(source, scalar)
    if (source.value === value && source.type) scalar.type = source.type
  }
  // Text that YAML 1.1 reads as something else, such as `yes`, stays quoted.
  if (typeof value === 'string' && !scalar.type && readsOtherwise(value)) {
    scalar.type = 'QUOTE_DOUBLE'
  }
  return scalar
}

function readsOtherwise(text: string): boolean {
  const [document] = parseAllDocuments(text, { version: '1.1' })
  return !(document && isScalar(document.contents) && document.contents.value === text)
}

function copyComments(from: unknown, to: Node): void {
  if (!isCommented(from)) return
  if (from.commentBefore) to.commentBefore = from.commentBefore
  if (from.comment) to.comment = from.comment
  if (from.spaceBefore) to.spaceBefore = true
}

interface Commented {
  readonly commentBefore?: string | null
  readonly comment?: string | null
  readonly spaceBefore?: boolean
}

function isCommented(node: unknown): node is Commented {
  return isScalar(node) || isMap(node) || isSeq(node)
}

function nodeAt(sources: Rewriter['sources'], origin: YamlOrigin | undefined): Node | undefined {
  if (!origin) return undefined
  if (origin.path.length === 0) return asNode(sources[origin.document]?.contents)
  return asNode(pairAt(sources, origin)?.value)
}

function pairAt(sources: Rewriter['sources'], origin: YamlOrigin): Pair | undefined {
  let node = asNode(sources[origin.document]?.contents)
  let pair: Pair | undefined
  for (const key of origin.path) {
    if (isSeq(node)) {
      node = asNode(node.items[Number(key)])
      continue
    }
    if (!isMap(node)) return undefined
    pair = node.items.find((candidate) => keyText(candidate) === key)
    node = asNode(pair?.value)
  }
  return pair
}

function valueOfItem(item: YAMLMap): Node | undefined {
  return asNode(item.items.find((pair) => keyText(pair) === 'value')?.value)
}

// An alias has no comments of its own to keep, and its value is written out.
function asNode(value: unknown): Node | undefined {
  if (isAlias(value)) return undefined
  return isScalar(value) || isMap(value) || isSeq(value) ? value : undefined
}

function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined
}

function isNamed(value: unknown): value is Named {
  if (value === null || typeof value !== 'object') return false
  return (
    'name' in value &&
    'value' in value &&
    typeof value.name === 'string' &&
    typeof value.value === 'string'
  )
}
