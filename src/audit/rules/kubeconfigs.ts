import { matchesName } from '../../ca/verify.js'
import type { Estate, KubeconfigCluster, KubeconfigFacts, NodeFacts } from '../estate.js'
import { parseHost } from '../hosts.js'
import { isCovered, shortPath } from '../paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf, type Use } from './index-of-estate.js'
import { anchorsOf, reaches, trustsIn } from './reach.js'
import { day, each, finding, GENERATE, listed, quoted, rule } from './row.js'

interface Entry {
  readonly node: NodeFacts
  readonly config: KubeconfigFacts
}

export const kubeconfigs = (estate: Estate): readonly Entry[] => indexOf(estate).kubeconfigs
export const readable = (estate: Estate): readonly Entry[] =>
  kubeconfigs(estate).filter(({ config }) => !config.failure)
const users = (estate: Estate) =>
  indexOf(estate).uses.filter(({ kubeconfig }) => kubeconfig !== undefined)

export function about({ config }: Entry, message: string): FindingDraft {
  return { node: config.node, path: config.path, message: `${shortPath(config.path)} ${message}` }
}

/** The API servers’ own certificates that a kubeconfig’s server may mean. */
function apiServers(estate: Estate): readonly Use[] {
  return indexOf(estate).uses.filter(({ role }) => role === 'apiserver')
}

/** The API server that a URL names by its node’s address, else all of them (an endpoint in front). */
function meant(estate: Estate, host: string): readonly Use[] {
  const all = apiServers(estate)
  const own = all.filter(({ node }) => node.addresses.includes(host) || node.name === host)
  return own.length > 0 ? own : all
}

function hostOf({ server, tlsServerName }: KubeconfigCluster): string | undefined {
  return tlsServerName ?? parseHost(server)?.host
}

interface Door {
  readonly entry: Entry
  readonly cluster: KubeconfigCluster
  readonly servers: readonly Use[]
}

function doors(estate: Estate): readonly Door[] {
  if (apiServers(estate).length === 0) return []
  return readable(estate).flatMap((entry) => {
    const { cluster } = entry.config
    const host = cluster && parseHost(cluster.server)?.host
    return cluster && host !== undefined ? [{ entry, cluster, servers: meant(estate, host) }] : []
  })
}

const OPERATORS_CHOICE = (node: NodeFacts) => node.kind === 'operator'

