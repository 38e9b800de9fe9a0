import * as v from 'valibot'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../../ca/keys/algorithms.js'
import { HOST_SYSTEMS } from '../cluster.js'
import {
  clusterConfiguration,
  initConfiguration,
  joinConfiguration,
  kubeletConfiguration,
  kubeProxyConfiguration,
} from '../kubeadm/schema.js'
import { duration, flag, map, oneOf, port, text, texts } from './parts.js'

export const ALGORITHMS = Object.keys(
  KEY_ALGORITHMS,
) as readonly string[] as readonly KeyAlgorithm[]

export const TOPOLOGIES = ['separate', 'single', 'hierarchy'] as const
export const CA_KEYS = ['on-control-plane', 'offline'] as const
export const KUBELET_SERVING = ['signed', 'self-signed'] as const
export const JOINS = ['token', 'files'] as const
export const ROLES = ['control-plane', 'worker'] as const
export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const

const algorithm = (about: string) => v.pipe(v.picklist(ALGORITHMS), v.description(about))

const pki = v.strictObject({
  topology: v.optional(
    oneOf(
      TOPOLOGIES,
      'separate: three CAs as kubeadm; single: one CA for everything; hierarchy: an offline root above three issuing CAs. Default separate.',
    ),
  ),
  keyAlgorithm: v.optional(algorithm('Algorithm of every key. Default RSA-2048.')),
  validity: v.optional(
    v.strictObject({
      ca: v.optional(duration('Validity of CAs; default 3650d.')),
      certificate: v.optional(duration('Validity of all other certificates; default 365d.')),
    }),
  ),
  caKeys: v.optional(oneOf(CA_KEYS, 'offline: no CA key enters a node. Default on-control-plane.')),
  kubeletServing: v.optional(
    oneOf(
      KUBELET_SERVING,
      'signed: kubelets serve with certificates of the cluster CA. Default signed.',
    ),
  ),
  subject: v.optional(
    v.pipe(
      v.strictObject({
        O: v.optional(text('Organization, at most 64 characters.')),
        OU: v.optional(text('Organizational unit, at most 64 characters.')),
        C: v.optional(text('Country, two letters (ISO 3166).')),
      }),
      v.description('Additions to the subjects of the CAs.'),
    ),
  ),
  apiServer: v.optional(
    v.strictObject({
      extraSans: v.optional(texts('Further names and addresses of the API server certificate.')),
    }),
  ),
  kubeProxy: v.optional(flag('A client certificate and kubeconfig for kube-proxy. Default false.')),
  users: v.optional(
    v.array(
      v.strictObject({
        name: text("User name: the certificate's CN, at most 64 characters."),
        groups: v.optional(texts("Groups: the certificate's O.")),
        validity: v.optional(duration('Validity; that of certificates by default.')),
      }),
    ),
  ),
  certificates: v.optional(
    v.pipe(
      v.record(
        v.string(),
        v.strictObject({
          keyAlgorithm: v.optional(algorithm('Algorithm of this key.')),
          validity: v.optional(duration('Validity of this certificate.')),
        }),
      ),
      v.description('Exceptions by certificate id, for example apiserver or etcd-ca.'),
    ),
  ),
})

const ssh = v.pipe(
  v.strictObject({
    host: v.optional(text('Host name or address to connect to; the node address by default.')),
    port: v.optional(port('Port of sshd; 22 by default.')),
    user: v.optional(text("Login name; OpenSSH's own configuration by default.")),
    identityFile: v.optional(text('Private key file on this machine.')),
    proxyJump: v.optional(text('Jump hosts as for ssh -J: user@host:port, comma-separated.')),
    hostKeys: v.optional(
      texts('Accepted host keys: "ssh-ed25519 AAAA…" or "SHA256:…" fingerprints.'),
    ),
  }),
  v.description("How provisioning reaches the node; OpenSSH's own configuration fills the rest."),
)

const taint = v.strictObject({
  key: text('Key of the taint.'),
  value: v.optional(text('Value of the taint.')),
  effect: oneOf(TAINT_EFFECTS, 'What the taint does.'),
})

const node = v.strictObject({
  name: text('Kubernetes node name: RFC 1123, lower case, at most 52 characters.'),
  role: oneOf(ROLES, 'The first control plane is where kubeadm init runs.'),
  address: v.optional(text('IP address that the node is reached at; or use addresses.')),
  addresses: v.optional(texts('IPv4 and IPv6 address; the first one is advertised.')),
  extraSans: v.optional(texts("Further names and addresses for the node's serving certificates.")),
  labels: v.optional(map('Node labels.')),
  taints: v.optional(
    v.pipe(
      v.array(taint),
      v.description("Node taints; an empty list also removes the control plane's own taint."),
    ),
  ),
  ssh: v.optional(ssh),
})

