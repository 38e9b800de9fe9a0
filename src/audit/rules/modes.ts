import { type FileEntry, fileAt, modeText, type TreeEntry } from '../../files/tree.js'
import { flagOf } from '../../values/command-line.js'
import { pathInTree } from '../../values/paths.js'
import type { Evidence, NodeEvidence } from '../read/evidence.js'
import { shortPath } from '../read/paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf, launchOf } from './by-evidence.js'
import { CIS, each, HARDENING, rule } from './rule.js'

interface OwnedEntry<T extends TreeEntry = TreeEntry> {
  readonly node: NodeEvidence
  readonly entry: T
}

function draft({ node, entry }: OwnedEntry, message: string, fix?: string): FindingDraft {
  return {
    node: node.name,
    path: entry.path,
    message: `${shortPath(entry.path)} ${message}`,
    ...(fix !== undefined && { fix }),
  }
}

/** The mode is wider than allowed: some bit is set beyond it. */
function wider(one: OwnedEntry, limit: number): FindingDraft | undefined {
  if (one.entry.kind !== 'file' && one.entry.kind !== 'directory') return undefined
  const { mode, path } = one.entry
  return (mode & 0o777 & ~limit) === 0
    ? undefined
    : draft(
        one,
        `has the mode ${modeText(mode)}; ${modeText(limit)} or less is expected`,
        `chmod ${modeText(limit)} /${path}`,
      )
}

// Owners are known only for trees from a disk or an archive.
function foreign(one: OwnedEntry, owners: readonly (readonly [number, number])[] = [[0, 0]]) {
  if (one.entry.kind !== 'file' && one.entry.kind !== 'directory') return undefined
  const { owner, path } = one.entry
  if (!owner || owners.some(([uid, gid]) => uid === owner.uid && gid === owner.gid))
    return undefined
  return draft(
    one,
    `belongs to ${owner.uid}:${owner.gid}; 0:0 (root) is expected`,
    `chown root:root /${path}`,
  )
}

function filesOf(
  node: NodeEvidence,
  paths: readonly (string | undefined)[],
): readonly OwnedEntry<FileEntry>[] {
  return paths.flatMap((path) => {
    const entry = path === undefined ? undefined : fileAt(node.tree, pathInTree(path) ?? '')
    return entry ? [{ node, entry }] : []
  })
}

const keyFiles = ({ nodes }: Evidence): readonly OwnedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    [...node.pems].flatMap(([path, pem]) =>
      pem.keys.some((key) => key.private) ? filesOf(node, [path]) : [],
    ),
  )
const certificateFiles = ({ nodes }: Evidence): readonly OwnedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    [...node.pems].flatMap(([path, pem]) =>
      pem.keys.some((key) => key.private) || pem.blocks.length === 0 ? [] : filesOf(node, [path]),
    ),
  )
const manifests = ({ nodes }: Evidence): readonly OwnedEntry<FileEntry>[] =>
  nodes.flatMap((node) =>
    filesOf(
      node,
      node.launches.flatMap(({ source, path }) => (source === 'static-pod' ? [path] : [])),
    ),
  )

const kubeletFiles = ({ nodes }: Evidence): readonly OwnedEntry<FileEntry>[] =>
  nodes.flatMap((node) => filesOf(node, [node.kubelet?.configPath]))

function dataDirectories({ nodes }: Evidence): readonly OwnedEntry[] {
  return nodes.flatMap((node) => {
    const launch = launchOf(node, 'etcd')
    const path = launch && pathInTree(flagOf(launch.flags, 'data-dir') ?? '/var/lib/etcd')
    const entry = path === undefined ? undefined : node.tree.get(path)
    return entry ? [{ node, entry }] : []
  })
}

function pkiEntries({ nodes }: Evidence): readonly OwnedEntry[] {
  return nodes.flatMap((node) =>
    [...node.tree].flatMap(([path, entry]) =>
      path === node.pkiDirectory || path.startsWith(`${node.pkiDirectory}/`)
        ? [{ node, entry }]
        : [],
    ),
  )
}

