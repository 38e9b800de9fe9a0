import { type FileEntry, fileAt, modeText, textOf } from '../../files/tree.js'
import { flagOf } from '../../values/command-line.js'
import { pathInTree } from '../../values/paths.js'
import { fileOfFlag, privateKeyOf } from '../graph/credentials.js'
import type { Evidence, NodeEvidence } from '../read/evidence.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf, launchOf } from './by-evidence.js'
import { CIS, finding, HARDENING, rule } from './rule.js'
import { entries, only, type PlacedEntry, placed, placeIn } from './subjects.js'

function filesOf(
  node: NodeEvidence,
  paths: readonly (string | undefined)[],
): readonly PlacedEntry<FileEntry>[] {
  return paths.flatMap((path) => {
    const entry = path === undefined ? undefined : fileAt(node.tree, pathInTree(path) ?? '')
    return entry ? [placed(node, entry)] : []
  })
}

const keyFiles = ({ nodes }: Evidence): readonly PlacedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    [...node.pems].flatMap(([path, pem]) => (privateKeyOf(pem) ? filesOf(node, [path]) : [])),
  )
const certificateFiles = ({ nodes }: Evidence): readonly PlacedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    [...node.pems].flatMap(([path, pem]) =>
      privateKeyOf(pem) || pem.blocks.length === 0 ? [] : filesOf(node, [path]),
    ),
  )
const manifests = ({ nodes }: Evidence): readonly PlacedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    filesOf(
      node,
      node.launches.flatMap(({ source, path }) => (source === 'static-pod' ? [path] : [])),
    ),
  )

const kubeletFiles = ({ nodes }: Evidence): readonly PlacedEntry<FileEntry>[] =>
  nodes.flatMap((node) => filesOf(node, [node.kubelet?.configPath]))

function dataDirectories({ nodes }: Evidence): readonly PlacedEntry[] {
  return nodes.flatMap((node) => {
    const launch = launchOf(node, 'etcd')
    const path = launch && pathInTree(flagOf(launch.flags, 'data-dir') ?? '/var/lib/etcd')
    const entry = path === undefined ? undefined : node.tree.get(path)
    return entry ? [placed(node, entry)] : []
  })
}

const pkiEntries = only(entries, ({ node: { pkiDirectory }, entry: { path } }) =>
  `${path}/`.startsWith(`${pkiDirectory}/`),
)
const directories = only(
  entries,
  ({ entry: { kind, path } }) =>
    kind === 'directory' && /^(etc|etc\/kubernetes(\/.*)?|var\/lib\/kubelet(\/pki)?)$/.test(path),
)
const entriesAt = (pattern: RegExp) => only(entries, ({ entry }) => pattern.test(entry.path))
const HOME = /^(home\/[^/]+|root)\/(\.kube\/config|[^/]*admin[^/]*\.conf)$/
const KUBELET_UNIT = /(^|\/)kubelet\.service(\.d\/[^/]+\.conf)?$/

const runsAsUser = (evidence: Evidence) =>
  indexOf(evidence).launches.filter(({ launch }) => (launch.runAsUser ?? 0) !== 0)

/** Files with secrets that flags of the API server name. */
const SECRET_FLAGS = ['encryption-provider-config', 'token-auth-file', 'basic-auth-file']

const secretFiles = ({ nodes }: Evidence): readonly PlacedEntry<FileEntry>[] =>
  nodes.flatMap((node) => {
    const named = node.launches.flatMap((launch) =>
      SECRET_FLAGS.flatMap((flag) => fileOfFlag(node, launch, flag)?.path ?? []),
    )
    const webhooks = [...node.webhooks.values()].flatMap(({ path, users }) =>
      users.some(({ token, key, basicAuth }) => token || key || basicAuth) ? [path] : [],
    )
    return filesOf(node, [...new Set([...named, ...webhooks])])
  })

/** A file that is a copy of secrets, by what is in it or by its name. */
interface CopyOfSecrets extends PlacedEntry {
  readonly holds: string
  readonly sure: boolean
}

