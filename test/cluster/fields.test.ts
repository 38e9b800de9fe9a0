import ts from 'typescript'
import type * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { SETTINGS, type SettingRow } from '../../src/cluster/resolve/settings.js'
import { clusterSchema } from '../../src/cluster/spec/schema.js'
import type { ClusterSpec } from '../../src/cluster/spec/spec.js'
import { readText } from './support.js'

/** Readonly at every depth; a field that may be absent may not be written as undefined. */
type Plain<T> = T extends object ? { readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> } : T

describe('ClusterSpec', () => {
  it('has the fields of the schema', () => {
    expectTypeOf<Plain<ClusterSpec>>().toEqualTypeOf<Plain<v.InferInput<typeof clusterSchema>>>()
  })

  it('says of each field what the schema says', () => {
    const documented = commentsOf('ClusterSpec')
    const described = descriptionsOf(clusterSchema)
    expect(documented.size).toBeGreaterThan(150)
    expect(documented).toEqual(described)
  })
})

describe('SETTINGS', () => {
  const rows = Object.entries<SettingRow<unknown>>(SETTINGS)

  it.each(rows)(
    '%s: the default is one that could be written, and the schema names it',
    (_, row) => {
      if (row.default === undefined) return
      expect(row.read(row.default)).toBeDefined()
      const [kind = '', ...keys] = (row.kubeadm ?? '').split('.')
      const section = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}`
      const places = [`.spec.${row.own}`, ['.spec.kubeadm', section, ...keys].join('.')]
      for (const about of places.map((place) => descriptionsOf(clusterSchema).get(place) ?? '')) {
        // Durations are years in kubeadm's words, days in ours.
        const days = about.includes('h0m0s')
        if (/default/i.test(about) && !days) expect(about).toContain(`efault ${row.default}`)
      }
    },
  )
})

const declarations = new Map(
  ['src/cluster/spec/spec.ts', 'src/cluster/kubeadm/configuration.ts'].flatMap((path) =>
    ts
      .createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true)
      .statements.filter((one) => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one))
      .map((one) => [one.name.text, one] as const),
  ),
)

/** What a valibot schema may consist of, as far as descriptions go. */
interface Described {
  readonly kind: string
  readonly pipe?: readonly { readonly type: string; readonly description?: string }[]
  readonly wrapped?: Described
  readonly item?: Described
  readonly value?: Described
  readonly entries?: Readonly<Record<string, Described>>
  readonly options?: readonly (Described | string)[]
}

/** Descriptions of all fields below a schema, by dotted path; lists and maps add nothing to it. */
function descriptionsOf(root: Described): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (schema: Described, path: string): void => {
    const about = schema.pipe?.find(({ type }) => type === 'description')?.description
    if (about !== undefined) found.set(path, about)
    const options = schema.options?.filter((option) => typeof option !== 'string') ?? []
    for (const inner of [schema.wrapped, schema.item, schema.value, ...options])
      if (inner) visit(inner, path)
    for (const [key, entry] of Object.entries(schema.entries ?? {})) visit(entry, `${path}.${key}`)
  }
  visit(root, '')
  return found
}

/** Doc comments of all fields below a type, by dotted path. */
function commentsOf(name: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (node: ts.Node, path: string): void => {
    if (ts.isPropertySignature(node)) {
      const place = `${path}.${node.name.getText()}`
      const [comment] = ts.getJSDocCommentsAndTags(node)
      const text = ts.getTextOfJSDocComment(comment?.comment as string | undefined)
      if (text) found.set(place, text.replaceAll(/\s+/g, ' '))
      if (node.type) visit(node.type, place)
      return
    }
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const target = ts.isTypeReferenceNode(node) ? node.typeName : node.expression
      // The two forms of arguments are a choice that the schema makes when it sees them.
      const declaration = declarations.get(target.getText())
      if (declaration && target.getText() !== 'KubeadmArguments') visit(declaration, path)
    }
    ts.forEachChild(node, (child) => visit(child, path))
  }
  const root = declarations.get(name)
  if (root) visit(root, '')
  return found
}
