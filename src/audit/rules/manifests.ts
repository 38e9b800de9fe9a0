import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { groupBy } from '../../values/lists.js'
import { listed, quoted } from '../../values/text.js'
import { fileOnNode } from '../graph/credentials.js'
import type { Evidence, Launch, NodeEvidence } from '../read/evidence.js'
import { locate, lostFolder, shortPath } from '../read/paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { reaches, trustsIn } from './by-evidence.js'
import { after, byOwner, REISSUE, REWRITE, remarked, unlessMadeSo } from './remedies.js'
import { type Launched, rule, STRICT } from './rule.js'
import { launches, launchesAs, usesAs } from './subjects.js'

const apiservers = launchesAs('kube-apiserver')
const managers = launchesAs('kube-controller-manager')
const etcds = launchesAs('etcd')

const FILE_FLAG =
  /(-file|cafile|certfile|keyfile|kubeconfig|certificate-authority|kubelet-client-(certificate|key)|-config|policy-file)$/
const WRITTEN = /^(audit-log|log)/

const kubelets = ({ nodes }: Evidence) =>
  nodes.flatMap((node) =>
    node.kubelet && (node.kubelet.config || node.kubelet.flags.has('kubeconfig'))
      ? [{ node, kubelet: node.kubelet }]
      : [],
  )

