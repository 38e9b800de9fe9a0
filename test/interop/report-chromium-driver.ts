import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

/** Whether Debian's Chromium is installed. */
export const hasChromium = spawnSync('chromium', ['--version']).status === 0

type Params = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Params
  readonly result?: Params
  readonly error?: { readonly message: string }
  readonly sessionId?: string
}

/** A browser that is driven over the DevTools protocol, on pipes: no port is opened. */
export interface Browser {
  readonly open: (html: string, options?: PageOptions) => Promise<Page>
  readonly close: () => Promise<void>
}

export interface PageOptions {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  readonly scripts?: boolean
  /** Without the sharp sign. */
  readonly hash?: string
}

export interface Page {
  /** Evaluates an expression, awaits it, and gives its JSON value. */
  readonly run: <T>(expression: string) => Promise<T>
  /** Presses and releases one key, by its name. */
  readonly press: (key: 'Enter' | 'Escape' | 'Tab') => Promise<void>
  readonly type: (text: string) => Promise<void>
  readonly send: (method: string, params?: Params) => Promise<Params>
  readonly screenshot: (path: string) => Promise<void>
  /** What went wrong so far: console errors, policy violations, exceptions, dialogs, requests. */
  readonly troubles: readonly string[]
}

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
]

const KEYS = {
  Enter: { code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
  Escape: { code: 'Escape', windowsVirtualKeyCode: 27 },
  Tab: { code: 'Tab', windowsVirtualKeyCode: 9 },
} as const

const PATIENCE = 30_000
const MAX_SHOT = 3600

export async function launch(): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'kpki-chromium-'))
  const child = spawn('chromium', [...FLAGS, `--user-data-dir=${folder}/profile`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const { send, listen } = connect(child)
  let pages = 0
  return {
    open: async (html, options = {}) => {
      const path = join(folder, `page-${++pages}.html`)
      writeFileSync(path, html)
      return openPage(send, listen, pathToFileURL(path).href, options)
    },
    close: async () => {
      const gone = new Promise((resolve) => child.once('close', resolve))
      await send('Browser.close').catch(() => child.kill('SIGKILL'))
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Send = (method: string, params?: Params, sessionId?: string) => Promise<Params>
type Listen = (listener: (message: Message) => void) => void

function connect(child: ChildProcess): { readonly send: Send; readonly listen: Listen } {
  const writer = child.stdio[3] as Writable
  const reader = child.stdio[4] as Readable
  const waiting = new Map<number, (message: Message) => void>()
  const listeners: ((message: Message) => void)[] = []
  let last = 0
  let rest = ''
  reader.setEncoding('utf8')
  reader.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\0')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const message = JSON.parse(part) as Message
      if (message.id === undefined) for (const listener of listeners) listener(message)
      else waiting.get(message.id)?.(message)
    }
  })
  const send: Send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      const id = ++last
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE)
      waiting.set(id, ({ result, error }) => {
        clearTimeout(timer)
        waiting.delete(id)
        if (error) reject(new Error(`${method}: ${error.message}`))
        else resolve(result ?? {})
      })
      writer.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`)
    })
  return { send, listen: (listener) => listeners.push(listener) }
}

async function openPage(
  root: Send,
  listen: Listen,
  url: string,
  { width = 1200, height = 900, dark = false, scripts = true, hash }: PageOptions,
): Promise<Page> {
  const { targetId } = await root('Target.createTarget', { url: 'about:blank' })
  const attached = await root('Target.attachToTarget', { targetId, flatten: true })
  const sessionId = String(attached.sessionId)
  const send = (method: string, params?: Params) => root(method, params, sessionId)
  const troubles: string[] = []
  const whole = hash === undefined ? url : `${url}#${hash}`
  const loaded = new Promise<void>((resolve) => {
    listen((message) => {
      if (message.sessionId !== sessionId) return
      if (message.method === 'Page.loadEventFired') resolve()
      const trouble = troubleOf(message, url)
      if (trouble !== undefined) troubles.push(trouble)
    })
  })
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`)
  await send('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: 1,
    mobile: width < 500,
  })
  await send('Emulation.setEmulatedMedia', {
    features: [
      { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ],
  })
  if (!scripts) await send('Emulation.setScriptExecutionDisabled', { value: true })
  await send('Page.navigate', { url: whole })
  await loaded
  const run = async <T>(expression: string): Promise<T> => {
    const answer = await send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (answer.exceptionDetails !== undefined)
      throw new Error(JSON.stringify(answer.exceptionDetails))
    return (answer.result as { readonly value: T }).value
  }
  return {
    run,
    send,
    troubles,
    press: async (key) => {
      await send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...KEYS[key] })
      await send('Input.dispatchKeyEvent', { type: 'keyUp', key, ...KEYS[key] })
    },
    type: async (text) => {
      await send('Input.insertText', { text })
    },
    screenshot: async (path) => {
      const whole = await run<number>('document.documentElement.scrollHeight')
      const clip = { x: 0, y: 0, width, height: Math.min(whole, MAX_SHOT), scale: 1 }
      const { data } = await send('Page.captureScreenshot', { clip, captureBeyondViewport: true })
      writeFileSync(path, Buffer.from(String(data), 'base64'))
    },
  }
}

function troubleOf({ method, params = {} }: Message, url: string): string | undefined {
  if (method === 'Runtime.exceptionThrown' || method === 'Page.javascriptDialogOpening')
    return `${method}: ${JSON.stringify(params)}`
  if (method === 'Log.entryAdded') return `log: ${JSON.stringify(params.entry)}`
  if (method === 'Runtime.consoleAPICalled') return `console: ${JSON.stringify(params.args)}`
  if (method !== 'Network.requestWillBeSent') return undefined
  const request = params.request as { readonly url: string }
  return request.url.split('#')[0] === url ? undefined : `request: ${request.url}`
}