const CREDENTIAL =
  /client-key-data["']?:|\n[ \t]*["']?token["']?:\s*\S|\n[ \t]*["']?password["']?:\s*\S/
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
const ARCHIVE =
  /(pki|kubernetes|etcd|cert|kube|backup|secret)[^/]*\.(tar|tgz|tar\.\w+|zip|7z|cpio)$/i
const KEY_STORE = /\.(p12|pfx|jks)$/i
const SNAPSHOT = /(^|\/)[^/]*(etcd|snap)[^/]*\.(db|snap|snapshot|bak)$/i
/** A kubeconfig or a key is small. */
const MAX_COPY = 1 << 18

function copies({ nodes }: Evidence): readonly CopyOfSecrets[] {
  return nodes.flatMap((node) =>
    [...node.tree.values()].flatMap((entry): readonly CopyOfSecrets[] => {
      if (entry.kind !== 'file') return []
      const { path } = entry
      // O01 and F21 speak of these.
      if (node.kubeconfigs.has(path) || node.pems.has(path) || node.webhooks.has(path)) return []
      const one = placed(node, entry)
      if (SNAPSHOT.test(path)) return [{ ...one, holds: 'etcd’s data', sure: false }]
      if (ARCHIVE.test(path) || KEY_STORE.test(path))
        return [{ ...one, holds: 'keys', sure: false }]
      // The runtime keeps files of its own below these.
      if (/^(proc|sys|dev|usr|var\/lib\/(containerd|docker|kubelet\/pods))\//.test(path)) return []
      const text = entry.data.length <= MAX_COPY ? textOf(entry) : ''
      if (PRIVATE_KEY.test(text)) return [{ ...one, holds: 'a private key', sure: true }]
      return /kind["']?:\s*["']?Config\b/.test(text) && CREDENTIAL.test(text)
        ? [{ ...one, holds: 'the credentials of a kubeconfig', sure: true }]
        : []
    }),
  )
}

export const MODE_RULES: readonly Rule[] = [
  rule('O01', 'key-mode', 'C', 'error', {
    title: 'others can read a private key',
    citation: 'CIS 1.1.21',
    why: 'Every local user, and every container with that directory, is the key’s holder.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    of: keyFiles,
    say: (one) => {
      const found = wider(one, 0o600)
      // Group-readable keys are how rootless control planes share sa.key.
      const severity = (one.entry.mode & 0o027) !== 0 ? 'error' : 'warning'
      return found && { ...found, severity }
    },
  }),
  rule('O02', 'cert-mode', 'M', 'warning', {
    title: 'others can write a certificate file',
    citation: 'CIS 1.1.20, 4.1.7',
    why: 'Whoever writes a trust file lets in whom he likes.',
    fix: 'chmod 644 FILE',
    needs: 'metadata',
    of: certificateFiles,
    say: (one) => wider(one, 0o644),
  }),
  rule('O03', 'pki-owner', 'H', 'warning', {
    title: 'the certificates belong to somebody else than root',
    citation: 'CIS 1.1.19',
    why: 'Their owner replaces them at will.',
    fix: 'chown -R root:root /etc/kubernetes/pki',
    needs: 'metadata',
    of: pkiEntries,
    say: foreign,
  }),
  rule('O04', 'dir-writable', 'C', 'error', {
    title: 'others can write a directory that holds keys or manifests',
    citation: 'CIS 1.1.19',
    why: 'The modes of the files do not matter then: they are replaced as a whole.',
    fix: 'chmod go-w DIRECTORY',
    needs: 'metadata',
    of: directories,
    say: ({ entry }) =>
      entry.kind === 'directory' &&
      (entry.mode & 0o022) !== 0 && {
        message: `is writable for others (mode ${modeText(entry.mode)})`,
        fix: 'chmod go-w FILE',
      },
  }),
  rule('O05', 'etcd-data', 'H', 'warning', {
    title: 'etcd’s data directory is open, or root’s',
    citation: 'CIS 1.1.11, 1.1.12',
    why: 'The data hold every Secret. kubeadm runs etcd as root, which CIS does not like; that is noted only.',
    fix: 'chmod 700 /var/lib/etcd',
    needs: 'metadata',
    of: dataDirectories,
    say: (one, _evidence, { profile }) => {
      const open = wider(one, 0o700)
      if (open) return open
      const isRoots = one.entry.kind === 'directory' && one.entry.owner?.uid === 0
      return (
        isRoots &&
        profile === 'cis' && {
          message: 'belongs to root; CIS wants etcd:etcd',
          fix: 'chown etcd:etcd FILE',
          severity: 'info',
        }
      )
    },
  }),
  rule('O06', 'manifest-mode', 'H', 'warning', {
    title: 'a static pod’s manifest is open, or not root’s',
    citation: 'CIS 1.1.1–1.1.8',
    why: 'Who writes a manifest runs any pod as root.',
    fix: 'chmod 600 FILE && chown root:root FILE',
    needs: 'metadata',
    of: manifests,
    say: (one) => {
      const found = wider(one, 0o600)
      const severity = (one.entry.mode & 0o022) !== 0 ? 'error' : 'warning'
      return found ? { ...found, severity } : foreign(one)
    },
  }),
  rule('O07', 'kubelet-files', 'M', 'warning', {
    title: 'the kubelet’s configuration is open, or not root’s',
    citation: 'CIS 4.1.1–4.1.10',
    why: 'Who writes it turns authentication off. CIS wants 600; kubeadm writes 644.',
    fix: 'chmod 600 /var/lib/kubelet/config.yaml',
    needs: 'metadata',
    of: kubeletFiles,
    say: (one, _evidence, { profile }) =>
      wider(one, profile === 'kubeadm' ? 0o644 : 0o600) ?? foreign(one),
  }),
  rule('O08', 'nonroot-unreadable', 'H', 'error', {
    title: 'a component that is not root cannot read its key',
    citation:
      'kubeadm RootlessControlPlane; https://docs.k0sproject.io/stable/system-requirements/',
    why: 'It does not start.',
    fix: 'chown the key to the component’s user, or chmod 640 with its group',
    needs: 'metadata',
    of: runsAsUser,
    say: function* ({ node, launch }) {
      for (const [flag, values] of launch.flags) {
        if (!/key-file$|keyfile$/.test(flag)) continue
        const entry = fileAt(node.tree, pathInTree(values.at(-1) ?? '') ?? '')
        if (!entry?.owner) continue
        const own = entry.owner.uid === launch.runAsUser && (entry.mode & 0o400) !== 0
        if (!own && (entry.mode & 0o044) === 0)
          yield finding(
            placeIn(node, entry.path),
            `cannot be read by ${launch.component}, which runs as ${launch.runAsUser}`,
          )
      }
    },
  }),
  rule('O10', 'umask-copy', 'M', 'warning', {
    title: 'an administrator’s kubeconfig in a home directory',
    citation:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/',
    why: 'The habit of copying admin.conf leaves copies that nobody renews or protects.',
    fix: 'chmod 600 FILE; remove it where nobody administers the cluster',
    needs: 'metadata',
    of: entriesAt(HOME),
    say: (one) => wider(one, 0o600),
  }),
  rule('O12', 'kubelet-unit-mode', 'M', 'warning', {
    title: 'the kubelet’s unit file is open',
    citation: 'CIS 4.1.1, 4.1.2',
    why: 'Who writes it sets the kubelet’s flags. Packages install it with mode 644.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    profiles: CIS,
    of: entriesAt(KUBELET_UNIT),
    where: ({ entry }) => entry.kind === 'file',
    say: shut,
  }),
  rule('O13', 'kubeconfig-owner', 'M', 'warning', {
    title: 'a kubeconfig on a node does not belong to root',
    citation: 'CIS 1.1.14, 1.1.16, 1.1.18, 4.1.4, 4.1.6',
    why: 'Its owner has the identity in it.',
    fix: 'chown root:root FILE',
    needs: 'metadata',
    profiles: HARDENING,
    of: ({ nodes }) =>
      nodes.flatMap((node) =>
        filesOf(
          node,
          [...node.kubeconfigs.keys(), ...node.webhooks.keys()].filter((path) =>
            path.startsWith('etc/'),
          ),
        ),
      ),
    say: foreign,
  }),
  rule('O15', 'backup-readable', 'C', 'error', {
    title: 'others can read a copy of credentials or of etcd’s data',
    citation: 'CIS 1.1.13, 1.1.19, 1.1.12',
    why: 'The live files are looked after, and nobody looks after their copies: an administrator’s kubeconfig, the keys in an archive, every Secret in a snapshot.',
    fix: 'shred -u FILE   # or chmod 600 FILE',
    needs: 'metadata',
    of: copies,
    say: (one) => {
      const { node, entry, holds, sure } = one
      if (entry.kind !== 'file') return undefined
      if ((entry.mode & 0o044) === 0)
        return (
          sure &&
          node.role === 'worker' && {
            message: `holds ${holds}, on a worker`,
            fix: `shred -u /${entry.path}`,
            severity: 'warning',
          }
        )
      return {
        message: `${sure ? 'holds' : 'may hold'} ${holds}, and its mode ${modeText(entry.mode)} lets others read it`,
        fix: `shred -u /${entry.path}   # or chmod 600 /${entry.path}`,
        severity: sure ? 'error' : 'warning',
      }
    },
  }),
  rule('O16', 'secret-file-mode', 'C', 'error', {
    title: 'others can read a file of secrets that the API server is given',
    citation: 'https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/; CIS 1.2.2',
    why: 'Encryption keys open every Secret of a backup; a static token or a webhook’s credential is good for whoever reads it.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    of: secretFiles,
    say: (one) => wider(one, 0o600),
  }),
  rule('O14', 'cni-mode', 'L', 'info', {
    title: 'CNI configuration is open',
    citation: 'CIS 1.1.9, 1.1.10',
    why: 'Who writes it runs a program of his choice for every pod.',
    fix: 'chmod 600 /etc/cni/net.d/*',
    needs: 'metadata',
    profiles: CIS,
    of: entriesAt(/^etc\/cni\/net\.d\//),
    say: shut,
  }),
]

/** The mode is wider than allowed: some bit is set beyond it. */
function wider({ entry }: PlacedEntry, limit: number): FindingDraft | undefined {
  if (entry.kind !== 'file' && entry.kind !== 'directory') return undefined
  if ((entry.mode & 0o777 & ~limit) === 0) return undefined
  return {
    message: `has the mode ${modeText(entry.mode)}; ${modeText(limit)} or less is expected`,
    fix: `chmod ${modeText(limit)} FILE`,
  }
}

// Owners are known only for trees from a disk or an archive.
function foreign({ entry }: PlacedEntry): FindingDraft | undefined {
  if (entry.kind !== 'file' && entry.kind !== 'directory') return undefined
  const { owner } = entry
  if (!owner || (owner.uid === 0 && owner.gid === 0)) return undefined
  return {
    message: `belongs to ${owner.uid}:${owner.gid}; 0:0 (root) is expected`,
    fix: 'chown root:root FILE',
  }
}

/** Root’s alone. */
function shut(one: PlacedEntry): FindingDraft | undefined {
  return wider(one, 0o600) ?? foreign(one)
}