function directories({ nodes }: Evidence): readonly OwnedEntry[] {
  return nodes.flatMap((node) =>
    [...node.tree.values()].flatMap((entry) =>
      entry.kind === 'directory' &&
      /^(etc|etc\/kubernetes(\/.*)?|var\/lib\/kubelet(\/pki)?)$/.test(entry.path)
        ? [{ node, entry }]
        : [],
    ),
  )
}

const HOME = /^(home\/[^/]+|root)\/(\.kube\/config|[^/]*admin[^/]*\.conf)$/

function homeFiles({ nodes }: Evidence): readonly OwnedEntry[] {
  return nodes.flatMap((node) =>
    [...node.tree.values()].flatMap((entry) => (HOME.test(entry.path) ? [{ node, entry }] : [])),
  )
}

function units({ nodes }: Evidence): readonly OwnedEntry<FileEntry>[] {
  return nodes.flatMap((node) =>
    [...node.tree.values()].flatMap((entry) =>
      entry.kind === 'file' && /(^|\/)kubelet\.service(\.d\/[^/]+\.conf)?$/.test(entry.path)
        ? [{ node, entry }]
        : [],
    ),
  )
}

const runsAsUser = (evidence: Evidence) =>
  indexOf(evidence).launches.filter(({ launch }) => (launch.runAsUser ?? 0) !== 0)

