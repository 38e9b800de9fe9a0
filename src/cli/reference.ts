import { KEY_ALGORITHMS, type KeyAlgorithmRow } from '../ca/keys/algorithms.js'
import { AUTHORITIES, type CertificatePlace, LEAVES, type LeafRow } from '../certs/table.js'
import { ERRORS } from '../errors.js'
import { FLAGS } from '../manifests/flags.js'
import { STEPS } from '../provision/steps/steps.js'
import { parseVersion, releaseOf } from '../releases/releases.js'
import { RELEASES } from '../releases/table.js'
import { EXITS } from './io.js'
import { VERBS } from './verbs/table.js'

/** What a page of the reference says first: nobody should mend it by hand. */
const GENERATED = 'Written from the tables of the source by `npm run docs`.'

/** The pages of `docs/reference` by file name, as the tables have them. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['certificates.md', certificatesPage()],
    ['errors.md', errorsPage()],
    ['flags.md', flagsPage()],
    ['keys.md', keysPage()],
    ['releases.md', releasesPage()],
    ['steps.md', stepsPage()],
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

function flagsPage(): string {
  const rows = FLAGS.map(
    ({ component, flag, certificate, key, trust, reader, decides, since, until }) => [
      component,
      `\`--${flag}\``,
      [
        certificate === undefined ? [] : `certificate: ${certificate}`,
        key === undefined ? [] : `key: ${key}`,
        trust === undefined ? [] : `authorities: ${trust}`,
      ]
        .flat()
        .join(', '),
      reader ?? '',
      decides ?? '',
      since ?? '',
      until ?? '',
    ],
  )
  return page(
    'Flags',
    'Every flag that names a file or decides who gets in, as manifests render and audits read it. Which rules judge it: [audit-coverage.md](../audit-coverage.md).',
    table(['component', 'flag', 'names', 'read as', 'decides', 'known from', 'gone from'], rows),
  )
}

function keysPage(): string {
  const rows = Object.entries<KeyAlgorithmRow>(KEY_ALGORITHMS).map(([name, row]) => [
    `\`${name}\``,
    row.type,
    row.curve ?? `${row.bits} bits`,
    row.signatureHash,
  ])
  return page(
    'Key algorithms',
    '`spec.pki.keyAlgorithm` and `spec.pki.certificates.ID.keyAlgorithm` take these.',
    table(['name', 'type', 'size or curve', 'signs with'], rows),
  )
}

function releasesPage(): string {
  const rows = RELEASES.map(({ minor, newestPatch, kubeadmApis, adminGroup, go }) => {
    const { images } = releaseOf(parseVersion(minor))
    return [
      `v${minor}`,
      `v${minor}.${newestPatch}`,
      images.etcd,
      images.coredns,
      images.pause,
      kubeadmApis.map((api) => api.split('/')[1]).join(', '),
      adminGroup,
      go,
    ]
  })
  return page(
    'Releases',
    'The minors of Kubernetes that kpki knows. A version without a patch is read as the newest known one.',
    table(
      [
        'minor',
        'newest patch',
        'etcd',
        'CoreDNS',
        'pause',
        'kubeadm API',
        'group of admin.conf',
        'behaves as Go',
      ],
      rows,
    ),
  )
}

function stepsPage(): string {
  const scopes = { all: 'every host', initial: 'the first control plane', joining: 'the others' }
  const rows = STEPS.map(({ id, about, on }) => [`\`${id}\``, about, scopes[on]])
  return page(
    'Steps of provisioning',
    '`kpki provision plan` and `apply` go through them in this order; `--step` picks some.',
    table(['step', 'what it sees to', 'on'], rows),
  )
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
