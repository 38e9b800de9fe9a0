import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditTree } from '../../src/audit/audit.js'
import { renderHtml } from '../../src/audit/report/html/html.js'
import { RULES } from '../../src/audit/rules/index.js'
import { generate } from '../../src/generate/generate.js'
import {
  badReport,
  connection,
  expiry,
  finding,
  fingerprint,
  hostileReport,
  sampleReport,
} from '../audit/report/sample.js'
import { envAt, large, later } from '../certs/clusters.js'
import { type Browser, hasChromium, launch, type Page } from './report-chromium-driver.js'

if (!hasChromium)
  process.stderr.write('SKIPPED: the HTML report in a browser (apt-get install chromium)\n')

/** Where screenshots go, for people to look at. */
const SHOTS = process.env.KPKI_SCREENSHOTS ?? join(tmpdir(), 'kpki-screenshots')

/** A report on a real tree with several defects. */
async function realReport() {
  const generated = await generate(large({ topology: 'single' }), { env: envAt() })
  const nodes = new Map(generated.nodes)
  const tree = new Map(nodes.get('cp2'))
  tree.delete('etc/kubernetes/pki/apiserver.key')
  nodes.set('cp2', tree)
  return auditTree({ ...generated, nodes }, { at: later(300), horizonDays: 90 })
}

/** Two thousand nodes, each with faults. */
function hugeReport() {
  const names = Array.from({ length: 2000 }, (_, i) => `worker-${i + 1}`)
  return sampleReport({
    findings: names.map((node) => finding({ node, message: `kubelet on ${node} cannot connect` })),
    connections: names.flatMap((node, i) => [
      connection({
        from: `kubelet/${node}`,
        to: 'kube-apiserver/cp1',
        will: i % 3 === 0 ? 'fail' : 'succeed',
      }),
      connection({ from: 'kube-apiserver/cp1', to: `kubelet/${node}` }),
      connection({ from: `kubelet/${node}`, to: 'etcd/cp1', must: 'fail', will: 'fail' }),
    ]),
    expiry: names.flatMap((node, i) => [
      expiry({
        node,
        path: 'etc/kubernetes/kubelet.conf',
        certificate: fingerprint(2 * i),
        days: 20 + (i % 300),
      }),
      expiry({
        node,
        path: 'var/lib/kubelet/pki/kubelet.crt',
        certificate: fingerprint(2 * i + 1),
        days: 400,
      }),
    ]),
  })
}

