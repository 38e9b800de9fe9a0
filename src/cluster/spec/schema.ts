import * as v from 'valibot'
import {
  clusterConfiguration,
  initConfiguration,
  joinConfiguration,
  kubeletConfiguration,
  kubeProxyConfiguration,
} from '../kubeadm/schema.js'
import { flag, text, texts } from '../schema-parts.js'
import { node, provisionFields } from './nodes.js'
import { pki } from './pki.js'

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

/** A cluster.yaml as a value: what the user says, before defaults. */
export type ClusterSpec = v.InferInput<typeof clusterSchema>
