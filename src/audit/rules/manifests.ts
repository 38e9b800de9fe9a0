import { flagIsTrue, flagList, flagOf } from '../../values/command-line.js'
import { quoted } from '../../values/text.js'
import type { Evidence, Launch, NodeEvidence } from '../read/evidence.js'
import { fileOn, isCovered, locate, shortPath } from '../read/paths.js'
import type { FindingDraft, Rule } from '../types.js'
import { indexOf, launchesOf, reaches, trustsIn } from './by-evidence.js'
import { each, finding, GENERATE, listed, rule, STRICT } from './rule.js'

export interface Launched {
  readonly node: NodeEvidence
  readonly launch: Launch
}

const real = (evidence: Evidence): readonly Launched[] =>
  indexOf(evidence).launches.filter(({ launch }) => launch.source !== 'default')
export const apiservers = (evidence: Evidence) => launchesOf(evidence, 'kube-apiserver')
export const managers = (evidence: Evidence) => launchesOf(evidence, 'kube-controller-manager')
const etcds = (evidence: Evidence) => launchesOf(evidence, 'etcd')

export function aboutLaunch({ node, launch }: Launched, message: string): FindingDraft {
  const { path, component } = launch
  const where = path === undefined ? `${component} on ${node.name}` : shortPath(path)
  return { node: node.name, ...(path !== undefined && { path }), message: `${where} ${message}` }
}

const FILE_FLAG =
  /(-file|cafile|certfile|keyfile|kubeconfig|certificate-authority|kubelet-client-(certificate|key)|-config|policy-file)$/
const WRITTEN = /^(audit-log|log)/

function missingFile(one: Launched, flag: string, value: string): FindingDraft | undefined {
  if (!value.startsWith('/')) return undefined
  const found = locate(one.launch, value)
  if ('foreign' in found) return undefined
  if ('unmounted' in found)
    return aboutLaunch(one, `gives --${flag}=${value}, which is not mounted into the pod`)
  return fileOn(one.node.tree, found.path) || !isCovered(one.node, found.path)
    ? undefined
    : aboutLaunch(one, `gives --${flag}=${value}, which is not there`)
}

function plainUrls({ launch }: Launched, flag: string): readonly string[] {
  return flagList(launch.flags, flag).filter((url) => url.startsWith('http://'))
}