export const MODE_RULES: readonly Rule[] = [
  rule('O01', 'key-mode', 'C', 'error', {
    title: 'others can read a private key',
    citation: 'CIS 1.1.21',
    why: 'Every local user, and every container with that directory, is the key’s holder.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    check: each(keyFiles, (one) => {
      const found = wider(one, 0o600)
      const others = (one.entry.mode & 0o007) !== 0 || (one.entry.mode & 0o020) !== 0
      // Group-readable keys are how rootless control planes share sa.key.
      return found && { ...found, severity: others ? ('error' as const) : ('warning' as const) }
    }),
  }),
  rule('O02', 'cert-mode', 'L', 'warning', {
    title: 'others can write a certificate file',
    citation: 'CIS 1.1.20, 4.1.7',
    why: 'Whoever writes a trust file lets in whom he likes.',
    fix: 'chmod 644 FILE',
    needs: 'metadata',
    check: each(certificateFiles, (one) => wider(one, 0o644)),
  }),
  rule('O03', 'pki-owner', 'H', 'warning', {
    title: 'the certificates belong to somebody else than root',
    citation: 'CIS 1.1.19',
    why: 'Their owner replaces them at will.',
    fix: 'chown -R root:root /etc/kubernetes/pki',
    needs: 'metadata',
    check: each(pkiEntries, (one) => foreign(one)),
  }),
  rule('O04', 'dir-writable', 'C', 'error', {
    title: 'others can write a directory that holds keys or manifests',
    citation: 'CIS 1.1.19',
    why: 'The modes of the files do not matter then: they are replaced as a whole.',
    fix: 'chmod go-w DIRECTORY',
    needs: 'metadata',
    check: each(directories, (one) => {
      if (one.entry.kind !== 'directory' || (one.entry.mode & 0o022) === 0) return undefined
      const text = `is writable for others (mode ${modeText(one.entry.mode)})`
      return draft(one, text, `chmod go-w /${one.entry.path}`)
    }),
  }),
  rule('O05', 'etcd-data', 'H', 'warning', {
    title: 'etcd’s data directory is open, or root’s',
    citation: 'CIS 1.1.11, 1.1.12',
    why: 'The data hold every Secret. kubeadm runs etcd as root, which CIS does not like; that is noted only.',
    fix: 'chmod 700 /var/lib/etcd',
    needs: 'metadata',
    check: each(dataDirectories, (one, _evidence, { profile }) => {
      const open = wider(one, 0o700)
      if (open) return open
      const isRoots = one.entry.kind === 'directory' && one.entry.owner?.uid === 0
      return isRoots && profile === 'cis'
        ? {
            ...draft(
              one,
              'belongs to root; CIS wants etcd:etcd',
              `chown etcd:etcd /${one.entry.path}`,
            ),
            severity: 'info' as const,
          }
        : undefined
    }),
  }),
  rule('O06', 'manifest-mode', 'H', 'warning', {
    title: 'a static pod’s manifest is open, or not root’s',
    citation: 'CIS 1.1.1–1.1.8',
    why: 'Who writes a manifest runs any pod as root.',
    fix: 'chmod 600 FILE && chown root:root FILE',
    needs: 'metadata',
    check: each(manifests, (one) => {
      const found = wider(one, 0o600)
      const writable = (one.entry.mode & 0o022) !== 0
      return found
        ? { ...found, severity: writable ? ('error' as const) : ('warning' as const) }
        : foreign(one)
    }),
  }),
  rule('O07', 'kubelet-files', 'M', 'warning', {
    title: 'the kubelet’s configuration is open, or not root’s',
    citation: 'CIS 4.1.1–4.1.10',
    why: 'Who writes it turns authentication off. CIS wants 600; kubeadm writes 644.',
    fix: 'chmod 600 /var/lib/kubelet/config.yaml',
    needs: 'metadata',
    check: each(
      kubeletFiles,
      (one, _evidence, { profile }) =>
        wider(one, profile === 'kubeadm' ? 0o644 : 0o600) ?? foreign(one),
    ),
  }),
  rule('O08', 'nonroot-unreadable', 'H', 'error', {
    title: 'a component that is not root cannot read its key',
    citation:
      'kubeadm RootlessControlPlane; https://docs.k0sproject.io/stable/system-requirements/',
    why: 'It does not start.',
    fix: 'chown the key to the component’s user, or chmod 640 with its group',
    needs: 'metadata',
    check: each(runsAsUser, function* ({ node, launch }) {
      for (const [flag, values] of launch.flags) {
        if (!/key-file$|keyfile$/.test(flag)) continue
        const entry = fileAt(node.tree, pathInTree(values.at(-1) ?? '') ?? '')
        if (!entry?.owner) continue
        const own = entry.owner.uid === launch.runAsUser && (entry.mode & 0o400) !== 0
        if (!own && (entry.mode & 0o044) === 0)
          yield draft(
            { node, entry },
            `cannot be read by ${launch.component}, which runs as ${launch.runAsUser}`,
          )
      }
    }),
  }),
  rule('O10', 'umask-copy', 'M', 'warning', {
    title: 'an administrator’s kubeconfig in a home directory',
    citation:
      'https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/',
    why: 'The habit of copying admin.conf leaves copies that nobody renews or protects.',
    fix: 'chmod 600 FILE; remove it where nobody administers the cluster',
    needs: 'metadata',
    check: each(homeFiles, (one) => wider(one, 0o600)),
  }),
  rule('O12', 'kubelet-unit-mode', 'M', 'warning', {
    title: 'the kubelet’s unit file is open',
    citation: 'CIS 4.1.1, 4.1.2',
    why: 'Who writes it sets the kubelet’s flags. Packages install it with mode 644.',
    fix: 'chmod 600 FILE',
    needs: 'metadata',
    profiles: CIS,
    check: each(units, (one) => wider(one, 0o600) ?? foreign(one)),
  }),
  rule('O13', 'kubeconfig-owner', 'M', 'warning', {
    title: 'a kubeconfig on a node does not belong to root',
    citation: 'CIS 1.1.14, 1.1.16, 1.1.18, 4.1.4, 4.1.6',
    why: 'Its owner has the identity in it.',
    fix: 'chown root:root FILE',
    needs: 'metadata',
    profiles: HARDENING,
    check: each(
      ({ nodes }) =>
        nodes.flatMap((node) =>
          filesOf(
            node,
            [...node.kubeconfigs.keys()].filter((path) => path.startsWith('etc/')),
          ),
        ),
      (one) => foreign(one),
    ),
  }),
  rule('O14', 'cni-mode', 'L', 'info', {
    title: 'CNI configuration is open',
    citation: 'CIS 1.1.9, 1.1.10',
    why: 'Who writes it runs a program of his choice for every pod.',
    fix: 'chmod 600 /etc/cni/net.d/*',
    needs: 'metadata',
    profiles: CIS,
    check: each(
      ({ nodes }) =>
        nodes.flatMap((node) =>
          [...node.tree.values()].flatMap((entry) =>
            entry.path.startsWith('etc/cni/net.d/') ? [{ node, entry }] : [],
          ),
        ),
      (one) => wider(one, 0o600) ?? foreign(one),
    ),
  }),
]
