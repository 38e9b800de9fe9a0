import type { Cluster } from '../cluster/cluster.js'
import type { BindingName } from '../releases/features.js'
import type { JsonObject } from '../values/json.js'

interface Binding {
  readonly role: string
  readonly subject: { readonly kind: 'Group' | 'User'; readonly name: string }
}

const BINDINGS: { readonly [Name in BindingName]: Binding } = {
  'kubeadm:cluster-admins': {
    role: 'cluster-admin',
    subject: { kind: 'Group', name: 'kubeadm:cluster-admins' },
  },
  'kubeadm:apiserver-kubelet-client': {
    role: 'system:kubelet-api-admin',
    subject: { kind: 'User', name: 'kube-apiserver-kubelet-client' },
  },
}

/**
 * ClusterRoleBindings without which certificates of the cluster's release have no rights: admin.conf's group from 1.29
 * on, and the API server's kubelet client where it carries no organization (kubernetes/kubeadm#3310). kubeadm makes
 * them itself only in `init` and `upgrade apply`. None in 1.28.
 */
export function bindingsOf({ release }: Cluster): readonly JsonObject[] {
  return release.bindings.map(bindingOf)
}

export function bindingOf(name: BindingName): JsonObject {
  const { role, subject } = BINDINGS[name]
  const apiGroup = 'rbac.authorization.k8s.io'
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup, ...subject }],
  }
}
