import { authorityFiles, filesOf } from '../../certs/layout.js'
import { planNode } from '../../certs/plan.js'
import { fileAt } from '../../files/tree.js'
import type { BlockFacts, Estate, NodeFacts, PemFacts } from '../estate.js'
import { fileOn, isCovered, shortPath } from '../paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf, type Use } from './index-of-estate.js'
import { each, finding, GENERATE, rule } from './row.js'

const CERTIFICATE_FILE = /\.(crt|cer|cert)$/i
const KEY_FILE = /\.key$/i

const pems = (estate: Estate) => indexOf(estate).pems
const uses = (estate: Estate) => indexOf(estate).uses
const severalCertificates = (estate: Estate) =>
  uses(estate).filter(({ pem }) => pem.certificates.length > 1)

/** Files that a node cannot do without, by the cluster file or by the layout's default flags. */
function requiredFiles(node: NodeFacts, { cluster }: Estate): readonly string[] {
  const member = cluster?.nodes.find(({ name }) => name === node.name)
  if (cluster && member) {
    const leaves = planNode(cluster, member)
      .filter(({ row }) => row !== 'admin.conf' && row !== 'super-admin.conf')
      .filter(({ row }) => row !== 'kubelet-serving' || !node.kubelet?.serverTlsBootstrap)
      .flatMap(({ place }) => Object.values(filesOf(cluster, place)))
    return [...new Set([authorityFiles(cluster, 'ca').certificate, ...leaves])]
  }
  return node.launches
    .filter(({ source }) => source === 'default')
    .flatMap(({ flags }) => [...flags])
    .filter(([name]) => name !== 'cluster-signing-key-file')
    .flatMap(([, values]) => values.filter((value) => value.startsWith('/')))
    .map((value) => value.slice(1))
}

// A whole node of a known cluster shows everything; a bare folder only what lies beside its files.
function shows(node: NodeFacts, path: string, { cluster }: Estate): boolean {
  const isWhole = node.kubeconfigs.size > 0 && cluster?.nodes.some(({ name }) => name === node.name)
  return isWhole === true || isCovered(node, path)
}

function certificateBlocks({ blocks }: PemFacts): readonly BlockFacts[] {
  return blocks.filter(({ certificate, failure, key }) => !key && (certificate || failure))
}

function* badBlocks(pem: PemFacts, inBundle: boolean): Iterable<FindingDraft> {
  const blocks = certificateBlocks(pem)
  if (blocks.length > 1 !== inBundle) return
  for (const { failure, line } of blocks) {
    if (failure === undefined) continue
    const rest = inBundle ? `; only ${pem.certificates.length} of ${blocks.length} are read` : ''
    yield finding(
      pem.place,
      `has a certificate that cannot be read (line ${line}): ${failure}${rest}`,
    )
  }
}

const MENDABLE = /^has (an END line glued|a malformed block)/

