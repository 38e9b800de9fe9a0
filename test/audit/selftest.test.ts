import { describe, expect, it } from 'vitest'
import {
  audit,
  CONTROL_PLANE,
  down,
  embed,
  findings,
  generated,
  type Mutable,
  mutated,
  newKeyPem,
  newPublicKeyPem,
  PKI,
  put,
  surprises,
} from './support.js'

const MANIFESTS = 'etc/kubernetes/manifests'
const PAST = {
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2021-01-01T00:00:00Z'),
}
const API = `kube-apiserver/${CONTROL_PLANE}`
const ETCD = `etcd/${CONTROL_PLANE}`

/** One way to break a healthy tree, as the lab acts it out on a real control plane, and what to say of it. */
interface Case {
  readonly name: string
  readonly mutate: (node: Mutable) => void | Promise<void>
  /** Components that do not start. */
  readonly down?: readonly string[]
  /** Every connection that does otherwise than it must; a pattern list, all of which must occur. */
  readonly broken: readonly (string | RegExp)[]
  /** Nothing but these may be broken. */
  readonly only?: RegExp
  readonly findings: readonly string[]
  readonly message: RegExp
}

const CASES: readonly Case[] = [
  {
    name: 'swapped-serving-cert',
    mutate: (node) => {
      node.copy(`${PKI}/front-proxy-client.crt`, `${PKI}/apiserver.crt`)
      node.copy(`${PKI}/front-proxy-client.key`, `${PKI}/apiserver.key`)
    },
    broken: [`admin/${CONTROL_PLANE}>${API}`, `kubelet/worker1>${API}`, `pods/cluster>${API}`],
    findings: ['error connection-name controlplane'],
    message: /pki\/apiserver\.crt has no SAN 172\.31\.10\.5 \(it has none/,
  },
  {
    name: 'san-missing',
    mutate: (node) =>
      put(node, 'apiserver', {
        ca: 'ca',
        CN: 'kube-apiserver',
        profile: 'server',
        names: {
          dns: [
            'kubernetes',
            'kubernetes.default',
            'kubernetes.default.svc',
            'kubernetes.default.svc.cluster.local',
            CONTROL_PLANE,
          ],
          ip: ['172.31.10.5'],
        },
      }),
    broken: [`pods/cluster>${API}`],
    only: /^(openssl-)?pods\/cluster>kube-apiserver\/controlplane$/,
    findings: ['error connection-name controlplane'],
    message:
      /https:\/\/10\.96\.0\.1:443: server certificate pki\/apiserver\.crt has no SAN 10\.96\.0\.1 \(it has /,
  },
  {
    name: 'wrong-front-proxy-ca',
    mutate: (node) => {
      node.copy(`${PKI}/ca.crt`, `${PKI}/front-proxy-ca.crt`)
      node.copy(`${PKI}/ca.key`, `${PKI}/front-proxy-ca.key`)
    },
    broken: [`${API}>extension-apiserver/cluster`, `!client-certificate/any>${API}`],
    only: /extension-apiserver|client-certificate|certificates-of/,
    findings: [
      'error connection-untrusted controlplane',
      'error front-proxy-impersonation controlplane',
    ],
    message:
      /front proxy certificate pki\/front-proxy-client\.crt is not signed by pki\/front-proxy-ca\.crt/,
  },
  {
    name: 'expired-admin',
    mutate: (node) =>
      embed(node, 'etc/kubernetes/admin.conf', {
        ca: 'ca',
        CN: 'kubernetes-admin',
        O: ['system:masters'],
        profile: 'client',
        ...PAST,
      }),
    broken: [`admin/${CONTROL_PLANE}>${API}`],
    only: /^admin\/controlplane>/,
    findings: ['error connection-expired controlplane'],
    message: /client certificate admin\.conf \(client-certificate-data\) expired on 2021-01-01/,
  },
  {
    name: 'expired-etcd-client',
    mutate: (node) =>
      put(node, 'apiserver-etcd-client', {
        ca: 'etcd/ca',
        CN: 'kube-apiserver-etcd-client',
        profile: 'client',
        ...PAST,
      }),
    down: [API],
    broken: [`${API}>${ETCD}`, `admin/${CONTROL_PLANE}>${API}`],
    findings: ['error component-down controlplane', 'error connection-expired controlplane'],
    message:
      /kube-apiserver on controlplane does not start: reaches no etcd: etcd client certificate pki\/apiserver-etcd-client\.crt expired on 2021-01-01/,
  },
  {
    name: 'etcd-cert-wrong-ca',
    mutate: (node) =>
      put(node, 'etcd/server', {
        ca: 'ca',
        CN: CONTROL_PLANE,
        profile: 'peer',
        names: { dns: ['localhost', CONTROL_PLANE], ip: ['127.0.0.1', '172.31.10.5'] },
      }),
    down: [API],
    broken: [`${API}>${ETCD}`, `etcd-healthcheck-client/${CONTROL_PLANE}>${ETCD}`],
    findings: ['error component-down controlplane', 'error connection-untrusted controlplane'],
    message:
      /server certificate pki\/etcd\/server\.crt is not signed by pki\/etcd\/ca\.crt \(its issuer is "kubernetes"\)/,
  },
  {
    name: 'sa-pub-mismatch',
    mutate: async (node) => node.write(`${PKI}/sa.pub`, await newPublicKeyPem()),
    // Its controllers' own tokens are refused: it ends, which is why the lab's check `alive` fails.
    down: [`kube-controller-manager/${CONTROL_PLANE}`],
    broken: [
      `tokens-of-kube-apiserver/${CONTROL_PLANE}>${API}`,
      `tokens-of-kube-controller-manager/${CONTROL_PLANE}>${API}`,
    ],
    only: /^tokens-of-|kube-controller-manager\/controlplane/,
    findings: ['error component-down controlplane', 'error connection-token-key controlplane'],
    message: /tokens signed with pki\/sa\.key do not verify with pki\/sa\.pub/,
  },
  {
    name: 'kubelet-wrong-cn',
    mutate: (node) =>
      embed(node, 'etc/kubernetes/kubelet.conf', {
        ca: 'ca',
        CN: 'system:node:worker1',
        O: ['system:nodes'],
        profile: 'client',
      }),
    broken: [
      `kubelet/${CONTROL_PLANE}>${API}`,
      `!kubelet/${CONTROL_PLANE}>kube-apiserver/as-another`,
    ],
    only: /^!?kubelet\/controlplane>/,
    findings: ['error connection-identity controlplane', 'error kubelet-is-another controlplane'],
    message:
      /the API server sees system:node:worker1 in system:nodes, not system:node:controlplane/,
  },
  {
    name: 'scheduler-is-admin',
    mutate: (node) =>
      embed(node, 'etc/kubernetes/scheduler.conf', {
        ca: 'ca',
        CN: 'kubernetes-admin',
        O: ['system:masters'],
        profile: 'client',
      }),
    broken: [],
    findings: ['error component-too-privileged controlplane'],
    message:
      /kube-scheduler\/controlplane logs in as kubernetes-admin in system:masters, not as system:kube-scheduler/,
  },
  {
    name: 'etcd-open',
    mutate: (node) => {
      node.replace(`${MANIFESTS}/etcd.yaml`, /.*- --client-cert-auth=true\n/, '')
      node.replace(`${MANIFESTS}/etcd.yaml`, /.*- --trusted-ca-file.*\n/, '')
    },
    broken: [
      `!anonymous/anywhere>${ETCD}`,
      `!kube-apiserver-kubelet-client/${CONTROL_PLANE}>${ETCD}`,
    ],
    only: /^!.*>etcd\/controlplane$/,
    findings: ['error etcd-admits-api-clients controlplane', 'error etcd-open controlplane'],
    message: /etcd asks for no client certificate; it gives reading and writing everything in etcd/,
  },
  {
    name: 'client-eku-missing',
    mutate: (node) =>
      put(node, 'etcd/healthcheck-client', {
        ca: 'etcd/ca',
        CN: 'kube-etcd-healthcheck-client',
        profile: 'server',
      }),
    broken: [`etcd-healthcheck-client/${CONTROL_PLANE}>${ETCD}`],
    only: /^etcd-healthcheck-client\/controlplane>etcd\/controlplane/,
    findings: ['error connection-usage controlplane'],
    message:
      /health check certificate pki\/etcd\/healthcheck-client\.crt is not for clientAuth \(it is for serverAuth\)/,
  },
  {
    name: 'ca-key-mismatch',
    mutate: async (node) => node.write(`${PKI}/ca.key`, await newKeyPem()),
    down: [`kube-controller-manager/${CONTROL_PLANE}`],
    broken: [`kube-controller-manager/${CONTROL_PLANE}>${API}`],
    only: /kube-controller-manager\/controlplane/,
    findings: ['error component-down controlplane'],
    message:
      /kube-controller-manager on controlplane does not start: signing key pki\/ca\.key does not fit signing certificate pki\/ca\.crt/,
  },
  {
    name: 'manifest-typo',
    mutate: (node) =>
      node.replace(
        `${MANIFESTS}/kube-controller-manager.yaml`,
        /controller-manager\.conf$/gm,
        'controller-mgr.conf',
      ),
    down: [`kube-controller-manager/${CONTROL_PLANE}`],
    broken: [`kube-controller-manager/${CONTROL_PLANE}>${API}`],
    only: /kube-controller-manager\/controlplane/,
    findings: ['error component-down controlplane'],
    message: /kubeconfig controller-mgr\.conf is missing/,
  },
  {
    name: 'manifest-drift',
    mutate: (node) => node.replace(`${MANIFESTS}/kube-scheduler.yaml`, 'cpu: 100m', 'cpu: 101m'),
    broken: [],
    findings: [],
    message: /^$/,
  },
]

describe('the mutations that the lab acts out on a real control plane', () => {
  for (const { name, mutate, broken, only, message, ...expected } of CASES)
    it(name, async () => {
      const report = await audit(await mutated(await generated(), mutate))
      const found = surprises(report)
      for (const one of broken)
        expect(found).toContainEqual(typeof one === 'string' ? one : expect.stringMatching(one))
      if (broken.length === 0) expect(found).toEqual([])
      if (only) expect(found.filter((id) => !only.test(id))).toEqual([])
      expect(down(report)).toEqual(expected.down ?? [])
      expect(findings(report).filter((line) => line.startsWith('error'))).toEqual(expected.findings)
      if (expected.findings.length > 0)
        expect(report.findings.map((one) => one.message).join('\n')).toMatch(message)
      expect(report.crashed).toEqual([])
    })
})
