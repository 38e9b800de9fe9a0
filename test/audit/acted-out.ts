import { base64Of } from '../../src/values/bytes.js'
import type { ClusterOptions, Mutable } from './support.js'
import { embed, embedPair, issue, newKeyPem, PKI, put } from './support.js'

/** A broken control plane that was started with the real programs of v1.28.7 and etcd 3.5, and what became of it. */
export interface ActedOut {
  readonly options?: ClusterOptions
  readonly mutate: (node: Mutable) => void | Promise<void>
  /** What did not start, or ended soon after; nothing follows from what did not get its turn. */
  readonly down: readonly string[]
  /** Connections that failed although they must not, or (`!`) were made although they must not. */
  readonly surprises?: readonly string[]
}

const KUBERNETES = 'etc/kubernetes'
const MANIFESTS = `${KUBERNETES}/manifests`
const BAD_BLOCK = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const PAST = {
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2021-01-01T00:00:00Z'),
}
const API_NAMES = {
  dns: [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'controlplane',
  ],
  ip: ['10.96.0.1', '172.31.10.5'],
}
const ETCD_NAMES = { dns: ['localhost', 'controlplane'], ip: ['127.0.0.1', '::1', '172.31.10.5'] }

const API = 'kube-apiserver/controlplane'
const ETCD = 'etcd/controlplane'
const MANAGER = 'kube-controller-manager/controlplane'
const SCHEDULER = 'kube-scheduler/controlplane'

function newKey(base: string) {
  return async (node: Mutable) => node.write(`${PKI}/${base}.key`, await newKeyPem())
}

/** Gives one flag of a component a file of its own. */
function ownFile(
  component: string,
  flag: string,
  from: string,
  to: string,
  content: (node: Mutable) => string,
) {
  return (node: Mutable) => {
    node.write(`${PKI}/${to}`, content(node))
    node.replace(
      `${MANIFESTS}/${component}.yaml`,
      `--${flag}=/${PKI}/${from}`,
      `--${flag}=/${PKI}/${to}`,
    )
  }
}

