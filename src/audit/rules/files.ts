import { authorityFiles, filesOf } from '../../certs/paths.js'
import { planNode, planOperator } from '../../certs/plan.js'
import { fileAt } from '../../files/tree.js'
import { groupBy } from '../../values/lists.js'
import { plural } from '../../values/text.js'
import { isoDay } from '../../values/time.js'
import { privateKeyOf } from '../graph/credentials.js'
import type { Evidence, NodeEvidence, PemFacts } from '../read/evidence.js'
import { type BesidePair, pairsBeside } from '../read/pairs.js'
import { fileOn, followLinks, isCovered, lostFolder, shortPath } from '../read/paths.js'
import { hasKnownName } from '../read/read.js'
import type { Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import { after, byOwner, REISSUE, unlessMadeSo } from './remedies.js'
import { finding, HARDENING, rule } from './rule.js'
import {
  entries,
  isSelfMade,
  keys,
  nodes,
  only,
  pems,
  placed,
  placeIn,
  trusts,
  trustsAs,
  uses,
} from './subjects.js'

const CERTIFICATE_FILE = /\.(crt|cer|cert)$/i
const KEY_FILE = /\.key$/i
const severalCertificates = only(uses, ({ pem }) => pem.certificates.length > 1)

const MENDABLE = /^has (an END line glued|a malformed block)/

const bundles = only(pems, ({ pem }) => pem.certificates.length > 1)

const links = ({ nodes }: Evidence) =>
  nodes.flatMap((node) =>
    node.unread.flatMap((entry) =>
      entry.kind === 'symlink' && within(node, entry.path) ? [placed(node, entry)] : [],
    ),
  )

const unreadFiles = ({ nodes, authorities, operator }: Evidence) =>
  [...nodes, authorities, operator].flatMap((node) =>
    (node?.unread ?? []).flatMap((entry) =>
      node && entry.kind === 'other' && (within(node, entry.path) || hasKnownName(entry.path))
        ? [placed(node, entry)]
        : [],
    ),
  )

const CURRENT = 'var/lib/kubelet/pki/kubelet-client-current.pem'
const STRAY = /(\.(srl|csr|bak|old|orig|save|p12|pfx|jks|swp)|~)$/i
const KNOWN =
  /^((etcd\/)?ca|front-proxy-ca|etcd\/(server|peer|healthcheck-client)|apiserver(-kubelet-client|-etcd-client)?|front-proxy-client|root-bundle)\.crt$/

export const FILE_RULES: readonly Rule[] = [
  rule('P01', 'file-missing', 'C', 'error', {
    title: 'a file that the node needs is not there',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'The component that reads it does not start. Some installers then make a new authority over the old one and cut every client off.',
    fix: REISSUE,
    of: nodes,
    say: function* (node, evidence) {
      const missing = requiredFiles(node, evidence).filter(
        (path) => !fileOn(node.tree, path) && !leadsOut(node, path) && shows(node, path, evidence),
      )
      // A folder that is lost as a whole is one loss.
      const losses = groupBy(missing, (path) => lostFolder(node, path) ?? path)
      for (const [folder, files] of losses)
        yield finding(
          placeIn(node, files.length === 1 ? (files[0] ?? folder) : folder),
          files.length === 1
            ? 'is missing'
            : `is missing, with ${files.length} files that the node needs`,
        )
    },
  }),
  rule('P02', 'file-empty', 'C', 'error', {
    title: 'a certificate or key file is empty',
    citation: 'RFC 7468 §2; kubernetes/kubeadm#1380',
    why: 'A crash between creating and writing a file leaves it empty. Tools that only look whether it exists take it for good.',
    fix: after('delete the file', REISSUE),
    of: pems,
    when: ({ pem }) => !pem.der && pem.blocks.length === 0,
    say: ({ pem: { empty, oddities } }) => {
      if (empty) return 'is empty'
      return oddities.some((oddity) => MENDABLE.test(oddity))
        ? `holds no readable PEM block: it ${oddities.join(', ')}`
        : 'holds no PEM block'
    },
  }),
  rule('P03', 'pem-garbage', 'L', 'info', {
    title: 'a PEM file holds something besides its blocks',
    citation: 'RFC 7468 §2; kubernetes/kubeadm#1399',
    why: 'Go skips text around blocks, such as what openssl x509 -text writes before them; stricter readers stop at it, and see other certificates in the same file.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # for each certificate, then replace the file',
    of: pems,
    when: ({ pem }) => pem.blocks.length > 0,
    say: ({ pem }) => oddities(pem, /^(has text|starts with|contains a NUL)/),
  }),
  rule('P04', 'pem-headers', 'H', 'error', {
    title: 'a certificate block carries headers',
    citation: 'RFC 7468 §2; k8s.io/client-go/util/cert ParseCertsPEM',
    why: 'client-go and Go’s certificate pools skip such a block without a word: an authority in it is not trusted.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # writes the block without headers',
    of: pems,
    say: function* ({ pem }) {
      for (const { certificate, headers, line } of pem.blocks) {
        if (!certificate || headers.length === 0) continue
        const names = headers.map((name) => JSON.stringify(name.slice(0, 40))).join(', ')
        yield `has headers (${names}) on its certificate in line ${line}: Go skips it`
      }
    },
  }),
  rule('P05', 'pem-type', 'H', 'error', {
    title: 'a certificate file holds another kind of block',
    citation: 'RFC 7468 §5',
    why: 'Components read blocks of type CERTIFICATE only. A request, a TRUSTED CERTIFICATE, a public key or bare DER is passed over and the file counts as empty.',
    fix: 'openssl x509 -in FILE -out FILE.clean   # add -inform DER for a DER file',
    of: pems,
    say: function* ({ pem }) {
      if (pem.der) return yield 'is bare DER; components read PEM only'
      if (pem.place.field === undefined && !CERTIFICATE_FILE.test(pem.place.path)) return
      if (pem.place.field === 'client-key-data') return
      for (const { label, line, key } of pem.blocks) {
        if (label === 'CERTIFICATE' || key?.private) continue
        yield {
          message: `has a block ${JSON.stringify(label.slice(0, 40))} in line ${line}, where CERTIFICATE is expected`,
          severity: pem.certificates.length > 0 ? 'warning' : 'error',
        }
      }
    },
  }),
  rule('P06', 'pem-crlf-wrap', 'L', 'info', {
    title: 'a PEM file has unusual line ends or line lengths',
    citation: 'RFC 7468 §2',
    why: 'Components read it, but concatenating a file without a final newline glues END to BEGIN and loses a certificate.',
    fix: 'openssl x509 -in FILE -out FILE.clean',
    of: pems,
    say: ({ pem }) => oddities(pem, /carriage|more than 64|no newline/),
  }),
  rule('P07', 'der-malformed', 'C', 'error', {
    title: 'a certificate does not parse',
    citation: 'RFC 5280 §4.1; Go crypto/x509 ParseCertificate',
    why: 'Go is strict about DER. A certificate that other tools still show is refused, and the component that needs it exits.',
    fix: REISSUE,
    of: pems,
    say: ({ pem }) => badBlocks(pem, false),
  }),
  rule('P08', 'bundle-bad-block', 'H', 'error', {
    title: 'one of several certificates in a file cannot be read',
    citation:
      'Go crypto/x509 CertPool.AppendCertsFromPEM; k8s.io/client-go/util/cert ParseCertsPEM',
    why: 'Pool readers skip the block, so trust shrinks silently; strict readers refuse the whole file.',
    fix: 'write the file anew from its single certificates',
    of: pems,
    say: function* ({ pem }) {
      yield* badBlocks(pem, true)
      if (pem.certificates.length === 0) return
      const broken = oddities(pem, MENDABLE)
      if (broken) yield `${broken}: that certificate is not read`
    },
  }),
  rule('P09', 'key-in-cert-file', 'C', 'error', {
    title: 'a private key lies in a file that is meant to be readable',
    citation: 'NIST SP 800-57 part 1 §5; CIS 1.1.20, 1.1.21',
    why: 'Certificate files are readable by everybody (0644) and get copied around. Whoever reads the key is the certificate’s holder.',
    fix: 'move the key to a file of its own with mode 0600, and replace the key and its certificate',
    of: pems,
    say: ({ node, pem }) => {
      const { path, field } = pem.place
      if (
        /(^|[.-])key(-data)?$/.test(field ?? '') ||
        /kubelet-(client|server)-[^/]+\.pem$/.test(path)
      )
        return undefined
      if (KEY_FILE.test(path) || !privateKeyOf(pem)) return undefined
      const mode = fileAt(node.tree, path)?.mode ?? 0
      const readable = (mode & 0o044) !== 0
      if (field === undefined && !readable && !CERTIFICATE_FILE.test(path)) return undefined
      const text = readable ? `, and its mode ${mode.toString(8)} lets others read it` : ''
      const severity = readable || field !== undefined ? 'error' : 'warning'
      return { message: `holds a private key${text}`, severity }
    },
  }),
  rule('P10', 'chain-order', 'H', 'error', {
    title: 'the certificate for the key is not the first one in its file',
    citation: 'RFC 8446 §4.4.2; Go crypto/tls X509KeyPair',
    why: 'A server presents the first certificate as its own. When that is the authority, the key does not match and the component exits.',
    fix: 'cat LEAF.crt INTERMEDIATE.crt > FILE',
    of: severalCertificates,
    say: ({ pem, key }) => {
      const [first, ...others] = pem.certificates
      const keyId = privateKeyOf(key?.pem)?.keyId
      const matches = others.findIndex((other) => other.keyId === keyId)
      if (keyId !== undefined && first?.keyId !== keyId && matches >= 0)
        return `holds the certificate for its key as number ${matches + 2}; it must come first`
      const ca = first?.facts.basicConstraints?.ca === true
      return (
        keyId === undefined &&
        ca &&
        others.some((other) => first && other.issuers.includes(first)) &&
        'starts with the authority; the end-entity certificate must come first'
      )
    },
  }),
  rule('P11', 'chain-not-contiguous', 'M', 'warning', {
    title: 'a served chain is not in order',
    citation: 'RFC 8446 §4.4.2; RFC 5246 §7.4.2',
    why: 'Go sorts certificates out by itself; stricter TLS stacks want each certificate to be signed by the next one.',
    fix: 'cat LEAF.crt ISSUER.crt ITS-ISSUER.crt > FILE',
    of: severalCertificates,
    say: ({ pem: { certificates } }) => {
      const breach = certificates.findIndex((one, i) => {
        const next = certificates[i + 1]
        return next !== undefined && !one.issuers.includes(next)
      })
      return (
        breach >= 0 &&
        `has certificate number ${breach + 2}, which did not sign number ${breach + 1}`
      )
    },
  }),
  rule('P12', 'root-in-served-chain', 'L', 'info', {
    title: 'a served chain ends with its root',
    citation: 'RFC 8446 §4.4.2',
    why: 'A client must have the root already; sending it only costs bytes and invites to trust what arrives.',
    fix: unlessMadeSo(['k3s', 'rke2', 'kops'], 'leave the self-signed certificate out of the file'),
    of: severalCertificates,
    say: ({ pem, role }) => {
      const last = pem.certificates.at(-1)
      return (
        last?.facts.selfIssued &&
        !(role === 'kubelet-serving' && isSelfMade(last)) &&
        'ends with a self-signed root, which no client needs to be sent'
      )
    },
  }),
  rule('P13', 'ca-active-not-first', 'H', 'error', {
    title: 'the active authority is not the first one in its file',
    citation: 'kubeadm app/util/pkiutil: the first certificate of ca.crt is the signer',
    why: 'kubeadm signs with and pins the first certificate of the file. When the key belongs to another one, joins and renewals fail.',
    fix: 'put the certificate that fits the key first in the file',
    of: authorityPairs,
    say: ({ pem, key }) => {
      const keyId = privateKeyOf(key)?.keyId
      const position = pem.certificates.findIndex((one) => one.keyId === keyId)
      return (
        position > 0 &&
        `has the certificate of ${shortPath(key.place.path)} as number ${position + 1}; it must come first`
      )
    },
  }),
  rule('P14', 'signing-file-bundle', 'H', 'error', {
    title: 'the controller manager’s signing file holds several certificates',
    citation: 'kubernetes/kubeadm#1350',
    why: 'kube-controller-manager wants exactly one certificate in --cluster-signing-cert-file and exits otherwise.',
    fix: 'give --cluster-signing-cert-file a file with the active authority only; keep the bundle for --client-ca-file and --root-ca-file',
    of: trustsAs('signing'),
    when: ({ certificates }) => certificates.length > 1,
    say: ({ certificates }) =>
      `holds ${certificates.length} certificates, and the controller manager exits unless its signing file holds one`,
  }),
  rule('P15', 'bundle-duplicate', 'L', 'info', {
    title: 'a file holds the same certificate twice',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'Nothing breaks, but a rotation that appended the old authority instead of the new one looks like this.',
    fix: 'remove the second copy, and check that the new authority is there',
    of: bundles,
    say: ({ pem: { certificates } }) => {
      const extra = certificates.length - new Set(certificates).size
      return extra > 0 && `holds ${plural(extra, 'certificate')} twice`
    },
  }),
  rule('P16', 'bundle-expired-entry', 'L', 'info', {
    title: 'a bundle still holds an expired authority',
    citation: 'kubernetes/kubeadm#3221',
    why: 'It is dead weight, and after a restore or with a wrong clock it is trusted again.',
    fix: 'remove the expired certificate from the file',
    of: bundles,
    say: ({ pem: { certificates } }, _evidence, { at }) => {
      const dead = certificates.filter(({ facts }) => facts.notAfter < at)
      const [first] = dead
      if (!first || dead.length === certificates.length) return undefined
      return {
        message: `holds ${plural(dead.length, 'expired certificate')} (the first since ${isoDay(first.facts.notAfter)})`,
        certificate: first,
      }
    },
  }),
  rule('P17', 'bundle-too-large', 'I', 'info', {
    title: 'a client bundle holds many authorities',
    citation: 'RFC 8446 §4.2.4',
    why: 'Servers list the names of all client authorities in every handshake; a long list costs bytes and some clients fail on it.',
    fix: 'remove authorities that no longer sign anything',
    of: trusts,
    when: ({ certificates }) => certificates.length > 10,
    say: ({ certificates }) => `trusts ${certificates.length} authorities`,
  }),
  rule('P18', 'key-encrypted-on-node', 'H', 'error', {
    title: 'a key on a node is protected by a passphrase',
    citation: 'k8s.io/client-go/util/keyutil ParsePrivateKeyPEM',
    why: 'Components start without a human and cannot decrypt it: whatever needs the key does not start.',
    fix: 'openssl pkey -in FILE -out FILE.clear && chmod 600 FILE.clear',
    of: keys,
    where: ({ node }) => node.kind === 'node',
    when: ({ key }) => key.encrypted,
    say: 'is encrypted, and components cannot ask for a passphrase',
  }),
  rule('P19', 'key-type-unsupported', 'H', 'error', {
    title: 'a key cannot be read by the component that needs it',
    citation: 'k8s.io/client-go/util/keyutil; kubeadm app/util/pkiutil (RSA and ECDSA only)',
    why: 'kubeadm and the token signer load RSA and ECDSA keys only. Another format or algorithm stops them.',
    fix: REISSUE,
    of: keys,
    where: ({ key }) => key.private && !key.encrypted,
    say: ({ key }, evidence) => {
      if (key.failure !== undefined) return `holds a key that cannot be read: ${key.failure}`
      const { type = 'RSA' } = key.facts ?? {}
      const signs = indexOf(evidence).authorityOfKey.has(key.keyId ?? '')
      return (
        type !== 'RSA' &&
        type !== 'EC' &&
        signs &&
        `is an ${type} key; kubeadm reads RSA and ECDSA authorities only`
      )
    },
  }),
  rule('P20', 'stray-file', 'L', 'info', {
    title: 'a left-over lies beside the certificates',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'Back-ups, requests and key stores beside the live files are forgotten copies of private material.',
    fix: 'shred -u FILE   # after a look whether it is still needed',
    of: entries,
    when: ({ node, entry: { kind, path } }) =>
      kind === 'file' && STRAY.test(path) && within(node, path),
    say: ({ node, entry: { path } }) => {
      const secret = privateKeyOf(node.pems.get(path))
      return {
        message: `is a left-over${secret ? ' with a private key' : ''}`,
        severity: secret || /\.(p12|pfx|jks)$/i.test(path) ? 'warning' : 'info',
      }
    },
  }),
  rule('P21', 'symlink-escape', 'M', 'warning', {
    title: 'a symbolic link leads nowhere or out of the tree',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/',
    why: 'What it names is not there for the component, and the audit cannot see it either.',
    fix: 'ln -sfn TARGET LINK',
    of: links,
    say: ({ node, entry }) => {
      const target = followLinks(node.tree, entry.path)
      const points = `points to ${JSON.stringify(entry.target.slice(0, 120))}`
      if (target === undefined) return `${points}, outside the tree or in a circle`
      return !exists(node, target) && isCovered(node, target) && `${points}, which does not exist`
    },
  }),
  rule('P24', 'stale-output', 'M', 'warning', {
    title: 'the output folder has files of a node or a user that cluster.yaml no longer has',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Their certificates are as good as before: nobody renews them, and nobody misses the keys.',
    fix: byOwner({
      kpki: ({ out }) => `kpki gen -o ${out} --prune`,
      others: 'remove the files, or put the node or the user back into cluster.yaml',
    }),
    check: (evidence) => {
      const { cluster, authorities, operator, nodes: all } = evidence
      if (!cluster || !authorities) return 'not-applicable'
      const members = new Set(cluster.nodes.map(({ name }) => name))
      const planned = new Set(
        planOperator(cluster).flatMap(({ place }) =>
          place.kind === 'operator' ? [place.file] : [],
        ),
      )
      return [
        ...all
          .filter(({ name }) => !members.has(name))
          .map(({ name }) => ({ node: name, message: `cluster.yaml has no node ${name}` })),
        ...[...(operator?.kubeconfigs.values() ?? [])]
          .filter(({ path }) => !planned.has(path))
          .map((config) => finding(config, 'belongs to nobody in cluster.yaml')),
      ]
    },
  }),
  rule('P25', 'cluster-file-unread', 'M', 'warning', {
    title: 'the cluster file of the output folder cannot be read',
    citation: 'docs/reference/errors.md (ERR_SPEC_INVALID, ERR_YAML_INVALID)',
    why: 'Which nodes and users there must be, and under which names, is not known then: nothing here says that one is missing or left over.',
    fix: byOwner({
      kpki: ({ out }) => `kpki gen -o ${out} --check   # says every mistake in it`,
      others: 'correct cluster.yaml, or move it away',
    }),
    check: ({ unreadCluster, authorities }) => {
      if (!unreadCluster) return authorities ? [] : 'not-applicable'
      const { path, reason } = unreadCluster
      return [{ path, message: `${path} can't be read: ${reason}` }]
    },
  }),
  rule('P26', 'file-unread', 'M', 'warning', {
    title: 'a file by whose name there are certificates, keys or settings in it was not read',
    citation: 'docs/audit.md (what it reads)',
    why: 'What is in it is not judged, and what depends on it is unknown. No component needs a device or a file of megabytes there.',
    fix: 'ls -l FILE   # then put the file itself there, or remove it',
    of: unreadFiles,
    say: ({ entry }) => entry.kind === 'other' && `was not read: ${entry.reason}`,
  }),
  rule('P22', 'kubelet-current-not-symlink', 'M', 'warning', {
    title: 'kubelet-client-current.pem is a plain file',
    citation: 'kubernetes/website#28312; k8s.io/client-go/util/certificate',
    why: 'The kubelet rotates by moving the link to a new file. A copy instead of the link stops rotation, or is replaced without notice.',
    fix: 'keep kubelet-client-<date>.pem and link it: ln -sfn kubelet-client-<date>.pem kubelet-client-current.pem',
    of: entries,
    where: ({ entry }) => entry.path === CURRENT,
    when: ({ entry }) => entry.kind === 'file',
    say: 'is a plain file, not a link to the current certificate',
  }),
  rule('P23', 'unknown-file', 'I', 'info', {
    title: 'a certificate that no component uses',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Copies drift: nobody renews or removes them.',
    fix: 'remove the file, or say in .kpki-audit.yaml what it is for',
    profiles: HARDENING,
    of: nodes,
    where: ({ layout }) => layout === 'kubeadm',
    say: function* (node, evidence) {
      const { used } = indexOf(evidence)
      for (const [path, pem] of node.pems) {
        if (!path.startsWith(`${node.pkiDirectory}/`) || pem.certificates.length === 0) continue
        if (used.has(pem) || KNOWN.test(path.slice(node.pkiDirectory.length + 1))) continue
        if (STRAY.test(path) || !fileOn(node.tree, path)) continue
        yield finding(pem.place, 'holds a certificate that no component of this node uses')
      }
    },
  }),
]

/** Files that a node cannot do without, by the cluster file or by the layout's default flags. */
function requiredFiles(node: NodeEvidence, { cluster }: Evidence): readonly string[] {
  const member = cluster?.nodes.find(({ name }) => name === node.name)
  if (cluster && member) {
    const leaves = planNode(cluster, member)
      .filter(({ place }) => place.kind !== 'kubeconfig' || place.personal !== true)
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

// What a link to somewhere else holds was not given.
function leadsOut(node: NodeEvidence, path: string): boolean {
  const target = followLinks(node.tree, path)
  return target !== undefined && target !== path && !isCovered(node, target)
}

// An output folder of gen shows everything of its nodes; another folder only what lies beside its files.
function shows(node: NodeEvidence, path: string, { cluster, authorities }: Evidence): boolean {
  const isOurs = cluster?.nodes.some(({ name }) => name === node.name)
  const isWhole = authorities && isOurs && !node.tree.has(path)
  return isWhole === true || isCovered(node, path)
}

/** What is odd in a PEM text of one kind, in words. */
function oddities(pem: PemFacts, kind: RegExp): string | undefined {
  return pem.oddities.filter((oddity) => kind.test(oddity)).join(', ') || undefined
}

function badBlocks({ blocks, certificates }: PemFacts, inBundle: boolean): readonly string[] {
  const meant = blocks.filter(({ certificate, failure, key }) => !key && (certificate || failure))
  if (meant.length > 1 !== inBundle) return []
  const rest = inBundle ? `; only ${certificates.length} of ${meant.length} are read` : ''
  return meant.flatMap(({ failure, line }) =>
    failure === undefined
      ? []
      : `has a certificate that cannot be read (line ${line}): ${failure}${rest}`,
  )
}

function within(node: NodeEvidence, path: string): boolean {
  return [`${node.pkiDirectory}/`, 'etc/kubernetes/', 'var/lib/kubelet/pki/'].some((start) =>
    path.startsWith(start),
  )
}

// Archives may leave directories out.
function exists({ tree }: NodeEvidence, path: string): boolean {
  return tree.has(path) || [...tree.keys()].some((one) => one.startsWith(`${path}/`))
}

/** `ca.crt` and `ca.key`, `ca.pem` and `ca-key.pem`, for every file whose first certificate is an authority's. */
export function authorityPairs(evidence: Evidence): readonly BesidePair[] {
  return indexOf(evidence).parts.flatMap(({ pems }) =>
    pairsBeside(pems).filter(
      ({ pem, key }) =>
        key !== pem && pem.certificates.some(({ facts }) => facts.basicConstraints?.ca === true),
    ),
  )
}