describe.skipIf(!hasChromium)('the HTML report in a browser', () => {
  let browser: Browser
  let pages: {
    readonly real: string
    readonly bad: string
    readonly hostile: string
    readonly huge: string
  }

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    browser = await launch()
    const render = { rules: RULES, version: '0.0.0' }
    pages = {
      real: await renderHtml(await realReport(), render),
      bad: await renderHtml(badReport()),
      hostile: await renderHtml(hostileReport()),
      huge: await renderHtml(hugeReport()),
    }
  })
  afterAll(async () => browser?.close())

  it.each(['real', 'bad', 'hostile', 'huge'] as const)(
    'opens without complaint, and contacts nobody: %s',
    async (name) => {
      const page = await browser.open(pages[name])
      expect(page.troubles).toEqual([])
      expect(await page.run<number>('document.querySelectorAll("script").length')).toBe(2)
      expect(
        await page.run<number>('document.querySelectorAll("img,iframe,object,link").length'),
      ).toBe(0)
      expect(await page.run<string>('document.querySelector("h1").textContent')).toMatch(
        /FAILED|INCOMPLETE/,
      )
      await page.screenshot(join(SHOTS, `${name}.png`))
    },
  )

  it('holds its own policy: an injected script does not run', async () => {
    const injected = pages.bad.replace(
      '</main>',
      '<script>window.injected = 1</script><img src="https://example.com/x"></main>',
    )
    const page = await browser.open(injected)
    expect(await page.run('typeof window.injected')).toBe('undefined')
    expect(
      page.troubles.filter((trouble) => /Content Security Policy/i.test(trouble)).length,
    ).toBeGreaterThan(1)
  })

  it.each([
    ['real', 390],
    ['bad', 390],
    ['hostile', 390],
    ['huge', 360],
    ['real', 768],
    ['real', 1200],
  ] as const)('%s fits %i pixels without scrolling sideways', async (name, width) => {
    const page = await browser.open(pages[name], { width, height: 844 })
    expect(await page.run<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      width,
    )
    const shown = await page.run<number[]>(
      '[...document.querySelectorAll("svg.graph")].map((svg) => svg.getBoundingClientRect().width)',
    )
    expect(shown.filter((size) => size > 0)).toHaveLength(1)
    if (width === 390) await page.screenshot(join(SHOTS, `${name}-phone.png`))
  })

  it('filters findings by words, node and severity', async () => {
    const page = await browser.open(pages.bad)
    const visible = () =>
      page.run<number>(
        '[...document.querySelectorAll(".finding")].filter((e) => e.offsetParent).length',
      )
    const status = () => page.run<string>('document.querySelector("#shown").textContent')
    expect(await visible()).toBe(3)
    await page.run('document.querySelector("#filter-text").focus()')
    await page.type('expires')
    expect(await visible()).toBe(1)
    expect(await status()).toBe('1 of 3 findings')
    await page.run(
      '{ const f = document.querySelector("#filter"); f.reset(); f.dispatchEvent(new Event("input")) }',
    )
    expect(await visible()).toBe(3)
    await page.run('document.querySelector("input[value=error]").click()')
    expect(await visible()).toBe(2)
    await page.run(
      '{ const s = document.querySelector("#filter-node"); s.value = "worker1"; s.dispatchEvent(new Event("input", { bubbles: true })) }',
    )
    expect(await visible()).toBe(1)
    // a permanent link shows what the filter hides
    await page.run('location.hash = document.querySelector(".rule.error .finding").id')
    await page.run('new Promise((resolve) => setTimeout(resolve, 50))')
    expect(await visible()).toBe(3)
  })

  it('opens at a permanent link, folded or not', async () => {
    const id = /id="(finding-[^"]+)" [^>]*worker-200&/.exec(pages.huge)?.[1]
    const page = await browser.open(pages.huge, { hash: id ?? '' })
    const top = await page.run<number>(
      'document.querySelector(":target").getBoundingClientRect().top',
    )
    expect(id).toBeDefined()
    expect(Math.abs(top)).toBeLessThan(900)
  })

  it('shows a certificate by keyboard alone', async () => {
    const page = await browser.open(pages.real)
    const open = () => page.run<boolean>('document.querySelector("#detail").open')
    await page.run('document.querySelector("#life a.cert").focus()')
    await page.press('Enter')
    expect(await open()).toBe(true)
    expect(await page.run<string>('document.querySelector("#detail").textContent')).toMatch(
      /issuer.*SHA-256.*found in/,
    )
    expect(
      await page.run<boolean>('document.querySelector("#detail").contains(document.activeElement)'),
    ).toBe(true)
    await page.screenshot(join(SHOTS, 'dialog.png'))
    await page.press('Escape')
    expect(await open()).toBe(false)
    expect(
      await page.run<boolean>('document.activeElement === document.querySelector("#life a.cert")'),
    ).toBe(true)
    // edges of the picture lead to their connections
    await page.run('document.querySelector("svg.wide a.edge").focus()')
    await page.press('Enter')
    await page.run('new Promise((resolve) => setTimeout(resolve, 50))')
    expect(await page.run<boolean>('document.querySelector("details:target").open')).toBe(true)
    expect(page.troubles).toEqual([])
  })

  it.each([false, true])('has enough contrast, dark: %s', async (dark) => {
    const page = await browser.open(pages.real, { dark })
    await page.screenshot(join(SHOTS, dark ? 'dark.png' : 'light.png'))
    const poor = await page.run<string[]>(CONTRAST)
    expect(poor).toEqual([])
    const [red = 0] = await page.run<number[]>(
      'getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)',
    )
    expect(dark ? red < 60 : red > 200).toBe(true)
  })

  it('is named and structured for screen readers', async () => {
    const page = await browser.open(pages.real)
    const { nodes } = await page.send('Accessibility.getFullAXTree')
    const tree = nodes as readonly {
      readonly ignored: boolean
      readonly role?: { readonly value: string }
      readonly name?: { readonly value: string }
    }[]
    const of = (...roles: string[]) =>
      tree.filter(({ ignored, role }) => !ignored && roles.includes(role?.value ?? ''))
    for (const node of of(
      'link',
      'button',
      'textbox',
      'searchbox',
      'combobox',
      'checkbox',
      'region',
      'img',
      'image',
    ))
      expect(node.name?.value.trim(), JSON.stringify(node)).not.toBe('')
    for (const role of ['main', 'banner', 'contentinfo', 'navigation', 'search', 'table', 'status'])
      expect(of(role).length, role).toBeGreaterThan(0)
    const levels = await page.run<number[]>(
      '[...document.querySelectorAll("h1,h2,h3,h4")].map((h) => Number(h.tagName[1]))',
    )
    expect(levels[0]).toBe(1)
    expect(levels.filter((level) => level === 1)).toHaveLength(1)
    for (const [i, level] of levels.entries())
      expect(level - (levels[i - 1] ?? 0)).toBeLessThanOrEqual(1)
    expect(
      await page.run<number>(
        '{ const ids = [...document.querySelectorAll("[id]")].map((e) => e.id); ids.length - new Set(ids).size }',
      ),
    ).toBe(0)
  })

  it('says everything without scripts', async () => {
    const page = await browser.open(pages.bad, { scripts: false })
    expect(await page.run<boolean>('document.querySelector("#filter").hidden')).toBe(true)
    expect(await page.run<string>('document.querySelector("main").innerText')).toContain(
      'S03 san-missing',
    )
  })

  it('prints', async () => {
    const page = await browser.open(pages.real)
    const { data } = await page.send('Page.printToPDF', { printBackground: true })
    expect(Buffer.from(String(data), 'base64').subarray(0, 5).toString()).toBe('%PDF-')
  })

  it('opens two thousand nodes at once', async () => {
    expect(pages.huge.length).toBeLessThan(4_000_000)
    const page: Page = await browser.open(pages.huge)
    expect(
      await page.run<number>('document.querySelectorAll("svg.wide .card").length'),
    ).toBeLessThan(20)
  })
})

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3), or 3 for large ones. */
const CONTRAST = `(() => {
  const parse = (text) => { const m = text.match(/[\\d.]+/g); return m ? m.map(Number) : [0, 0, 0, 0] }
  const lum = (rgb) => { const [r, g, b] = rgb.map((v) => { const c = v / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor)
      if (a === 1) return [r, g, b]
    }
    return [255, 255, 255]
  }
  const poor = new Set()
  for (const element of document.querySelectorAll('body *:not(svg *):not(script)')) {
    if (!element.offsetParent || ![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue
    const style = getComputedStyle(element)
    const [a, b] = [lum(parse(style.color).slice(0, 3)), lum(behind(element))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700)
    if (ratio < (large ? 3 : 4.5)) poor.add(element.tagName + '.' + element.className + ' ' + ratio.toFixed(2))
  }
  return [...poor]
})()`
