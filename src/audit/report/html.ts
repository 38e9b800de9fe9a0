import { runtimeEngine } from '../../ca/engine.js'
import type { AuditReport, Rule } from '../types.js'
import { escapeXml } from './escape.js'
import { graphModel } from './graph-model.js'
import { connectionSection, graphSection } from './html-connections.js'
import { pageData } from './html-data.js'
import { findingSection } from './html-findings.js'
import { lifeSection } from './html-life.js'
import { appendix, componentSection, verdictSection } from './html-parts.js'
import { SCRIPT } from './html-script.js'
import { STYLE } from './html-style.js'
import { headline } from './words.js'

export interface HtmlOptions {
  /** The rules whose explanations go along. */
  readonly rules?: readonly Rule[]
  /** Version of kpki. */
  readonly version?: string
}

/**
 * One page by itself: no network, no inline handlers or style attributes, so that its own strict
 * content security policy holds wherever it is opened.
 */
export async function renderHtml(report: AuditReport, options: HtmlOptions = {}): Promise<string> {
  const model = graphModel(report)
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${await sha256(STYLE)}'`,
    `script-src 'sha256-${await sha256(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const title = `kpki audit: ${headline(report)}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
${verdictSection(report)}
<main id="main">
${graphSection(report, model)}
${lifeSection(report)}
${findingSection(report, options.rules ?? [])}
${componentSection(report)}
${connectionSection(report, model)}
${appendix(report)}
</main>
<footer><p>Made by kpki${options.version === undefined ? '' : ` ${escapeXml(options.version)}`} from files alone: nothing was contacted, and this page contacts nothing.</p></footer>
<dialog id="detail" aria-labelledby="detail-title"><div class="dialog-head"><h2 id="detail-title">Certificate</h2><button type="button" id="detail-close" aria-label="Close">×</button></div><div id="detail-body"></div></dialog>
<script type="application/json" id="data">${pageData(report)}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
}

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text)
  const digest = new Uint8Array(await runtimeEngine().subtle.digest('SHA-256', bytes))
  return btoa(String.fromCharCode(...digest))
}
