import * as v from 'valibot'
import { flag, map, oneOf, port, text, texts } from '../schema-parts.js'

export const ROLES = ['control-plane', 'worker'] as const
export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const

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

export const taint = v.strictObject({
  key: text('Key of the taint.'),
  value: v.optional(text('Value of the taint.')),
  effect: oneOf(TAINT_EFFECTS, 'What the taint does.'),
})

export const node = v.strictObject({
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

export const provisionFields = {
  hostOs: v.optional(
    oneOf(
      ['ubuntu', 'debian', 'rhel', 'none'],
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
      ['token', 'files'],
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
