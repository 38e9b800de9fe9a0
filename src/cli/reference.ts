import { AUTHORITIES, type CertificatePlace, LEAVES, type LeafRow } from '../certs/table.js'
import { ERRORS } from '../errors.js'
import { EXITS } from './io.js'
import { VERBS } from './verbs/table.js'

/** What a page of the reference says first: nobody should mend it by hand. */
const GENERATED = 'Written from the tables of the source by `npm run docs`.'

/** The pages of `docs/reference` by file name, as the tables have them. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['certificates.md', certificatesPage()],
    ['errors.md', errorsPage()],
    ['verbs.md', verbsPage()],
  ])
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { exit, about }]) => [
    `\`${code}\``,
    `${exit} (${EXITS[exit]})`,
    about,
  ])
  return page(
    'Error codes',
    'Every error that kpki throws on purpose is a `KpkiError` with one of these codes.',
    table(['code', 'exit status', 'thrown when'], rows),
  )
}

function certificatesPage(): string {
  const authorities = Object.entries(AUTHORITIES).map(([id, { base, about }]) => [
    `\`${id}\``,
    `\`${base}.crt\`, \`${base}.key\``,
    about,
  ])
  const leaves = Object.entries<LeafRow>(LEAVES).map(([id, row]) => [
    `\`${id}\``,
    row.issuer,
    row.profile,
    row.on,
    `\`${placeText(row.place)}\``,
    row.about,
  ])
  return page(
    'Certificates',
    'Every certificate of a cluster. `spec.pki.certificates` takes these ids, and `sa` for the service-account key pair. Paths below the certificates directory (`/etc/kubernetes/pki`) unless they begin with `/`.',
    `## Authorities\n\n${table(['id', 'files', 'what for'], authorities)}`,
    `## End entities\n\n${table(['id', 'signed by', 'profile', 'on', 'file', 'what for'], leaves)}`,
  )
}

function placeText(place: CertificatePlace): string {
  switch (place.kind) {
    case 'pki':
      return `${place.base}.crt`
    case 'kubelet':
      return '/var/lib/kubelet/pki/kubelet.crt'
    case 'kubeconfig':
      return `/etc/kubernetes/${place.file}`
    case 'operator':
      return `OUT/kubeconfig/${place.file}`
  }
}

function verbsPage(): string {
  const rows = VERBS.map(({ name, summary }) => [`\`kpki ${name}\``, summary])
  return page(
    'Verbs',
    '`kpki VERB --help` has options and examples.',
    table(['verb', 'what it does'], rows),
  )
}

function page(title: string, ...parts: readonly string[]): string {
  return `# ${title}\n\n<!-- ${GENERATED} -->\n\n${parts.join('\n\n')}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