export const MANIFEST_RULES: readonly Rule[] = [
  rule('M01', 'flag-path-missing', 'C', 'error', {
    title: 'a flag names a file that is not there or not mounted',
    citation: 'https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/',
    why: 'The component exits at once and is started again for ever.',
    fix: remarked(REWRITE, 'or correct the flag, or mount the directory'),
    needs: 'manifests',
    of: launches,
    when: ({ launch }) => launch.component !== 'kubelet',
    say: missingFiles,
  }),
  rule('M02', 'clientca-eq-requestheader', 'C', 'error', {
    title: 'one file is client authority and request-header authority',
    citation: 'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Any client certificate with an allowed name may claim any identity in headers.',
    fix: 'give --requestheader-client-ca-file an authority of its own',
    needs: 'manifests',
    of: apiservers,
    say: ({ launch: { flags } }) => {
      const client = flagOf(flags, 'client-ca-file')
      return (
        client !== undefined &&
        client === flagOf(flags, 'requestheader-client-ca-file') &&
        `gives ${client} as --client-ca-file and as --requestheader-client-ca-file`
      )
    },
  }),
  rule('M03', 'allowed-names-empty', 'H', 'warning', {
    title: 'no name is demanded of the front proxy',
    citation:
      'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/; kubernetes/kubernetes#119267',
    why: 'Every certificate of the request-header authority may claim any identity. Where it is the client authority too, every kubelet is administrator.',
    fix: '--requestheader-allowed-names=front-proxy-client',
    needs: 'manifests',
    of: apiservers,
    where: ({ launch }) => flagOf(launch.flags, 'requestheader-client-ca-file') !== undefined,
    when: ({ launch }) => flagList(launch.flags, 'requestheader-allowed-names').length === 0,
    say: (one, evidence) => {
      const header = trustsIn(evidence, 'requestheader-ca').find(({ node }) => node === one.node)
      const client = trustsIn(evidence, 'client-ca').flatMap(({ certificates }) => certificates)
      const shared =
        header !== undefined && client.some((authority) => reaches(authority, header.anchors))
      const gain = shared
        ? ', and its authority signs API clients too: every one of them is administrator'
        : ''
      return {
        message: `has no --requestheader-allowed-names${gain}`,
        severity: shared ? 'error' : 'warning',
      }
    },
  }),
  rule('M04', 'etcd-auth-off', 'C', 'error', {
    title: 'etcd asks for no certificate',
    citation: 'CIS 2.1, 2.2, 2.4, 2.5',
    why: 'Whoever reaches the port reads and writes every Secret.',
    fix: '--client-cert-auth=true --trusted-ca-file=… --peer-client-cert-auth=true --peer-trusted-ca-file=…',
    needs: 'manifests',
    of: etcds,
    say: (one) => [etcdOpen(one, ''), etcdOpen(one, 'peer-')],
  }),
  rule('M05', 'etcd-auto-tls', 'H', 'warning', {
    title: 'etcd makes its own certificates',
    citation: 'CIS 2.3, 2.6',
    why: 'They are self-signed: nobody can tell the real member from another.',
    fix: 'remove --auto-tls and --peer-auto-tls, and give certificates',
    needs: 'manifests',
    of: etcds,
    say: ({ launch: { flags } }) => {
      const found = ['auto-tls', 'peer-auto-tls'].filter((flag) => flagIsTrue(flags, flag))
      return found.length > 0 && `has ${listed(found.map((flag) => `--${flag}`))}`
    },
  }),
  rule('M91', 'etcd-data-at-risk', 'H', 'warning', {
    title: 'etcd loses its data, or its peers, when it starts again',
    citation: 'https://etcd.io/docs/latest/op-guide/recovery/',
    why: 'Data in the container is gone with it; --force-new-cluster throws every other member out, at every start.',
    fix: 'mount the data directory from the machine, and remove --force-new-cluster',
    needs: 'manifests',
    of: etcds,
    say: function* ({ launch }) {
      if (flagIsTrue(launch.flags, 'force-new-cluster'))
        yield 'has --force-new-cluster: at every start it forgets every other member'
      const directory = flagOf(launch.flags, 'data-dir')
      if (directory === undefined || launch.source !== 'static-pod') return
      const found = locate(launch, directory)
      if (!('path' in found))
        yield `keeps its data in ${directory}, which is no directory of the machine`
    },
  }),
  rule('M06', 'kubelet-ca-unset', 'H', 'warning', {
    title: 'the API server does not verify kubelets',
    citation: 'CIS 1.2.5',
    why: 'Whoever takes a node’s address reads what kubectl exec and logs send. kubeadm leaves it so.',
    fix: byOwner({
      kpki: after(
        'set spec.apiServer.verifyKubelets to true and spec.pki.kubeletServing to signed',
        REISSUE,
      ),
      others:
        'give kubelets certificates of an authority (serverTLSBootstrap: true), then --kubelet-certificate-authority',
    }),
    needs: 'manifests',
    of: apiservers,
    when: (one) => flagOf(one.launch.flags, 'kubelet-certificate-authority') === undefined,
    say: 'has no --kubelet-certificate-authority',
  }),
  rule('M07', 'kubelet-ca-set-selfsigned', 'C', 'error', {
    title: 'the API server verifies kubelets that cannot be verified',
    citation: 'CIS 1.2.5; kubernetes/kubeadm#1223',
    why: 'kubectl logs, exec and port-forward fail for those nodes.',
    fix: REISSUE,
    of: (evidence) =>
      trustsIn(evidence, 'kubelet-ca').length > 0 ? usesAs('kubelet-serving')(evidence) : [],
    say: ({ certificate, pem }, evidence) => {
      const [trust] = trustsIn(evidence, 'kubelet-ca')
      return (
        trust &&
        !reaches(certificate, trust.anchors, pem.certificates) && {
          message: `does not chain to ${shortPath(trust.pem.place.path)}, which the API server demands of kubelets`,
          suspects: [trust.pem.place],
        }
      )
    },
  }),
  rule('M08', 'kubelet-client-ca', 'C', 'error', {
    title: 'the kubelet has no client authority',
    citation: 'CIS 4.2.3',
    why: 'It cannot know the API server: logs and exec end with 401, or anonymous requests are let in.',
    fix: 'authentication.x509.clientCAFile: /etc/kubernetes/pki/ca.crt',
    needs: 'manifests',
    of: kubelets,
    when: ({ kubelet }) => kubelet.clientCaFile === undefined,
    say: ({ kubelet }) =>
      `has no client authority${kubelet.anonymous ? ', and lets anonymous requests in' : ''}`,
  }),
  rule('M09', 'rotate-off', 'M', 'warning', {
    title: 'the kubelet does not renew its certificate',
    citation: 'CIS 4.2.10, 4.2.11',
    why: 'The node drops out after a year.',
    fix: unlessMadeSo(['microk8s'], 'rotateCertificates: true'),
    needs: 'manifests',
    of: kubelets,
    when: ({ kubelet }) => !kubelet.rotateCertificates,
    say: 'has no rotateCertificates: true',
  }),
  rule('M10', 'sa-flags', 'C', 'error', {
    title: 'a flag for service-account tokens is missing',
    citation: 'CIS 1.2.21, 1.2.22, 1.3.4',
    why: 'kube-apiserver exits without an issuer and a signing key; without the controller manager’s key no token Secrets are filled.',
    fix: REWRITE,
    needs: 'manifests',
    of: apiservers,
    say: (one) => {
      const wanted = [
        'service-account-issuer',
        'service-account-signing-key-file',
        'service-account-key-file',
      ]
      const missing = wanted.filter((flag) => flagOf(one.launch.flags, flag) === undefined)
      return missing.length > 0 && `lacks ${listed(missing.map((flag) => `--${flag}`))}`
    },
  }),
  rule('M11', 'root-ca-file', 'H', 'error', {
    title: 'what pods get as ca.crt does not verify the API server',
    citation: 'CIS 1.3.5',
    why: 'Every pod that calls the API fails with "certificate signed by unknown authority".',
    fix: '--root-ca-file=/etc/kubernetes/pki/ca.crt',
    needs: 'manifests',
    of: managers,
    say: (one, evidence) => {
      if (flagOf(one.launch.flags, 'root-ca-file') === undefined)
        return { message: 'has no --root-ca-file: pods get no ca.crt', severity: 'warning' }
      const trust = trustsIn(evidence, 'root-ca').find(({ node }) => node === one.node)
      const bad =
        trust &&
        usesAs('apiserver')(evidence).find(
          ({ certificate, pem }) => !reaches(certificate, trust.anchors, pem.certificates),
        )
      return (
        trust &&
        bad && {
          message: `gives pods ${shortPath(trust.pem.place.path)}, which does not verify ${shortPath(bad.pem.place.path)} on ${bad.node.name}`,
          suspects: [trust.pem.place, bad.pem.place],
        }
      )
    },
  }),
  rule('M12', 'signing-key-on-every-master', 'I', 'info', {
    title: 'the authority’s key is online on a control plane',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/',
    why: 'The controller manager signs with it; whoever breaks into the machine mints what he likes.',
    fix: byOwner({
      kpki: 'set spec.pki.caKeys to offline, and use a signer outside the cluster',
      others: 'keep the authority’s key off the nodes, and use a signer outside the cluster',
    }),
    needs: 'manifests',
    profiles: STRICT,
    of: managers,
    say: (one) => {
      const key = flagOf(one.launch.flags, 'cluster-signing-key-file')
      return key !== undefined && `signs with ${quoted(key)} on the machine itself`
    },
  }),
]

