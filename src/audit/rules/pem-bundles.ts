import { fileAt } from '../../files/tree.js'
import type { Estate, NodeFacts, PemFacts } from '../estate.js'
import { fileOn, followLinks, isCovered, shortPath } from '../paths.js'
import type { Rule } from '../types.js'
import { indexOf } from './index-of-estate.js'
import { counted, day, each, finding, GENERATE, HARDENING, rule } from './row.js'

/** A certificate file of an authority with the key beside it. */
interface AuthorityPair {
  readonly pem: PemFacts
  readonly key: PemFacts
}

/** `ca.crt` and `ca.key`, `ca.pem` and `ca-key.pem`, for every file whose first certificate is an authority's. */
export function authorityPairs(estate: Estate): readonly AuthorityPair[] {
  return indexOf(estate).parts.flatMap(({ pems }) =>
    [...pems.values()].flatMap((pem) => {
      if (!pem.certificates.some(({ facts }) => facts.basicConstraints?.ca === true)) return []
      const { path } = pem.place
      const key =
        pems.get(path.replace(/\.(crt|pem|cert|cer)$/, '.key')) ??
        pems.get(path.replace(/\.pem$/, '-key.pem'))
      return key && key !== pem && key.keys.some((one) => one.private) ? [{ pem, key }] : []
    }),
  )
}

const trusts = (estate: Estate) => indexOf(estate).trusts
const bundles = (estate: Estate) =>
  indexOf(estate).pems.flatMap(({ pem }) => (pem.certificates.length > 1 ? [pem] : []))

function within(node: NodeFacts, path: string): boolean {
  return [`${node.pkiDirectory}/`, 'etc/kubernetes/', 'var/lib/kubelet/pki/'].some((start) =>
    path.startsWith(start),
  )
}

const links = ({ nodes }: Estate) =>
  nodes.flatMap((node) =>
    node.unread.flatMap((entry) =>
      entry.kind === 'symlink' && within(node, entry.path) ? [{ node, entry }] : [],
    ),
  )

const STRAY = /(\.(srl|csr|bak|old|orig|save|p12|pfx|jks|swp)|~)$/i
const KNOWN =
  /^((etcd\/)?ca|front-proxy-ca|etcd\/(server|peer|healthcheck-client)|apiserver(-kubelet-client|-etcd-client)?|front-proxy-client|root-bundle)\.crt$/

