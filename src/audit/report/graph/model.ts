import { groupBy } from '../../../values/lists.js'
import type { AuditReport, Connection } from '../../types.js'
import { count, type Standing, standingOf } from '../words.js'

/** Every instance of one kind of component or client, as one box of the picture. */
export interface Card {
  readonly id: string
  readonly title: string
  /** Names of its nodes, in order. */
  readonly members: readonly string[]
  /** How many of them do not start. */
  readonly down: number
  readonly lane: Lane
}

/** `client`: left · `hub`: the API server · `server`: right · `intruder`: who should not get in. */
export type Lane = 'client' | 'hub' | 'server' | 'intruder'

/** All connections of one standing from one card to another. */
export interface Link {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly standing: Standing
  readonly connections: readonly Connection[]
  /** How many connections there are between the two that must end alike. */
  readonly of: number
}

export interface GraphModel {
  readonly cards: readonly Card[]
  /** Gravest first. */
  readonly links: readonly Link[]
}

interface LaneRow {
  readonly title: string
  readonly lane: Lane
}

/** Boxes in the order in which they are stacked. */
const ROWS: Readonly<Record<string, LaneRow>> = {
  admin: { title: 'admin', lane: 'client' },
  'super-admin': { title: 'super-admin', lane: 'client' },
  user: { title: 'users', lane: 'client' },
  'kube-controller-manager': { title: 'controller-manager', lane: 'client' },
  'kube-scheduler': { title: 'scheduler', lane: 'client' },
  'kube-proxy': { title: 'kube-proxy', lane: 'client' },
  'kubeadm-join': { title: 'kubeadm join', lane: 'client' },
  pods: { title: 'programs in pods', lane: 'client' },
  tokens: { title: 'service accounts', lane: 'client' },
  'kube-apiserver': { title: 'kube-apiserver', lane: 'hub' },
  etcd: { title: 'etcd', lane: 'server' },
  'etcd-healthcheck-client': { title: 'etcd health check', lane: 'server' },
  kubelet: { title: 'kubelet', lane: 'server' },
  'extension-apiserver': { title: 'extension APIs', lane: 'server' },
  anonymous: { title: 'anybody', lane: 'intruder' },
  others: { title: 'other certificates', lane: 'intruder' },
}

const ORDER = Object.keys(ROWS)

/** Instances that are part of another box. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^etcd-(peer|gateway)$/, 'etcd'],
  [/^probe$/, 'kubelet'],
  [/^tokens-of-/, 'tokens'],
  [/^openssl-pods$/, 'pods'],
  [
    /^(certificates-of\(|client-certificate$|front-proxy|apiserver-etcd-client|kube-apiserver-kubelet-client|etcd-(server|certificate))/,
    'others',
  ],
]

/** Members that stand for no node. */
const NOWHERE = new Set(['any', 'anywhere', 'as-another', 'cluster'])

const GRAVITY: readonly Standing[] = ['broken', 'forbidden', 'unknown', 'works', 'refused']

/** Folds the connections of any number of nodes into one box per kind of component. */
export function graphModel(report: AuditReport): GraphModel {
  const members = new Map<string, Set<string>>()
  const pairs = groupBy(report.connections, ({ from, to }) => `${boxOf(from)}\u0000${boxOf(to)}`)
  for (const { from, to } of report.connections)
    for (const end of [from, to]) {
      const set = members.get(boxOf(end)) ?? new Set()
      members.set(boxOf(end), set.add(nodeOf(end)))
    }
  const links = [...pairs.values()].flatMap((connections) =>
    [...groupBy(connections, standingOf)].map(([standing, same]): Link => {
      const [from, to] = [boxOf(same[0]?.from ?? ''), boxOf(same[0]?.to ?? '')]
      const id = `link-${slug(from)}-${slug(to)}-${standing}`
      const of = connections.filter(({ must }) => must === same[0]?.must).length
      return { id, from, to, standing, connections: same, of }
    }),
  )
  const drawn = new Set(links.filter(isTold).flatMap(({ from, to }) => [from, to]))
  const cards = [...members]
    .filter(([id]) => drawn.has(id))
    .map(([id, names]) => card(report, id, [...names]))
  return {
    cards: cards.sort((a, b) => rank(a.id) - rank(b.id)),
    links: links.sort(
      (a, b) =>
        GRAVITY.indexOf(a.standing) - GRAVITY.indexOf(b.standing) ||
        rank(a.from) - rank(b.from) ||
        rank(a.to) - rank(b.to),
    ),
  }
}

/** Whether a link says more than that somebody is kept out, or may be. */
export function isTold({ standing, connections }: Link): boolean {
  if (standing === 'refused') return false
  return standing !== 'unknown' || connections.some(({ must }) => must === 'succeed')
}

/** How many connections stand so. */
export function connectionCount({ links }: GraphModel, standing: Standing): number {
  return links
    .filter((link) => link.standing === standing)
    .reduce((sum, { connections }) => sum + connections.length, 0)
}

function card(report: AuditReport, id: string, names: readonly string[]): Card {
  const row = ROWS[id] ?? { title: id, lane: 'client' as const }
  const down = report.components.filter(
    ({ name, starts }) => name === id && starts === false,
  ).length
  return { id, ...row, members: names.filter((name) => !NOWHERE.has(name)), down }
}

/** The box that `<who>/<node>` belongs to. */
export function boxOf(end: string): string {
  const who = end.slice(0, end.includes('/') ? end.indexOf('/') : undefined)
  return PARTS.find(([sign]) => sign.test(who))?.[1] ?? who
}

function nodeOf(end: string): string {
  return end.includes('/') ? end.slice(end.indexOf('/') + 1) : 'cluster'
}

function rank(id: string): number {
  const index = ORDER.indexOf(id)
  return index < 0 ? ORDER.indexOf('kube-apiserver') - 0.5 : index
}

/** Letters, digits and dashes: part of an element's id. */
export function slug(text: string): string {
  return text.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60)
}

const boxTitle = (id: string): string => ROWS[id]?.title ?? id

const VERBS: Readonly<Record<Standing, string>> = {
  works: 'work',
  refused: 'are refused, as they must be',
  broken: 'fail, though they must work',
  forbidden: 'are open, though they must not be',
  unknown: 'are unknown: not all that decides was given',
}

/** `kube-apiserver → etcd: 2 of 3 connections fail, though they must work`. */
export function linkSentence({ from, to, standing, connections, of }: Link): string {
  const number =
    connections.length === of
      ? count(of, 'connection')
      : `${connections.length} of ${count(of, 'connection')}`
  return `${boxTitle(from)} → ${boxTitle(to)}: ${number} ${of === 1 ? singular(VERBS[standing]) : VERBS[standing]}`
}

function singular(verb: string): string {
  return verb
    .replace(/^are /, 'is ')
    .replace(/^(work|fail)/, '$1s')
    .replace('they must', 'it must')
}
