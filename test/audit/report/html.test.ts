import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { layoutGraph } from '../../../src/audit/report/graph/layout.js'
import { graphModel, linkSentence } from '../../../src/audit/report/graph/model.js'
import { graphSvg } from '../../../src/audit/report/graph/svg.js'
import { graphDot, graphMermaid, graphText } from '../../../src/audit/report/graph/text.js'
import { renderHtml } from '../../../src/audit/report/html/html.js'
import { lifeRows, lifeScale } from '../../../src/audit/report/html/life.js'
import {
  badReport,
  connection,
  expiry,
  finding,
  fingerprint,
  hostileReport,
  sampleReport,
} from './sample.js'

describe('the HTML page', () => {
  const reports = [sampleReport(), badReport(), hostileReport()]
  const pages = () => Promise.all(reports.map((report) => renderHtml(report)))

  it('allows by its policy exactly its own script and style', async () => {
    for (const page of await pages()) {
      const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1] ?? ''
      const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
      const script = /<script>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ''
      const hash = (text: string): string => createHash('sha256').update(text).digest('base64')
      expect(policy).toBe(
        `default-src 'none'; style-src 'sha256-${hash(style)}'; script-src 'sha256-${hash(script)}'; base-uri 'none'; form-action 'none'`,
      )
      expect(() => new Function(script)).not.toThrow()
    }
  })

  it('has nothing that a policy would block: no handlers, style attributes, or addresses', async () => {
    for (const page of await pages()) {
      const markup = page
        .replace(/<style>[\s\S]*?<\/style>/, '')
        .replace(/<script[\s\S]*?<\/script>/g, '')
      for (const [tag] of markup.matchAll(/<[a-z][^>]*>/gi)) {
        expect(tag).not.toMatch(/\s(on[a-z]+|style|src)=/i)
        expect(tag).not.toMatch(/\shref="(?!#)/i)
      }
    }
  })

  it('lets no value become markup', async () => {
    const page = await renderHtml(hostileReport())
    expect(page.match(/<script/g)).toHaveLength(2)
    expect(page).not.toMatch(/alert\(1\)<\/script>/)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    const data = /id="data">([\s\S]*?)<\/script>/.exec(page)?.[1] ?? ''
    expect(data).not.toMatch(/[<>&]/)
    expect(Object.keys(JSON.parse(data) as object)).toEqual(['certificates'])
  })

  it('nests its elements and repeats no id', async () => {
    for (const page of await pages()) {
      const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
      expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
      expect(unbalanced(page)).toEqual([])
    }
  })

  it('puts the picture first, and the same as text', async () => {
    const page = await renderHtml(badReport())
    const at = (text: string): number => page.indexOf(text)
    expect(at('<svg class="graph')).toBeGreaterThan(at('<h1>'))
    expect(at('<svg class="graph')).toBeLessThan(at('id="life"'))
    expect(page).toContain('kube-apiserver → etcd: 1 connection fails, though it must work')
    expect(page).toContain('kubelet → etcd: 1 connection is open, though it must not be')
  })

  it('gives every finding a link of its own, also where alike ones share a place', async () => {
    const findings = ['a', 'b', 'c'].map((node) => finding({ node }))
    const page = await renderHtml(sampleReport({ findings }))
    const ids = [...page.matchAll(/ id="(finding-[^"]*)"/g)].map(([, id]) => id)
    expect(ids).toEqual(
      findings.map(() => expect.stringMatching(/^finding-san-missing-[0-9a-f]{16}$/)),
    )
    expect(new Set(ids).size).toBe(3)
    expect(page.match(/class="message"/g)).toHaveLength(1)
  })
})

const VOID = new Set(['meta', 'input', 'br'])

/** End tags that fit no start tag, and start tags that nothing ends. */
function unbalanced(page: string): readonly string[] {
  const open: string[] = []
  const wrong: string[] = []
  const markup = page.replace(/<(style|script)\b[^>]*>[\s\S]*?<\/\1>/g, '')
  for (const [, close, name = '', self] of markup.matchAll(/<(\/?)([a-z0-9]+)\b[^>]*?(\/?)>/gi)) {
    if (VOID.has(name) || self === '/') continue
    if (close !== '/') open.push(name)
    else if (open.at(-1) === name) open.pop()
    else wrong.push(`</${name}> in <${open.at(-1) ?? ''}>`)
  }
  return [...wrong, ...open]
}

