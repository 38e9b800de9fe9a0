import { escapeXml as e } from '../../../values/text.js'
import { count } from '../words.js'

/** A part of the page with its heading, which the navigation leads to. */
export function section(id: string, title: string, body: string): string {
  return `<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>`
}

/** A table that scrolls by itself; `label` names it for screen readers. */
export function scrollTable(
  label: string,
  columns: readonly string[],
  rows: readonly string[],
  style = '',
): string {
  const heads = columns.map((column) => `<th scope="col">${column}</th>`)
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table${style === '' ? '' : ` class="${style}"`}><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

/** A link that opens the dialog about a certificate. */
export function certificateLink(fingerprint: string, content: string): string {
  return `<a class="cert" href="#cert-${e(fingerprint)}" data-cert="${e(fingerprint)}">${content}</a>`
}

/** Says how many are left out, if any are. */
export function leftOut(number: number, noun: string, rest = ''): string {
  return number > 0 ? `<p class="more">… and ${count(number, `more ${noun}`)}${rest}</p>` : ''
}