/** One sentence for each file that a flag names in vain, or for all below a folder that is not there at all. */
function missingFiles({
  node,
  launch,
}: Launched): readonly Pick<FindingDraft, 'message' | 'suspects'>[] {
  const lost = [...launch.flags].flatMap(([flag, values]) =>
    FILE_FLAG.test(flag) && !WRITTEN.test(flag)
      ? values.flatMap((value) => lostFile(node, launch, flag, value) ?? [])
      : [],
  )
  const groups = groupBy(
    lost,
    ({ why, folder, value }) => `${why}\n${outermost(folder, lost) ?? value}`,
  )
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    const folder = outermost(first?.folder, lost)
    const suspects = [
      ...(folder === undefined ? [] : [folder.slice(1)]),
      ...group.flatMap(({ path = [] }) => path),
    ].map((path) => ({ node: node.name, path }))
    if (!first || folder === undefined || group.length === 1)
      return group.map(({ flag, value, why }) => ({
        message: `gives --${flag}=${value}, which is ${why}`,
        suspects,
      }))
    const flags = listed(
      group.map(({ flag }) => `--${flag}`),
      4,
    )
    const message = `gives ${group.length} files below ${folder}, which is ${first.why}: ${flags}`
    return [{ message, suspects: first.why === 'not there' ? suspects : [] }]
  })
}

interface LostFile {
  readonly flag: string
  readonly value: string
  readonly why: 'not there' | 'not mounted into the pod'
  /** Where it had to lie on the node. */
  readonly path?: string
  /** The folder that is lost as a whole, as the flag has it. */
  readonly folder?: string
}

function lostFile(
  node: NodeEvidence,
  launch: Launch,
  flag: string,
  value: string,
): LostFile | undefined {
  if (!value.startsWith('/')) return undefined
  const found = locate(launch, value)
  if ('foreign' in found) return undefined
  if ('unmounted' in found)
    return {
      flag,
      value,
      why: 'not mounted into the pod',
      folder: value.slice(0, value.lastIndexOf('/')),
    }
  if (fileOnNode(node, found.path).state !== 'missing') return undefined
  const folder = lostFolder(node, found.path)
  return {
    flag,
    value,
    why: 'not there',
    path: found.path,
    ...(folder !== undefined && { folder: `/${folder}` }),
  }
}

/** The outermost of the lost folders that a lost folder lies in. */
function outermost(folder: string | undefined, lost: readonly LostFile[]): string | undefined {
  if (folder === undefined) return undefined
  const outer = lost.flatMap(({ folder: other }) =>
    other !== undefined && `${folder}/`.startsWith(`${other}/`) ? [other] : [],
  )
  return outer.sort((a, b) => a.length - b.length)[0]
}

function etcdOpen({ launch: { flags } }: Launched, prefix: '' | 'peer-') {
  const urls =
    prefix === ''
      ? ['listen-client-urls', 'advertise-client-urls']
      : ['listen-peer-urls', 'initial-advertise-peer-urls']
  const plain = urls.flatMap((flag) =>
    flagList(flags, flag).filter((url) => url.startsWith('http://')),
  )
  if (plain.length > 0) return `serves ${listed(plain)} in clear text and without authentication`
  if (flagIsTrue(flags, `${prefix}client-cert-auth`)) return undefined
  const message = `lacks --${prefix}client-cert-auth=true`
  // With a trust file etcd demands certificates all the same.
  return flags.has(`${prefix}trusted-ca-file`) ? { message, severity: 'warning' as const } : message
}