describe('the trust graph', () => {
  const many = sampleReport({
    connections: Array.from({ length: 500 }, (_, i) => [
      connection({ from: `kubelet/w${i}`, to: 'kube-apiserver/cp1' }),
      connection({
        from: `kubelet/w${i}`,
        to: 'etcd/cp1',
        must: 'fail',
        will: i < 3 ? 'succeed' : 'fail',
      }),
    ]).flat(),
  })

  it('folds any number of nodes into one box per kind', () => {
    const model = graphModel(many)
    expect(model.cards.map(({ id, members }) => [id, members.length])).toEqual([
      ['kube-apiserver', 1],
      ['etcd', 1],
      ['kubelet', 500],
    ])
    expect(model.links.map(linkSentence)).toEqual([
      'kubelet → etcd: 3 of 500 connections are open, though they must not be',
      'kubelet → kube-apiserver: 500 connections work',
      'kubelet → etcd: 497 of 500 connections are refused, as they must be',
    ])
  })

  it.each(['wide', 'narrow'] as const)(
    '%s: boxes do not overlap, and everything is inside',
    (variant) => {
      for (const report of [badReport(), many, hostileReport()]) {
        const { width, height, boxes, routes } = layoutGraph(graphModel(report), variant)
        for (const box of boxes) {
          expect(box.x).toBeGreaterThanOrEqual(0)
          expect(box.x + box.width).toBeLessThanOrEqual(width)
          expect(box.y + box.height).toBeLessThanOrEqual(height)
          for (const other of boxes) {
            if (other === box || other.column !== box.column) continue
            expect(other.y >= box.y + box.height || box.y >= other.y + other.height).toBe(true)
          }
        }
        for (const { path, badge } of routes) {
          expect(path).toMatch(/^M[-\d.]+ [-\d.]+[HLC]/)
          expect(path).not.toContain('NaN')
          expect(badge[0]).toBeLessThan(width)
          expect(badge[1]).toBeLessThan(height)
        }
      }
    },
  )

  it('tells edges apart without colour', () => {
    const svg = graphSvg(graphModel(badReport()))
    expect(svg).toMatch(/class="badge broken"[\s\S]*?class="glyph"/)
    expect(svg).toMatch(/class="badge forbidden"[\s\S]*?class="glyph"/)
    expect(svg).toContain('role="img" aria-labelledby="graph-wide-title graph-wide-desc"')
  })

  it('is text, Graphviz and Mermaid too, whatever the names', () => {
    expect(graphText(badReport())).toContain('  OPEN  kubelet/worker1 → etcd/controlplane')
    const dot = graphDot(hostileReport())
    expect(dot.replace(/"(\\.|[^"\\])*"/g, '')).toMatch(/^digraph kpki \{[\s\w=[\],;>-]*\}\n$/)
    const mermaid = graphMermaid(hostileReport())
    expect(mermaid).not.toContain('<script')
    expect(mermaid.replace(/"[^"\n]*"/g, '')).not.toMatch(/["`]/)
  })
})

describe('the life of certificates', () => {
  it('shows every certificate, soonest end first, alike ones of all nodes in one row', () => {
    const names = Array.from({ length: 2000 }, (_, i) => `w${i}`)
    const report = sampleReport({
      expiry: [
        ...names.map((node, i) =>
          expiry({
            node,
            path: 'etc/kubernetes/kubelet.conf',
            days: 200 + (i % 5),
            certificate: fingerprint(i),
          }),
        ),
        expiry({ days: -3, certificate: fingerprint(9001) }),
        expiry({
          authority: true,
          path: 'etc/kubernetes/pki/ca.crt',
          days: 3650,
          certificate: fingerprint(9002),
        }),
      ],
    })
    const rows = lifeRows(report, lifeScale(report))
    expect(rows.map(({ label, status, nodes }) => [label, status, nodes.length])).toEqual([
      ['pki/etcd/server.crt', 'expired', 1],
      ['kubelet.conf', 'valid', 2000],
      ['pki/ca.crt', 'valid', 1],
    ])
    expect(rows.reduce((sum, { certificates }) => sum + certificates.length, 0)).toBe(2002)
    for (const { start, end, last } of rows) {
      expect(start).toBeGreaterThanOrEqual(0)
      expect(start).toBeLessThanOrEqual(end)
      expect(end).toBeLessThanOrEqual(last)
      expect(last).toBeLessThanOrEqual(100)
    }
  })
})