export const ACTED_OUT: Readonly<Record<string, ActedOut>> = {
  'a key that does not fit the kubelet client certificate': {
    mutate: newKey('apiserver-kubelet-client'),
    down: [],
    surprises: [`${API}>kubelet/controlplane`],
  },
  'a key that does not fit the front proxy’s certificate': {
    mutate: newKey('front-proxy-client'),
    down: [API],
  },
  'a key that does not fit the etcd client certificate': {
    mutate: newKey('apiserver-etcd-client'),
    down: [API],
  },
  'a key that does not fit the API server’s certificate': {
    mutate: newKey('apiserver'),
    down: [API],
  },
  'a key that does not fit etcd’s server certificate': {
    mutate: newKey('etcd/server'),
    down: [ETCD, API],
  },
  'a key that does not fit etcd’s peer certificate': {
    mutate: newKey('etcd/peer'),
    down: [ETCD, API],
  },
  'a bad block in the client CA': {
    mutate: ownFile(
      'kube-apiserver',
      'client-ca-file',
      'ca.crt',
      'client-ca.crt',
      (node) => node.text(`${PKI}/ca.crt`) + BAD_BLOCK,
    ),
    down: [API],
  },
  'a bad block in etcd’s CA': {
    mutate: (node) => node.write(`${PKI}/etcd/ca.crt`, node.text(`${PKI}/etcd/ca.crt`) + BAD_BLOCK),
    down: [ETCD, API],
  },
  'a key in etcd’s CA file': {
    mutate: (node) =>
      node.write(
        `${PKI}/etcd/ca.crt`,
        node.text(`${PKI}/etcd/ca.crt`) + node.text(`${PKI}/etcd/ca.key`),
      ),
    down: [ETCD, API],
  },
  'an empty CA file for etcd, which starts and trusts nobody': {
    mutate: (node) => node.write(`${PKI}/etcd/ca.crt`, ''),
    down: [API],
    surprises: [`etcd-healthcheck-client/controlplane>${ETCD}`],
  },
  'an empty request-header CA': {
    mutate: (node) => node.write(`${PKI}/front-proxy-ca.crt`, ''),
    down: [API, MANAGER],
  },
  'a root CA file without a certificate': {
    mutate: ownFile(
      'kube-controller-manager',
      'root-ca-file',
      'ca.crt',
      'root.crt',
      () => BAD_BLOCK,
    ),
    down: [MANAGER],
  },
  'two certificates in the signing file': {
    mutate: ownFile(
      'kube-controller-manager',
      'cluster-signing-cert-file',
      'ca.crt',
      'sign.crt',
      (node) => node.text(`${PKI}/ca.crt`) + node.text(`${PKI}/front-proxy-ca.crt`),
    ),
    down: [MANAGER],
  },
  'a key that does not fit inside a kubeconfig': {
    mutate: async (node) => {
      const { certificate } = await issue(node, {
        ca: 'ca',
        CN: 'system:kube-scheduler',
        profile: 'client',
      })
      embedPair(node, `${KUBERNETES}/scheduler.conf`, certificate, await newKeyPem())
    },
    down: [SCHEDULER],
  },
  'an expired scheduler, which runs and may do nothing': {
    mutate: (node) =>
      embed(node, `${KUBERNETES}/scheduler.conf`, {
        ca: 'ca',
        CN: 'system:kube-scheduler',
        profile: 'client',
        ...PAST,
      }),
    down: [],
    surprises: [`${SCHEDULER}>${API}`],
  },
  'an expired controller manager, which runs and may do nothing': {
    mutate: (node) =>
      embed(node, `${KUBERNETES}/controller-manager.conf`, {
        ca: 'ca',
        CN: 'system:kube-controller-manager',
        profile: 'client',
        ...PAST,
      }),
    down: [],
    surprises: [`${MANAGER}>${API}`],
  },
  'a scheduler under another name': {
    mutate: (node) =>
      embed(node, `${KUBERNETES}/scheduler.conf`, {
        ca: 'ca',
        CN: 'kube-scheduler',
        profile: 'client',
      }),
    down: [],
    surprises: [`${SCHEDULER}>${API}`],
  },
  'a scheduler with two common names, of which the last one counts': {
    mutate: (node) =>
      embed(node, `${KUBERNETES}/scheduler.conf`, {
        ca: 'ca',
        CN: '',
        subject: [
          [{ type: 'CN', value: 'first' }],
          [{ type: 'CN', value: 'system:kube-scheduler' }],
        ],
        profile: 'client',
      }),
    down: [],
    surprises: [],
  },
  'a controller manager that trusts another CA': {
    mutate: (node) =>
      node.replace(
        `${KUBERNETES}/controller-manager.conf`,
        /certificate-authority-data: .*/,
        `certificate-authority-data: ${base64Of(new TextEncoder().encode(node.text(`${PKI}/etcd/ca.crt`)))}`,
      ),
    down: [],
    surprises: [`${MANAGER}>${API}`],
  },
  'an expired API server, which runs and is believed by nobody': {
    mutate: (node) =>
      put(node, 'apiserver', {
        ca: 'ca',
        CN: 'kube-apiserver',
        profile: 'server',
        names: API_NAMES,
        ...PAST,
      }),
    down: [],
    surprises: [`admin/controlplane>${API}`, `${SCHEDULER}>${API}`, `pods/cluster>${API}`],
  },
  'an API server with a client’s certificate': {
    mutate: (node) =>
      put(node, 'apiserver', {
        ca: 'ca',
        CN: 'kube-apiserver',
        profile: 'client',
        names: API_NAMES,
      }),
    down: [],
    surprises: [`admin/controlplane>${API}`, `kubelet/controlplane>${API}`],
  },
  'an expired etcd server': {
    mutate: (node) =>
      put(node, 'etcd/server', {
        ca: 'etcd/ca',
        CN: 'controlplane',
        profile: 'peer',
        names: ETCD_NAMES,
        ...PAST,
      }),
    down: [API],
    surprises: [`${API}>${ETCD}`],
  },
  'an etcd server that may not be a client, which nobody misses': {
    mutate: (node) =>
      put(node, 'etcd/server', {
        ca: 'etcd/ca',
        CN: 'controlplane',
        profile: 'server',
        names: ETCD_NAMES,
      }),
    down: [],
    surprises: [`etcd-gateway/controlplane>${ETCD}`],
  },
  'an etcd server without the names of its own machine': {
    mutate: (node) =>
      put(node, 'etcd/server', {
        ca: 'etcd/ca',
        CN: 'controlplane',
        profile: 'peer',
        names: { dns: ['controlplane'], ip: ['172.31.10.5'] },
      }),
    down: [API],
    surprises: [`${API}>${ETCD}`, `etcd-healthcheck-client/controlplane>${ETCD}`],
  },
  'no CA key for the signer': { mutate: (node) => node.remove(`${PKI}/ca.key`), down: [MANAGER] },
  'PEM headers on the client CA, which Go then skips': {
    mutate: ownFile('kube-apiserver', 'client-ca-file', 'ca.crt', 'client-ca.crt', (node) =>
      node.text(`${PKI}/ca.crt`).replace('-----\n', '-----\nX-Note: a\n\n'),
    ),
    down: [API],
  },
  'a service-account key that is none': {
    mutate: (node) => node.write(`${PKI}/sa.key`, 'x\n'),
    down: [API, MANAGER],
  },
  'an empty file for service-account keys': {
    mutate: (node) => node.write(`${PKI}/sa.pub`, ''),
    down: [API],
  },
  'client-cert-auth=false beside a CA, which changes nothing': {
    mutate: (node) =>
      node.replace(`${MANIFESTS}/etcd.yaml`, '--client-cert-auth=true', '--client-cert-auth=false'),
    down: [],
    surprises: [],
  },
  'an empty kubelet CA, which leaves the system’s': {
    mutate: ownFile(
      'kube-apiserver',
      'kubelet-certificate-authority',
      'ca.crt',
      'kubelet-ca.crt',
      () => '',
    ),
    down: [],
    surprises: [`${API}>kubelet/controlplane`],
  },
  'a front proxy under another name': {
    mutate: (node) =>
      put(node, 'front-proxy-client', { ca: 'front-proxy-ca', CN: 'other', profile: 'client' }),
    down: [],
    surprises: [`${API}>extension-apiserver/cluster`],
  },
  'client-cert-auth without a CA, which keeps everybody out': {
    mutate: (node) => node.replace(`${MANIFESTS}/etcd.yaml`, /.*- --trusted-ca-file.*\n/, ''),
    down: [API],
    surprises: [`${API}>${ETCD}`],
  },
}
