import { edgeKind } from '../graph.js'
import { hostOf } from '../hosts.js'
import type { Connection, Estate, FindingDraft, RuleContext } from '../types.js'

/** Finds what a derived rule speaks about in connections and components that are judged already. */
export type Check = (
  estate: Estate,
  context: RuleContext,
) => Iterable<FindingDraft> | 'not-applicable'

/** A must-succeed connection that fails: one finding for each cause, however many connections share it. */
export function broken(id: string): Check {
  return (_estate, { connections }) => {
    const failed = connections.filter(
      ({ must, will, rule }) => must === 'succeed' && will === 'fail' && rule === id,
    )
    const causes = groupBy(failed, ({ reason, node, path, to }) =>
      [path === undefined ? reason : path, node, roleOf(to)].join('\n'),
    )
    return [...causes].map(([, group]) => causeOf(group))
  }
}

function causeOf(group: readonly Connection[]): FindingDraft {
  const [first] = group as readonly [Connection]
  const others = group.length - 1
  const hosts = new Set(group.flatMap(({ url }) => hostOf(url) ?? []))
  hosts.delete(hostOf(first.url) ?? '')
  const names =
    first.rule === 'connection-name' && hosts.size > 0 ? ` for ${[...hosts].join(', ')}` : ''
  const more =
    others === 0 ? '' : ` (and ${others} more connection${others === 1 ? '' : 's'}${names})`
  const node =
    first.node ?? nodeOf(/\/(cluster|operator)$/.test(first.from) ? first.to : first.from)
  const severity = edgeKind(first.kind)?.severity
  return {
    node,
    ...(first.path !== undefined && { path: first.path }),
    message: `${pairText(first)} ${first.url}: ${first.reason ?? 'fails'}${more}`,
    ...(severity && { severity }),
  }
}

/** A must-fail connection that succeeds: one finding for each door. */
export function hole(id: string): Check {
  return (_estate, { connections }) => {
    const judged = connections.filter(({ kind }) => edgeKind(kind)?.rule === id)
    if (judged.length === 0) return 'not-applicable'
    const open = judged.filter(({ will }) => will === 'succeed')
    const doors = groupBy(open, ({ to, reason, privilege, kind }) =>
      [kind === 'kubelet-as-another' ? '' : doorOf(to), reason, privilege].join('\n'),
    )
    return [...doors].map(([, group]) => openDoor(group))
  }
}

function openDoor(group: readonly Connection[]): FindingDraft {
  const [first] = group as readonly [Connection]
  const severity = edgeKind(first.kind)?.severity
  const from = [...new Set(group.map((one) => one.from))]
  const who =
    from.length > 4 ? `${from.slice(0, 3).join(', ')} and ${from.length - 3} more` : from.join(', ')
  const node = first.kind === 'kubelet-as-another' ? nodeOf(first.from) : nodeOf(first.to)
  const gains = first.privilege === undefined ? '' : `; it gives ${first.privilege}`
  return {
    node,
    ...(first.node === node && first.path !== undefined && { path: first.path }),
    message: `${who} → ${first.to} ${first.url}: ${first.reason ?? 'gets in'}${gains}`,
    ...(severity && { severity }),
  }
}

function groupBy<T>(
  items: readonly T[],
  key: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

function nodeOf(end: string): string {
  return end.slice(end.indexOf('/') + 1)
}

function roleOf(end: string): string {
  return end.slice(0, end.indexOf('/'))
}

// Both ports of an etcd member are one door.
function doorOf(end: string): string {
  return end.replace(/^etcd-peer\//, 'etcd/')
}

function pairText({ from, to }: Connection): string {
  return nodeOf(from) === nodeOf(to) ? `${roleOf(from)} → ${roleOf(to)}` : `${from} → ${to}`
}

export const down: Check = (_estate, { components }) =>
  components.length === 0
    ? 'not-applicable'
    : components
        .filter(({ starts }) => !starts)
        .map(({ node, name, reason, path }) => ({
          node,
          ...(path !== undefined && { path }),
          message: `${name} on ${node} does not start: ${reason ?? 'for its files'}`,
        }))

// What fails for Go programs too is reported there.
export const onlyOpenssl: Check = (estate, context) => {
  const working = new Set(
    context.connections
      .filter(({ kind, will }) => kind === 'pods-apiserver' && will === 'succeed')
      .map(({ to, url }) => `${to} ${url}`),
  )
  const connections = context.connections.filter(
    ({ kind, to, url }) => kind !== 'pods-openssl' || working.has(`${to} ${url}`),
  )
  return broken('connection-openssl')(estate, { ...context, connections })
}

export const tooMuch: Check = (_estate, { connections }) => {
  const rule = 'component-too-privileged'
  const found = groupBy(
    connections.filter((one) => one.rule === rule),
    ({ from, reason }) => `${from}\n${reason}`,
  )
  return [...found].map(([, [first]]) => ({
    ...(first?.node !== undefined && { node: first.node }),
    ...(first?.path !== undefined && { path: first.path }),
    message: `${first?.from} ${first?.reason}; that is ${first?.privilege}`,
  }))
}