export const KUBECONFIG_RULES: readonly Rule[] = [
  rule('F01', 'kubeconfig-parse', 'C', 'error', {
    title: 'a kubeconfig that is none',
    citation:
      'https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/',
    why: 'kubectl and components refuse to start with it.',
    fix: GENERATE,
    check: each(kubeconfigs, ({ node, config }) =>
      config.failure
        ? about({ node, config }, `cannot be read: ${config.failure.message}`)
        : undefined,
    ),
  }),
  rule('F02', 'context-refs', 'C', 'error', {
    title: 'a kubeconfig’s context leads nowhere',
    citation:
      'https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/',
    why: 'The client finds no server or no credential: "context does not exist", or it asks localhost:8080.',
    fix: GENERATE,
    check: each(readable, function* (entry) {
      const { config } = entry
      const current = config.contexts.find(({ name }) => name === config.currentContext)
      if (config.currentContext === '') yield about(entry, 'has no current-context')
      else if (!current)
        yield about(
          entry,
          `has the current-context ${quoted(config.currentContext)}, which it does not define`,
        )
      for (const { name, cluster, user } of config.contexts) {
        const severity = name === config.currentContext ? ('error' as const) : ('warning' as const)
        if (!config.clusters.some((one) => one.name === cluster))
          yield {
            ...about(
              entry,
              `has the context ${quoted(name)} with the undefined cluster ${quoted(cluster)}`,
            ),
            severity,
          }
        if (!config.users.some((one) => one.name === user))
          yield {
            ...about(
              entry,
              `has the context ${quoted(name)} with the undefined user ${quoted(user)}`,
            ),
            severity,
          }
      }
    }),
  }),
  rule('F03', 'kubeconfig-ca-drift', 'C', 'error', {
    title: 'a kubeconfig’s authority does not verify the API server',
    citation: 'kubernetes/kubeadm#2027',
    why: 'The client ends with "certificate signed by unknown authority", typically after a rotation.',
    fix: GENERATE,
    check: each(doors, ({ entry, cluster, servers }) => {
      const anchors = new Set(cluster.authority?.certificates ?? [])
      if (anchors.size === 0 || cluster.insecureSkipTlsVerify) return undefined
      const bad = servers.find(
        ({ certificate, pem }) => !reaches(certificate, anchors, pem.certificates),
      )
      return bad
        ? about(
            entry,
            `trusts an authority that did not sign ${shortPath(bad.pem.place.path)} on ${bad.node.name}`,
          )
        : undefined
    }),
  }),
  rule('F04', 'kubeconfig-ca-old-only', 'H', 'warning', {
    title: 'a kubeconfig lacks an authority that is being phased in',
    citation: 'https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/',
    why: 'It breaks when the API server gets its certificate from the new authority.',
    fix: 'put the whole ca.crt into certificate-authority-data of every kubeconfig before that step',
    check: each(
      (estate) =>
        trustsIn(estate, 'client-ca').some(({ certificates }) => certificates.length > 1)
          ? readable(estate).filter(({ config }) => config.cluster?.authority !== undefined)
          : [],
      (entry, estate) => {
        const [trust] = trustsIn(estate, 'client-ca')
        const known = new Set(
          (entry.config.cluster?.authority?.certificates ?? []).map(({ keyId }) => keyId),
        )
        const lacks = trust?.certificates.filter(({ keyId }) => !known.has(keyId)) ?? []
        return lacks.length > 0 && lacks.length < (trust?.certificates.length ?? 0)
          ? about(
              entry,
              `trusts ${known.size} of ${trust?.certificates.length} authorities in ca.crt`,
            )
          : undefined
      },
    ),
  }),
  rule('F05', 'server-not-in-san', 'C', 'error', {
    title: 'a kubeconfig’s server is no name of the API server’s certificate',
    citation: 'kubernetes-sigs/kubespray#2164',
    why: 'The client refuses the certificate for that host.',
    fix: 'add the name to spec.apiServer.certSANs, then kpki gen -o OUT',
    check: each(doors, ({ entry, cluster, servers }) => {
      const host = hostOf(cluster)
      if (host === undefined || cluster.insecureSkipTlsVerify) return undefined
      const bad = servers.find(({ certificate }) => !matchesName(certificate.facts, host))
      const { dns = [], ip = [] } = bad?.certificate.facts.altNames ?? {}
      return bad && dns.length + ip.length > 0
        ? about(
            entry,
            `calls ${quoted(host)}, which ${shortPath(bad.pem.place.path)} on ${bad.node.name} is not for; it has ${listed([...dns, ...ip], 12)}`,
          )
        : undefined
    }),
  }),
  rule('F06', 'client-pair-mismatch', 'C', 'error', {
    title: 'a kubeconfig’s certificate and key do not belong together',
    citation: 'rancher/rancher#20646',
    why: 'The client exits with "private key does not match public key".',
    fix: GENERATE,
    check: each(users, ({ certificate, key, pem, keyPath }) => {
      const own = key?.keys.find((one) => one.private)
      if (!own)
        return key || keyPath === undefined
          ? finding(pem.place, 'has no private key beside it', { certificate })
          : undefined
      return own.keyId !== undefined && own.keyId !== certificate.keyId
        ? finding(pem.place, 'does not fit its key', { certificate })
        : undefined
    }),
  }),
  rule('F07', 'client-wrong-ca', 'C', 'error', {
    title: 'a kubeconfig’s certificate is not from the client authority',
    citation: 'kubernetes/kubeadm#1361',
    why: 'The API server answers 401.',
    fix: GENERATE,
    check: each(
      (estate) => (trustsIn(estate, 'client-ca').length > 0 ? users(estate) : []),
      ({ certificate, pem, node }, estate) => {
        const doorsOfApi = trustsIn(estate, 'client-ca')
        const refused = doorsOfApi.find(
          (trust) => !reaches(certificate, anchorsOf(trust), pem.certificates),
        )
        return refused && !(OPERATORS_CHOICE(node) && refused.certificates.length === 0)
          ? finding(
              pem.place,
              `is not from the client authority ${shortPath(refused.pem.place.path)} on ${refused.node.name}`,
              { certificate },
            )
          : undefined
      },
    ),
  }),
  rule('F08', 'client-expired', 'C', 'error', {
    title: 'a kubeconfig’s certificate has expired while the node’s others are fresh',
    citation: 'kubernetes/kubeadm#2185',
    why: 'A renewal that looked successful left this file behind: the kubelet or the administrator is locked out.',
    fix: `${GENERATE}   # kubeadm: kubeadm certs renew does not touch kubelet.conf`,
    check: each(users, ({ certificate, pem }, _estate, { at }) =>
      certificate.facts.notAfter < at
        ? finding(pem.place, `expired on ${day(certificate.facts.notAfter)}`, { certificate })
        : undefined,
    ),
  }),
  rule('F09', 'insecure-skip', 'H', 'error', {
    title: 'a kubeconfig does not verify the server',
    citation:
      'https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ (insecure-skip-tls-verify)',
    why: 'Whoever stands between gets every token and Secret that passes.',
    fix: 'remove insecure-skip-tls-verify and give certificate-authority-data',
    check: each(readable, function* (entry) {
      for (const { name, insecureSkipTlsVerify } of entry.config.clusters)
        if (insecureSkipTlsVerify)
          yield about(entry, `has insecure-skip-tls-verify for the cluster ${quoted(name)}`)
    }),
  }),
  rule('F10', 'data-and-file', 'M', 'warning', {
    title: 'a kubeconfig gives data and a file for one thing',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'The data wins; who renews the file wonders why nothing changes.',
    fix: 'keep one of the two',
    check: each(readable, function* (entry) {
      for (const { name, authorityInline, authorityFile } of entry.config.clusters)
        if (authorityInline && authorityFile !== undefined)
          yield about(
            entry,
            `has certificate-authority and certificate-authority-data for ${quoted(name)}; the data wins`,
          )
      for (const { name, certificateInline, certificateFile, keyInline, keyFile } of entry.config
        .users)
        if (
          (certificateInline && certificateFile !== undefined) ||
          (keyInline && keyFile !== undefined)
        )
          yield about(
            entry,
            `has a file and data for the credential of ${quoted(name)}; the data wins`,
          )
    }),
  }),
  rule('F11', 'path-relative-missing', 'M', 'warning', {
    title: 'a kubeconfig names a file that is relative or not there',
    citation: 'k8s.io/client-go/tools/clientcmd',
    why: 'It works from one directory only, or not at all.',
    fix: 'use absolute paths, or embed the data',
    check: each(readable, function* (entry) {
      const { config, node } = entry
      const files = [
        ...config.clusters.map(({ authorityFile, authority }) => ({
          file: authorityFile,
          found: authority,
        })),
        ...config.users.flatMap(({ certificateFile, certificate, keyFile, key }) => [
          { file: certificateFile, found: certificate },
          { file: keyFile, found: key },
        ]),
      ]
      for (const { file, found } of files) {
        if (file === undefined) continue
        if (!file.startsWith('/')) yield about(entry, `names the relative path ${quoted(file)}`)
        else if (!found && isCovered(node, file) && !entry.config.path.endsWith('kubelet.conf'))
          yield about(entry, `names ${quoted(file)}, which is not there`)
      }
    }),
  }),
]
