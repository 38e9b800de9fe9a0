import { commonNameOf } from '../../ca/certificate/names.js'
import { fileAt } from '../../files/tree.js'
import { at, filled } from '../../values/json.js'
import { groupBy } from '../../values/lists.js'
import { once } from '../../values/once.js'
import { listed } from '../../values/text.js'
import { tokenSigner } from '../graph/credentials.js'
import { adminGroup } from '../graph/edges.js'
import { identityOf } from '../graph/judge.js'
import type { Evidence } from '../read/evidence.js'
import type { Rule } from '../types.js'
import { indexOf } from './by-evidence.js'
import { authorityPairs } from './files.js'
import { REISSUE } from './remedies.js'
import { finding, HARDENING, nameOf, rule } from './rule.js'
import {
  authorities,
  controlPlanes,
  isSelfMade,
  keys,
  kubeconfigs,
  nodes,
  only,
  placeIn,
  uses,
} from './subjects.js'

/** Private keys on nodes that sign for the whole cluster: authorities' and service accounts'. */
const clusterKeys = once((evidence: Evidence): ReadonlyMap<string, string> => {
  const { authorityOfKey, parts } = indexOf(evidence)
  const keys = new Map<string, string>()
  for (const [keyId, certificate] of authorityOfKey)
    if (certificate.facts.basicConstraints?.ca && !isSelfMade(certificate))
      keys.set(keyId, `the authority ${JSON.stringify(commonNameOf(certificate.facts.subject))}`)
  for (const node of parts) {
    for (const launch of node.launches)
      for (const { keyId } of tokenSigner(node, launch)?.pem?.keys ?? [])
        if (keyId !== undefined) keys.set(keyId, 'the service-account signer')
    for (const { keyId } of node.kind === 'authorities'
      ? (node.pems.get('sa.key')?.keys ?? [])
      : [])
      if (keyId !== undefined) keys.set(keyId, 'the service-account signer')
  }
  return keys
})

/** Keys of what a control plane presents; administrators’ kubeconfigs on workers have a rule of their own. */
const controlPlaneKeys = once(
  (evidence: Evidence): ReadonlyMap<string, string> =>
    new Map(
      uses(evidence)
        .filter(
          ({ node, role, certificate }) =>
            node.role === 'control-plane' &&
            role !== 'kubelet-client' &&
            role !== 'kubelet-serving' &&
            role !== 'by-itself' &&
            (role !== 'user' || adminGroup(identityOf(certificate)) === undefined),
        )
        .map(({ certificate, pem }) => [
          certificate.keyId,
          `${nameOf(pem.place)} on ${pem.place.node}`,
        ]),
    ),
)

/** Authorities on nodes with their keys beside them. */
const pairsOnNodes = only(authorityPairs, ({ pem }, { nodes }) =>
  nodes.some(({ name }) => name === pem.place.node),
)

function rootKeys(evidence: Evidence) {
  const intermediates = authorities(evidence).filter(({ facts }) => !facts.selfIssued)
  const above = new Set(intermediates.flatMap(({ issuers }) => issuers.map(({ keyId }) => keyId)))
  return pairsOnNodes(evidence).filter(({ key }) =>
    key.keys.some(({ keyId }) => keyId !== undefined && above.has(keyId)),
  )
}