export const PEM_BUNDLE_RULES: readonly Rule[] = [
  rule('P13', 'ca-active-not-first', 'H', 'error', {
    title: 'the active authority is not the first one in its file',
    citation: 'kubeadm app/util/pkiutil: the first certificate of ca.crt is the signer',
    why: 'kubeadm signs with and pins the first certificate of the file. When the key belongs to another one, joins and renewals fail.',
    fix: 'put the certificate that fits the key first in the file',
    check: each(authorityPairs, ({ pem, key }) => {
      const keyId = key.keys.find((one) => one.private)?.keyId
      const position = pem.certificates.findIndex((one) => one.keyId === keyId)
      return position > 0
        ? finding(
            pem.place,
            `has the certificate of ${shortPath(key.place.path)} as number ${position + 1}; it must come first`,
          )
        : undefined
    }),
  }),
  rule('P14', 'signing-file-bundle', 'H', 'error', {
    title: 'the controller manager’s signing file holds several certificates',
    citation: 'kubernetes/kubeadm#1350',
    why: 'kube-controller-manager wants exactly one certificate in --cluster-signing-cert-file and exits otherwise.',
    fix: 'give --cluster-signing-cert-file a file with the active authority only; keep the bundle for --client-ca-file and --root-ca-file',
    needs: 'bytes',
    check: each(
      (estate) => trusts(estate).filter(({ role }) => role === 'signing'),
      ({ pem, certificates }) =>
        certificates.length > 1
          ? finding(
              pem.place,
              `holds ${certificates.length} certificates, and the controller manager exits unless its signing file holds one`,
            )
          : undefined,
    ),
  }),
  rule('P15', 'bundle-duplicate', 'L', 'warning', {
    title: 'a file holds the same certificate twice',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'Nothing breaks, but a rotation that appended the old authority instead of the new one looks like this.',
    fix: 'remove the second copy, and check that the new authority is there',
    check: each(bundles, ({ place, certificates }) => {
      const extra = certificates.length - new Set(certificates).size
      return extra > 0 ? finding(place, `holds ${counted(extra, 'certificate')} twice`) : undefined
    }),
  }),
  rule('P16', 'bundle-expired-entry', 'M', 'warning', {
    title: 'a bundle still holds an expired authority',
    citation: 'kubernetes/kubeadm#3221',
    why: 'It is dead weight, and after a restore or with a wrong clock it is trusted again.',
    fix: 'remove the expired certificate from the file',
    check: each(bundles, ({ place, certificates }, _estate, { at }) => {
      const dead = certificates.filter(({ facts }) => facts.notAfter < at)
      const last = dead[0]
      return last && dead.length < certificates.length
        ? finding(
            place,
            `holds ${counted(dead.length, 'expired certificate')} (the first since ${day(last.facts.notAfter)})`,
            { certificate: last },
          )
        : undefined
    }),
  }),
  rule('P17', 'bundle-too-large', 'I', 'info', {
    title: 'a client bundle holds many authorities',
    citation: 'RFC 8446 §4.2.4',
    why: 'Servers list the names of all client authorities in every handshake; a long list costs bytes and some clients fail on it.',
    fix: 'remove authorities that no longer sign anything',
    check: each(trusts, ({ pem, certificates }) =>
      certificates.length > 10
        ? finding(pem.place, `trusts ${certificates.length} authorities`)
        : undefined,
    ),
  }),
  rule('P18', 'key-encrypted-on-node', 'H', 'error', {
    title: 'a key on a node is protected by a passphrase',
    citation: 'k8s.io/client-go/util/keyutil ParsePrivateKeyPEM',
    why: 'Components start without a human and cannot decrypt it: whatever needs the key does not start.',
    fix: 'openssl pkey -in FILE -out FILE.clear && chmod 600 FILE.clear',
    check: each(
      (estate) => indexOf(estate).keys.filter(({ node }) => node.kind === 'node'),
      ({ key, place }) =>
        key.encrypted
          ? finding(place, 'is encrypted, and components cannot ask for a passphrase')
          : undefined,
    ),
  }),
  rule('P19', 'key-type-unsupported', 'H', 'error', {
    title: 'a key cannot be read by the component that needs it',
    citation: 'k8s.io/client-go/util/keyutil; kubeadm app/util/pkiutil (RSA and ECDSA only)',
    why: 'kubeadm and the token signer load RSA and ECDSA keys only. Another format or algorithm stops them.',
    fix: GENERATE,
    check: each(
      (estate) => indexOf(estate).keys.filter(({ key }) => key.private && !key.encrypted),
      ({ key, place }, estate) => {
        if (key.failure !== undefined)
          return finding(place, `holds a key that cannot be read: ${key.failure}`)
        const { type = 'RSA' } = key.facts ?? {}
        const signs = indexOf(estate).authorityOfKey.has(key.keyId ?? '')
        return type !== 'RSA' && type !== 'EC' && signs
          ? finding(place, `is an ${type} key; kubeadm reads RSA and ECDSA authorities only`)
          : undefined
      },
    ),
  }),
  rule('P20', 'stray-file', 'L', 'info', {
    title: 'a left-over lies beside the certificates',
    citation: 'NIST SP 800-57 part 1 §5.3.6',
    why: 'Back-ups, requests and key stores beside the live files are forgotten copies of private material.',
    fix: 'shred -u FILE   # after a look whether it is still needed',
    check: each(
      ({ nodes }) => nodes,
      function* (node) {
        for (const [path, entry] of node.tree) {
          if (entry.kind !== 'file' || !STRAY.test(path) || !within(node, path)) continue
          const secret = node.pems.get(path)?.keys.some((key) => key.private) === true
          yield {
            node: node.name,
            path,
            message: `${shortPath(path)} is a left-over${secret ? ' with a private key' : ''}`,
            severity: secret || /\.(p12|pfx|jks)$/i.test(path) ? 'warning' : 'info',
          }
        }
      },
    ),
  }),
  rule('P21', 'symlink-escape', 'M', 'warning', {
    title: 'a symbolic link leads nowhere or out of the tree',
    citation: 'https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/',
    why: 'What it names is not there for the component, and the audit cannot see it either.',
    fix: 'ln -sfn TARGET LINK',
    check: each(links, ({ node, entry }) => {
      const target = followLinks(node.tree, entry.path)
      const message = `${shortPath(entry.path)} points to ${JSON.stringify(entry.target.slice(0, 120))}`
      if (target === undefined)
        return {
          node: node.name,
          path: entry.path,
          message: `${message}, outside the tree or in a circle`,
        }
      return !node.tree.has(target) && isCovered(node, target)
        ? { node: node.name, path: entry.path, message: `${message}, which does not exist` }
        : undefined
    }),
  }),
  rule('P22', 'kubelet-current-not-symlink', 'M', 'warning', {
    title: 'kubelet-client-current.pem is a plain file',
    citation: 'kubernetes/website#28312; k8s.io/client-go/util/certificate',
    why: 'The kubelet rotates by moving the link to a new file. A copy instead of the link stops rotation, or is replaced without notice.',
    fix: 'keep kubelet-client-<date>.pem and link it: ln -sfn kubelet-client-<date>.pem kubelet-client-current.pem',
    check: each(
      ({ nodes }) =>
        nodes.filter(({ tree }) => tree.has('var/lib/kubelet/pki/kubelet-client-current.pem')),
      ({ name, tree }) => {
        const path = 'var/lib/kubelet/pki/kubelet-client-current.pem'
        return fileAt(tree, path)
          ? {
              node: name,
              path,
              message: `${path} is a plain file, not a link to the current certificate`,
            }
          : undefined
      },
    ),
  }),
  rule('P23', 'unknown-file', 'I', 'info', {
    title: 'a certificate that no component uses',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Copies drift: nobody renews or removes them.',
    fix: 'remove the file, or say in .kpki-audit.yaml what it is for',
    profiles: HARDENING,
    check: each(
      ({ nodes }) => nodes.filter(({ layout }) => layout === 'kubeadm'),
      function* (node, estate) {
        const { used } = indexOf(estate)
        for (const [path, pem] of node.pems) {
          if (!path.startsWith(`${node.pkiDirectory}/`) || pem.certificates.length === 0) continue
          if (used.has(pem) || KNOWN.test(path.slice(node.pkiDirectory.length + 1))) continue
          if (STRAY.test(path) || !fileOn(node.tree, path)) continue
          yield finding(pem.place, 'holds a certificate that no component of this node uses')
        }
      },
    ),
  }),
]
