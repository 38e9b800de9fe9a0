import { AUTHORITIES, LEAVES } from '../../certs/table.js'
import type { FlagFile } from '../../manifests/flags.js'
import { groupBy } from '../../values/lists.js'
import { LAYOUTS, type Layout, UNRECOGNISED } from '../read/layout-table.js'
import { layoutPath } from '../read/layouts.js'
import { ADD_NAMES, fixInGeneral, REISSUE, RENEW } from './remedies.js'

/** The pages of docs/layouts by file name: one for each layout, and the list. */
export function layoutPages(): ReadonlyMap<string, string> {
  const byId = groupBy([...LAYOUTS, UNRECOGNISED], ({ id }) => id)
  const pages = new Map([...byId].map(([id, rows]) => [`${id}.md`, layoutPage(rows)]))
  pages.set('README.md', overview([...byId.values()]))
  return pages
}

const WRITTEN = '<!-- Written from src/audit/read/layout-table.ts by `npm run docs`. -->'

function layoutPage(rows: readonly Layout[]): string {
  const [layout] = rows as [Layout, ...Layout[]]
  const { name, about, owner, assumes, source, id } = layout
  const flags =
    assumes === 'nothing'
      ? 'None are assumed: nothing is said of components.'
      : 'Manifests, units and argument files say them. Where there are none for the control plane, kubeadm’s are assumed with the paths below, and what rests on that is marked “(flags assumed from the layout)”.'
  const remedies =
    owner === 'by hand'
      ? 'OpenSSL by hand, with the true files in place of the words in capitals:'
      : `${owner}’s own commands:`
  const parts = [
    `# ${capital(name)}`,
    WRITTEN,
    about,
    ...(id === UNRECOGNISED.id ? [] : ['## How it is told', told(rows)]),
    '## Flags',
    flags,
    ...rows.flatMap((row) => filesPart(row)),
    '## Remedies',
    `Findings name ${remedies}`,
    [
      `- an end that is near or past: \`${fixInGeneral(RENEW, owner)}\``,
      `- anything else wrong with a certificate or its key: \`${fixInGeneral(REISSUE, owner)}\``,
      `- a name that is lacking: \`${fixInGeneral(ADD_NAMES, owner)}\``,
    ].join('\n'),
    `Names and commands: ${source}`,
  ]
  return `${parts.join('\n\n')}\n`
}

function told(rows: readonly Layout[]): string {
  const own = rows.flatMap(({ pki, signs, commonSigns = [], marks = [] }) => [
    ...pki.flatMap((folder) => [...signs, ...commonSigns].map((sign) => shownPath(folder, sign))),
    ...marks.map((mark) => `/${mark}`),
  ])
  const homes = [...new Set(rows.flatMap(({ homes }) => homes))]
  const shown = own.slice(0, MOST).map((path) => `\`${path}\``)
  const more = own.length > MOST ? ' and more' : ''
  const any =
    homes.length === 0
      ? ''
      : `, or anything below ${homes.map((one) => `\`${shownPath(one)}\``).join(', ')}`
  return `By ${shown.join(', ')}${more}${any}. A folder between the node’s root and these files will do as well.`
}

const MOST = 6

const FILES: readonly (readonly [file: FlagFile, about: string])[] = [
  ...Object.entries(AUTHORITIES).flatMap(([id, { about }]) =>
    id === 'root-ca' ? [] : [[id as FlagFile, about] as const],
  ),
  ...Object.entries(LEAVES).flatMap(([id, { place, about }]) =>
    place.kind === 'pki' || /^(controller-manager|scheduler)\.conf$/.test(id)
      ? [[id as FlagFile, about] as const]
      : [],
  ),
  ['sa.key', 'signs service-account tokens'],
  ['sa.pub', 'verifies them'],
]

function filesPart(layout: Layout): readonly string[] {
  if (layout.assumes === 'nothing') return []
  const found = { layout, pki: layout.pki[0] ?? '' }
  const rows = FILES.map(([file, about]) => `| \`${layoutPath(found, file)}\` | ${about} |`)
  const title = sameId(layout) > 1 ? `Files beside \`${layout.signs[0]}\`` : 'Files'
  return [`## ${title}`, ['| File | |', '|---|---|', ...rows].join('\n')]
}

function sameId(layout: Layout): number {
  return LAYOUTS.filter(({ id }) => id === layout.id).length
}

/** A path as people write it: from the root, or from the home of whoever works there. */
function shownPath(folder: string, ...rest: readonly string[]): string {
  const start = folder.startsWith('.') ? '~/' : folder === '' ? '' : '/'
  return start + [folder, ...rest].filter(Boolean).join('/')
}

function overview(all: readonly (readonly Layout[])[]): string {
  const rows = all.map(([first]) => {
    const { id, name, owner, pki } = first as Layout
    const folder =
      pki[0] === ''
        ? id === UNRECOGNISED.id
          ? 'anywhere'
          : 'a folder of yours'
        : `\`${shownPath(pki[0] ?? '')}\``
    return `| [${capital(name)}](${id}.md) | ${folder} | ${owner} |`
  })
  return `# Layouts that \`kpki audit\` knows

${WRITTEN}

A tree is recognised by its files, from the node’s root or from any folder on the way to the certificates. The report
says first whose layout it is, unless it is kubeadm’s or kpki’s own; commands that mend are its owner’s. An output
folder of \`kpki gen\` is kpki’s.

| Layout | Certificates in | Mended by |
|---|---|---|
${rows.join('\n')}
`
}

function capital(name: string): string {
  return name.replace(/^(a|an|not) /, (word) => word.charAt(0).toUpperCase() + word.slice(1))
}