export const PLACEMENT_RULES: readonly Rule[] = [
  rule('T05', 'ca-key-on-worker', 'C', 'error', {
    title: 'a key that signs for the cluster lies on a worker',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'Whoever breaks into the worker issues administrators and tokens at will.',
    fix: 'shred -u FILE   # on the worker; then rotate what the key signs',
    of: (evidence) => (evidence.nodes.some(({ role }) => role === 'worker') ? keys(evidence) : []),
    when: ({ node, key }) => node.role === 'worker' && key.private,
    say: ({ key }, evidence) => {
      const whose = clusterKeys(evidence).get(key.keyId ?? '')
      return whose !== undefined && `is the key of ${whose}, on a worker`
    },
  }),
  rule('T23', 'control-plane-key-on-worker', 'C', 'error', {
    title: 'a control plane’s key lies on a worker',
    citation: 'https://kubernetes.io/docs/setup/best-practices/certificates/',
    why: 'With it the worker is a client of etcd, the API server towards every kubelet, or a component that reads every Secret.',
    fix: 'shred -u FILE   # on the worker; then issue the pair anew on the control plane',
    of: (evidence) => (evidence.nodes.some(({ role }) => role === 'worker') ? keys(evidence) : []),
    when: ({ node, key }) => node.role === 'worker' && key.private,
    say: ({ key }, evidence) => {
      const whose = controlPlaneKeys(evidence).get(key.keyId ?? '')
      return whose !== undefined && `is the key of ${whose}, on a worker`
    },
  }),
  rule('T06', 'ca-key-with-external', 'H', 'warning', {
    title: 'an authority’s key is there although the cluster file keeps keys offline',
    citation: 'kubeadm UsingExternalCA (the mode is guessed from the key’s absence)',
    why: 'kubeadm takes a ca.key for permission to sign; the key was to be kept elsewhere.',
    fix: 'shred -u ca.key front-proxy-ca.key etcd/ca.key   # on the nodes',
    check: (evidence) => {
      if (evidence.cluster?.pki.caKeys !== 'offline') return 'not-applicable'
      return pairsOnNodes(evidence).map(({ key }) =>
        finding(key.place, 'is there, although pki.caKeys is offline'),
      )
    },
  }),
  rule('T07', 'half-external', 'H', 'warning', {
    title: 'only one of ca.key and front-proxy-ca.key is there',
    citation: 'kubeadm app/phases/certs UsingExternalFrontProxyCA',
    why: 'kubeadm can neither renew everything nor take the authorities for external ones: both renewal and upgrade stop.',
    fix: 'restore the missing key, or remove the other one as well',
    of: controlPlanes,
    where: ({ layout }) => layout === 'kubeadm',
    say: (node) => {
      const at = (file: string) => `${node.pkiDirectory}/${file}`
      const has = (file: string) => fileAt(node.tree, at(file)) !== undefined
      if (!has('ca.crt') || !has('front-proxy-ca.crt')) return undefined
      const files = ['ca.key', 'front-proxy-ca.key']
      const [there] = files.filter(has)
      const [missing] = files.filter((file) => !has(file))
      if (there === undefined || missing === undefined) return undefined
      return finding(placeIn(node, at(there)), `is there, but ${missing} is not`)
    },
  }),
  rule('T08', 'root-key-online', 'H', 'error', {
    title: 'the root’s key lies beside its intermediates',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'The intermediates exist so that the root can stay offline; on a node it is as exposed as they are.',
    fix: 'shred -u root-ca.key   # on the node, after a copy in a safe',
    check: (evidence) =>
      authorities(evidence).every(({ facts }) => facts.selfIssued)
        ? 'not-applicable'
        : rootKeys(evidence).map(({ pem, key }) =>
            finding(
              key.place,
              `is the key of the root ${nameOf(pem.place)}, which stands above the issuing authorities`,
            ),
          ),
  }),
  rule('T09', 'etcd-ca-on-etcd-only-host', 'M', 'warning', {
    title: 'etcd’s authority key, or another member’s key, on an etcd host',
    citation: 'kubespray roles/etcd (all keys are copied to every member)',
    why: 'One etcd host gives away the identity of all of them.',
    fix: 'keep each member’s own pair on its host and the authority’s key elsewhere',
    of: nodes,
    where: ({ role }) => role === 'etcd',
    say: function* (node, evidence) {
      const { authorityOfKey } = indexOf(evidence)
      for (const { keys, place } of node.pems.values())
        if (keys.some((key) => key.private && authorityOfKey.has(key.keyId ?? '')))
          yield finding(place, 'is an authority’s key, on a host that only runs etcd')
    },
  }),
  rule('T10', 'leaf-key-cloned', 'M', 'warning', {
    title: 'one key lies on several hosts',
    citation: 'NIST SP 800-57 part 1 §5.2',
    why: 'The hosts cannot be told apart, and losing one means replacing all.',
    fix: REISSUE,
    check: (evidence) => {
      const shared = clusterKeys(evidence)
      const { privateKeys, keys } = indexOf(evidence)
      if (keys.length === 0) return 'not-applicable'
      return [...privateKeys].flatMap(([keyId, places]) => {
        const hosts = new Set(
          places.flatMap(({ node }) => (node.kind === 'node' ? [node.name] : [])),
        )
        const [first] = places
        return first &&
          hosts.size > 1 &&
          !shared.has(keyId) &&
          !/(^|\/)(sa|ca)[^/]*\.key$/.test(first.place.path)
          ? finding(first.place, `is the same key on ${listed([...hosts])}`, {
              suspects: places.map(({ place }) => place),
            })
          : []
      })
    },
  }),
  rule('T11', 'ca-shared-across-clusters', 'H', 'warning', {
    title: 'kubeconfigs of different clusters trust one authority',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates',
    why: 'An administrator of one cluster is an administrator of the other: certificates do not name a cluster.',
    fix: 'give each cluster authorities of its own',
    check: (evidence) => {
      const all = kubeconfigs(evidence).flatMap(({ config }) =>
        config.clusters.flatMap(({ name, server, authority }) => {
          const certificate = authority?.certificates[0]
          return certificate && server !== '' ? [{ config, name, certificate }] : []
        }),
      )
      if (all.length < 2) return 'not-applicable'
      return [...groupBy(all, ({ certificate }) => certificate.keyId).values()].flatMap((same) => {
        const byName = [...groupBy(same, ({ name }) => name).values()]
        const names = byName.map(([one]) => one?.name ?? '')
        const merged = evidence.cluster?.clusterName
        if (merged !== undefined && names.every((name) => name.startsWith(merged))) return []
        // Most of them are of this cluster.
        const [, ...odd] = byName.sort((a, b) => b.length - a.length)
        return odd
          .flat()
          .map(({ config }) =>
            finding(
              config,
              `and others trust one authority for different clusters: ${listed(names)}`,
            ),
          )
      })
    },
  }),
  rule('T15', 'upload-certs-left', 'M', 'warning', {
    title: 'a certificate key lies on a node',
    citation: 'kubernetes/kubeadm#1200',
    why: 'For two hours after upload-certs it decrypts every authority’s key in the cluster.',
    fix: 'remove certificateKey from the file when the control planes have joined',
    profiles: HARDENING,
    of: ({ nodes }) => nodes.flatMap(({ kubeadm }) => kubeadm),
    when: ({ value }) =>
      filled(at(value, 'certificateKey') ?? at(value, 'controlPlane', 'certificateKey')),
    say: 'holds a certificate key',
  }),
]