const provisionFields = {
  hostOs: v.optional(
    oneOf(
      HOST_SYSTEMS,
      'Operating system of the nodes: decides CA-directory mounts and resolvConf. Default ubuntu.',
    ),
  ),
  cni: v.optional(
    v.pipe(
      v.variant('type', [
        v.strictObject({ type: v.literal('none') }),
        v.strictObject({
          type: v.literal('cilium'),
          version: text('Version of Cilium, for example 1.15.1.'),
          values: v.optional(
            v.pipe(v.record(v.string(), v.unknown()), v.description('Values of its Helm chart.')),
          ),
        }),
        v.strictObject({
          type: v.literal('manifest'),
          file: v.optional(text('File on this machine.')),
          url: v.optional(text('https:// address.')),
          sha256: v.optional(text('Checksum of the manifest, 64 hexadecimal digits.')),
        }),
      ]),
      v.description('Pod network that provisioning installs. Default none.'),
    ),
  ),
  join: v.optional(
    oneOf(
      JOINS,
      'How provisioning joins nodes: bootstrap token, or certificates laid down. Default token.',
    ),
  ),
  packages: v.optional(
    v.pipe(
      v.strictObject({
        repository: v.optional(text('Package repository. Default https://pkgs.k8s.io.')),
        keyFingerprint: v.optional(
          text('Fingerprint of its signing key, 40 or 64 hexadecimal digits.'),
        ),
      }),
      v.description('Where provisioning takes kubelet and kubeadm from.'),
    ),
  ),
  namespaces: v.optional(texts('Namespaces that provisioning creates.')),
  manifests: v.optional(texts('Files or https:// addresses applied once the cluster is up.')),
  kubeconfig: v.optional(
    v.pipe(
      v.strictObject({
        uniqueNames: v.optional(
          flag("Add the cluster's name to user and context names. Default false."),
        ),
        server: v.optional(
          text("https:// address of the API server in the operator's kubeconfig."),
        ),
      }),
      v.description("The operator's kubeconfig."),
    ),
  ),
}

export const API_VERSION = 'kpki/v1alpha1'

const networking = v.strictObject({
  serviceSubnet: v.optional(
    text('CIDR of services, or two of both families joined by a comma. Default 10.96.0.0/12.'),
  ),
  podSubnet: v.optional(text('CIDR of pods, or two of both families joined by a comma.')),
  dnsDomain: v.optional(text("Domain of the cluster's DNS. Default cluster.local.")),
  allowOverlap: v.optional(flag('Accept subnets that overlap. Default false.')),
})

const kubeadm = v.pipe(
  v.strictObject({
    clusterConfiguration: v.optional(clusterConfiguration),
    initConfiguration: v.optional(initConfiguration),
    joinConfiguration: v.optional(joinConfiguration),
    kubeletConfiguration: v.optional(kubeletConfiguration),
    kubeProxyConfiguration: v.optional(kubeProxyConfiguration),
  }),
  v.description("kubeadm's own fields in kubeadm's own words (v1beta3 or v1beta4)."),
)

const spec = v.strictObject({
  kubernetesVersion: text('For example v1.28.7; 1.28 takes the newest patch that kpki knows.'),
  controlPlaneEndpoint: v.optional(
    text('host or host:port of the API; needed with more than one control plane.'),
  ),
  networking: v.optional(networking),
  imageRepository: v.optional(text('Default registry.k8s.io.')),
  nodes: v.pipe(v.array(node), v.description('The machines of the cluster.')),
  pki: v.optional(v.pipe(pki, v.description('Certificates and keys.'))),
  apiServer: v.optional(
    v.strictObject({
      verifyKubelets: v.optional(
        flag('The API server verifies kubelets (CIS 1.2.5). Default: kubeletServing is signed.'),
      ),
      extraSans: v.optional(texts('The same as pki.apiServer.extraSans.')),
    }),
  ),
  ...provisionFields,
  patches: v.optional(
    text('Directory with patches as kubeadm names them: target[suffix][+type].{json,yaml}.'),
  ),
  kubeadm: v.optional(kubeadm),
})

/** The valibot schema of cluster.yaml. */
export const clusterSchema = v.strictObject({
  apiVersion: v.literal(API_VERSION),
  kind: v.literal('Cluster'),
  metadata: v.strictObject({ name: text('Name of the cluster: an RFC 1123 label.') }),
  spec,
})