function etcdOpen(one: Launched, prefix: '' | 'peer-'): FindingDraft | undefined {
  const { flags } = one.launch
  const plain = [
    ...plainUrls(one, prefix === '' ? 'listen-client-urls' : 'listen-peer-urls'),
    ...plainUrls(one, prefix === '' ? 'advertise-client-urls' : 'initial-advertise-peer-urls'),
  ]
  if (plain.length > 0)
    return aboutLaunch(one, `serves ${listed(plain)} in clear text and without authentication`)
  if (flagIsTrue(flags, `${prefix}client-cert-auth`)) return undefined
  // With it etcd demands certificates all the same.
  const trusts = flagOf(flags, `${prefix}trusted-ca-file`) !== undefined
  return {
    ...aboutLaunch(one, `lacks --${prefix}client-cert-auth=true`),
    severity: trusts ? 'warning' : 'error',
  }
}

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
    fix: 'kpki gen -o OUT   # or correct the flag, or mount the directory',
    needs: 'manifests',
    check: each(real, function* (one) {
      for (const [flag, values] of one.launch.flags) {
        if (!FILE_FLAG.test(flag) || WRITTEN.test(flag) || one.launch.component === 'kubelet')
          continue
        for (const value of values) {
          const found = missingFile(one, flag, value)
          if (found) yield found
        }
      }
    }),
  }),
  rule('M02', 'clientca-eq-requestheader', 'C', 'error', {
    title: 'one file is client authority and request-header authority',
    citation: 'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/',
    why: 'Any client certificate with an allowed name may claim any identity in headers.',
    fix: 'give --requestheader-client-ca-file an authority of its own',
    needs: 'manifests',
    check: each(apiservers, (one) => {
      const { flags } = one.launch
      const client = flagOf(flags, 'client-ca-file')
      return client !== undefined && client === flagOf(flags, 'requestheader-client-ca-file')
        ? aboutLaunch(
            one,
            `gives ${client} as --client-ca-file and as --requestheader-client-ca-file`,
          )
        : undefined
    }),
  }),
  rule('M03', 'allowed-names-empty', 'H', 'warning', {
    title: 'no name is demanded of the front proxy',
    citation:
      'https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/; kubernetes/kubernetes#119267',
    why: 'Every certificate of the request-header authority may claim any identity. Where it is the client authority too, every kubelet is administrator.',
    fix: '--requestheader-allowed-names=front-proxy-client',
    needs: 'manifests',
    check: each(
      (evidence) =>
        apiservers(evidence).filter(
          ({ launch }) => flagOf(launch.flags, 'requestheader-client-ca-file') !== undefined,
        ),
      (one, evidence) => {
        if (flagList(one.launch.flags, 'requestheader-allowed-names').length > 0) return undefined
        const header = trustsIn(evidence, 'requestheader-ca').find(({ node }) => node === one.node)
        const client = trustsIn(evidence, 'client-ca').flatMap(({ certificates }) => certificates)
        const shared =
          header !== undefined && client.some((authority) => reaches(authority, header.anchors))
        const gain = shared
          ? ', and its authority signs API clients too: every one of them is administrator'
          : ''
        return {
          ...aboutLaunch(one, `has no --requestheader-allowed-names${gain}`),
          severity: shared ? 'error' : 'warning',
        }
      },
    ),
  }),
  rule('M04', 'etcd-auth-off', 'C', 'error', {
    title: 'etcd asks for no certificate',
    citation: 'CIS 2.1, 2.2, 2.4, 2.5',
    why: 'Whoever reaches the port reads and writes every Secret.',
    fix: '--client-cert-auth=true --trusted-ca-file=… --peer-client-cert-auth=true --peer-trusted-ca-file=…',
    needs: 'manifests',
    check: each(etcds, function* (one) {
      for (const prefix of ['', 'peer-'] as const) {
        const found = etcdOpen(one, prefix)
        if (found) yield found
      }
    }),
  }),
  rule('M05', 'etcd-auto-tls', 'H', 'warning', {
    title: 'etcd makes its own certificates',
    citation: 'CIS 2.3, 2.6',
    why: 'They are self-signed: nobody can tell the real member from another.',
    fix: 'remove --auto-tls and --peer-auto-tls, and give certificates',
    needs: 'manifests',
    check: each(etcds, (one) => {
      const found = ['auto-tls', 'peer-auto-tls'].filter((flag) =>
        flagIsTrue(one.launch.flags, flag),
      )
      return found.length > 0
        ? aboutLaunch(one, `has ${listed(found.map((flag) => `--${flag}`))}`)
        : undefined
    }),
  }),
  rule('M06', 'kubelet-ca-unset', 'H', 'warning', {
    title: 'the API server does not verify kubelets',
    citation: 'CIS 1.2.5',
    why: 'Whoever takes a node’s address reads what kubectl exec and logs send. kubeadm leaves it so.',
    fix: 'set spec.apiServer.verifyKubelets: true with pki.kubeletServing: signed, then kpki gen -o OUT',
    needs: 'manifests',
    check: each(apiservers, (one) =>
      flagOf(one.launch.flags, 'kubelet-certificate-authority') === undefined
        ? aboutLaunch(one, 'has no --kubelet-certificate-authority')
        : undefined,
    ),
  }),
  rule('M07', 'kubelet-ca-set-selfsigned', 'C', 'error', {
    title: 'the API server verifies kubelets that cannot be verified',
    citation: 'CIS 1.2.5; kubernetes/kubeadm#1223',
    why: 'kubectl logs, exec and port-forward fail for those nodes.',
    fix: GENERATE,
    check: (evidence) => {
      const [trust] = trustsIn(evidence, 'kubelet-ca')
      if (!trust) return 'not-applicable'
      return indexOf(evidence).uses.flatMap(({ role, certificate, pem }) =>
        role === 'kubelet-serving' && !reaches(certificate, trust.anchors, pem.certificates)
          ? [
              finding(
                pem.place,
                `does not chain to ${shortPath(trust.pem.place.path)}, which the API server demands of kubelets`,
                { certificate },
              ),
            ]
          : [],
      )
    },
  }),
  rule('M08', 'kubelet-client-ca', 'C', 'error', {
    title: 'the kubelet has no client authority',
    citation: 'CIS 4.2.3',
    why: 'It cannot know the API server: logs and exec end with 401, or anonymous requests are let in.',
    fix: 'authentication.x509.clientCAFile: /etc/kubernetes/pki/ca.crt',
    needs: 'manifests',
    check: each(kubelets, ({ node, kubelet }) => {
      const path = kubelet.configPath
      return kubelet.clientCaFile === undefined
        ? {
            node: node.name,
            ...(path !== undefined && { path }),
            message: `the kubelet of ${node.name} has no client authority${kubelet.anonymous ? ', and lets anonymous requests in' : ''}`,
          }
        : undefined
    }),
  }),
  rule('M09', 'rotate-off', 'M', 'warning', {
    title: 'the kubelet does not renew its certificate',
    citation: 'CIS 4.2.10, 4.2.11',
    why: 'The node drops out after a year.',
    fix: 'rotateCertificates: true',
    needs: 'manifests',
    check: each(kubelets, ({ node, kubelet }) => {
      const path = kubelet.configPath
      return kubelet.rotateCertificates
        ? undefined
        : {
            node: node.name,
            ...(path !== undefined && { path }),
            message: `the kubelet of ${node.name} has no rotateCertificates: true`,
          }
    }),
  }),
  rule('M10', 'sa-flags', 'C', 'error', {
    title: 'a flag for service-account tokens is missing',
    citation: 'CIS 1.2.21, 1.2.22, 1.3.4',
    why: 'kube-apiserver exits without an issuer and a signing key; without the controller manager’s key no token Secrets are filled.',
    fix: 'kpki gen -o OUT',
    needs: 'manifests',
    check: each(apiservers, (one) => {
      const wanted = [
        'service-account-issuer',
        'service-account-signing-key-file',
        'service-account-key-file',
      ]
      const missing = wanted.filter((flag) => flagOf(one.launch.flags, flag) === undefined)
      return missing.length > 0
        ? aboutLaunch(one, `lacks ${listed(missing.map((flag) => `--${flag}`))}`)
        : undefined
    }),
  }),
  rule('M11', 'root-ca-file', 'H', 'error', {
    title: 'what pods get as ca.crt does not verify the API server',
    citation: 'CIS 1.3.5',
    why: 'Every pod that calls the API fails with "certificate signed by unknown authority".',
    fix: '--root-ca-file=/etc/kubernetes/pki/ca.crt',
    needs: 'manifests',
    check: each(managers, (one, evidence) => {
      if (flagOf(one.launch.flags, 'root-ca-file') === undefined)
        return {
          ...aboutLaunch(one, 'has no --root-ca-file: pods get no ca.crt'),
          severity: 'warning' as const,
        }
      const trust = trustsIn(evidence, 'root-ca').find(({ node }) => node === one.node)
      const bad =
        trust &&
        indexOf(evidence).uses.find(
          ({ role, certificate, pem }) =>
            role === 'apiserver' && !reaches(certificate, trust.anchors, pem.certificates),
        )
      return trust && bad
        ? aboutLaunch(
            one,
            `gives pods ${shortPath(trust.pem.place.path)}, which does not verify ${shortPath(bad.pem.place.path)} on ${bad.node.name}`,
          )
        : undefined
    }),
  }),
  rule('M12', 'signing-key-on-every-master', 'I', 'info', {
    title: 'the authority’s key is online on a control plane',
    citation:
      'https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/',
    why: 'The controller manager signs with it; whoever breaks into the machine mints what he likes.',
    fix: 'pki.caKeys: offline, and a signer outside the cluster',
    needs: 'manifests',
    profiles: STRICT,
    check: each(managers, (one) => {
      const key = flagOf(one.launch.flags, 'cluster-signing-key-file')
      return key === undefined
        ? undefined
        : aboutLaunch(one, `signs with ${quoted(key)} on the machine itself`)
    }),
  }),
]