export const PEM_FILE_RULES: readonly Rule[] = [
  rule('P01', 'file-missing', 'C', 'error', {
    title: 'a file that the node needs is not there',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The component that reads it does not start. Some installers then make a new authority over the old one and cut every client off.',
    fix: GENERATE,
    check: each(
      ({ nodes }) => nodes,
      function* (node, estate) {
        for (const path of requiredFiles(node, estate)) {
          if (fileOn(node.tree, path) || !shows(node, path, estate)) continue
          yield { node: node.name, path, message: `${shortPath(path)} is missing` }
        }
      },
    ),
  }),
  rule('P02', 'file-empty', 'C', 'error', {
    title: 'a certificate or key file is empty',
    citation: 'RFC 7468 §2; kubernetes/kubeadm#1380',
    why: 'A crash between creating and writing a file leaves it empty. Tools that only look whether it exists take it for good.',
    fix: `delete the file, then ${GENERATE}`,
    check: each(pems, (found) => {
      const { pem } = found
      if (pem.der || pem.blocks.length > 0) return undefined
      if (!pem.empty && pem.oddities.some((oddity) => MENDABLE.test(oddity)))
        return finding(pem.place, `holds no readable PEM block: it ${pem.oddities.join(', ')}`)
      return finding(pem.place, pem.empty ? 'is empty' : 'holds no PEM block')
    }),
  }),
  rule('P03', 'pem-garbage', 'M', 'warning', {
    title: 'a PEM file holds something besides its blocks',
    citation: 'RFC 7468 §2; kubernetes/kubeadm#1399',
    why: 'Go skips text around blocks, stricter readers stop at it, so that programs see different certificates in the same file.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # for each certificate, then replace the file',
    check: each(pems, ({ pem }) => {
      if (pem.blocks.length === 0) return undefined
      const found = pem.oddities.filter((one) => /^(has text|starts with|contains a NUL)/.test(one))
      return found.length === 0 ? undefined : finding(pem.place, found.join(', '))
    }),
  }),
  rule('P04', 'pem-headers', 'H', 'error', {
    title: 'a certificate block carries headers',
    citation: 'RFC 7468 §2; k8s.io/client-go/util/cert ParseCertsPEM',
    why: 'client-go and Go’s certificate pools skip such a block without a word: an authority in it is not trusted.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # writes the block without headers',
    check: each(pems, function* ({ pem }) {
      for (const { certificate, headers, line } of pem.blocks) {
        if (!certificate || headers.length === 0) continue
        const names = headers.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')
        yield finding(
          pem.place,
          `has headers (${names}) on its certificate in line ${line}: Go skips it`,
        )
      }
    }),
  }),
  rule('P05', 'pem-type', 'H', 'error', {
    title: 'a certificate file holds another kind of block',
    citation: 'RFC 7468 §5',
    why: 'Components read blocks of type CERTIFICATE only. A request, a TRUSTED CERTIFICATE, a public key or bare DER is passed over and the file counts as empty.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # add -inform DER for a DER file',
    check: each(pems, function* ({ pem }) {
      if (pem.der) {
        yield finding(pem.place, 'is bare DER; components read PEM only')
        return
      }
      if (pem.place.field === undefined && !CERTIFICATE_FILE.test(pem.place.path)) return
      if (pem.place.field === 'client-key-data') return
      for (const { label, line, key } of pem.blocks) {
        if (label === 'CERTIFICATE' || key?.private) continue
        const severity = pem.certificates.length > 0 ? ('warning' as const) : ('error' as const)
        const text = `has a block ${JSON.stringify(label.slice(0, 40))} in line ${line}, where CERTIFICATE is expected`
        yield finding(pem.place, text, { severity })
      }
    }),
  }),
  rule('P06', 'pem-crlf-wrap', 'L', 'info', {
    title: 'a PEM file has unusual line ends or line lengths',
    citation: 'RFC 7468 §2',
    why: 'Components read it, but concatenating a file without a final newline glues END to BEGIN and loses a certificate.',
    fix: 'openssl x509 -in FILE -out FILE.clean',
    check: each(pems, ({ pem }) => {
      const found = pem.oddities.filter((one) => /carriage|more than 64|no newline/.test(one))
      return found.length === 0 ? undefined : finding(pem.place, found.join(', '))
    }),
  }),
  rule('P07', 'der-malformed', 'C', 'error', {
    title: 'a certificate does not parse',
    citation: 'RFC 5280 §4.1; Go crypto/x509 ParseCertificate',
    why: 'Go is strict about DER. A certificate that other tools still show is refused, and the component that needs it exits.',
    fix: GENERATE,
    check: each(pems, ({ pem }) => badBlocks(pem, false)),
  }),
  rule('P08', 'bundle-bad-block', 'H', 'error', {
    title: 'one of several certificates in a file cannot be read',
    citation:
      'Go crypto/x509 CertPool.AppendCertsFromPEM; k8s.io/client-go/util/cert ParseCertsPEM',
    why: 'Pool readers skip the block, so trust shrinks silently; strict readers refuse the whole file.',
    fix: 'write the file anew from its single certificates',
    check: each(pems, function* ({ pem }) {
      yield* badBlocks(pem, true)
      if (pem.certificates.length === 0) return
      const broken = pem.oddities.filter((oddity) => MENDABLE.test(oddity))
      if (broken.length > 0)
        yield finding(pem.place, `${broken.join(', ')}: that certificate is not read`)
    }),
  }),
  rule('P09', 'key-in-cert-file', 'C', 'error', {
    title: 'a private key lies in a file that is meant to be readable',
    citation: 'NIST SP 800-57 part 1 §5; CIS 1.1.20, 1.1.21',
    why: 'Certificate files are readable by everybody (0644) and get copied around. Whoever reads the key is the certificate’s holder.',
    fix: 'move the key to a file of its own with mode 0600, and replace the key and its certificate',
    check: each(pems, ({ node, pem }) => {
      const { path, field } = pem.place
      if (field === 'client-key-data' || /kubelet-(client|server)-[^/]+\.pem$/.test(path))
        return undefined
      if (KEY_FILE.test(path) || !pem.keys.some((key) => key.private)) return undefined
      const mode = fileAt(node.tree, path)?.mode ?? 0
      const readable = (mode & 0o044) !== 0
      if (field === undefined && !readable && !CERTIFICATE_FILE.test(path)) return undefined
      const text = readable ? `, and its mode ${mode.toString(8)} lets others read it` : ''
      const severity = readable || field !== undefined ? ('error' as const) : ('warning' as const)
      return finding(pem.place, `holds a private key${text}`, { severity })
    }),
  }),
  rule('P10', 'chain-order', 'H', 'error', {
    title: 'the certificate for the key is not the first one in its file',
    citation: 'RFC 8446 §4.4.2; Go crypto/tls X509KeyPair',
    why: 'A server presents the first certificate as its own. When that is the authority, the key does not match and the component exits.',
    fix: 'cat LEAF.crt INTERMEDIATE.crt > FILE',
    check: each(severalCertificates, (one) => {
      const [first, ...others] = one.pem.certificates
      const keyId = one.key?.keys.find((key) => key.private)?.keyId
      const matches = others.findIndex((other) => other.keyId === keyId)
      if (keyId !== undefined && first?.keyId !== keyId && matches >= 0)
        return finding(
          one.pem.place,
          `holds the certificate for its key as number ${matches + 2}; it must come first`,
        )
      const ca = first?.facts.basicConstraints?.ca === true
      return keyId === undefined &&
        ca &&
        others.some((other) => first && other.issuers.includes(first))
        ? finding(
            one.pem.place,
            'starts with the authority; the end-entity certificate must come first',
          )
        : undefined
    }),
  }),
  rule('P11', 'chain-not-contiguous', 'M', 'warning', {
    title: 'a served chain is not in order',
    citation: 'RFC 8446 §4.4.2; RFC 5246 §7.4.2',
    why: 'Go sorts certificates out by itself; stricter TLS stacks want each certificate to be signed by the next one.',
    fix: 'cat LEAF.crt ISSUER.crt ITS-ISSUER.crt > FILE',
    check: each(severalCertificates, notContiguous),
  }),
  rule('P12', 'root-in-served-chain', 'L', 'info', {
    title: 'a served chain ends with its root',
    citation: 'RFC 8446 §4.4.2',
    why: 'A client must have the root already; sending it only costs bytes and invites to trust what arrives.',
    fix: 'leave the self-signed certificate out of the file',
    check: each(severalCertificates, ({ pem, role }) => {
      const last = pem.certificates.at(-1)
      // The kubelet's own kubelet.crt is a leaf and its throw-away authority.
      const own =
        role === 'kubelet-serving' && /@\d+$/.test(last?.facts.subject.commonNames[0] ?? '')
      return last?.facts.selfIssued && !own
        ? finding(pem.place, 'ends with a self-signed root, which no client needs to be sent')
        : undefined
    }),
  }),
]

function notContiguous({ pem }: Use): FindingDraft | undefined {
  const { certificates, place } = pem
  const breach = certificates.findIndex((one, i) => {
    const next = certificates[i + 1]
    return next !== undefined && !one.issuers.includes(next)
  })
  return breach < 0
    ? undefined
    : finding(
        place,
        `has certificate number ${breach + 2}, which did not sign number ${breach + 1}`,
      )
}
