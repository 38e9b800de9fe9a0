import type { ApiClient, ApiClientRole } from './api-clients.js'
import { type Reception, WELCOME } from './edges.js'
import type { Identity } from './types.js'

/** Groups that may do everything, RBAC or not. */
export const ADMIN_GROUPS = ['system:masters', 'kubeadm:cluster-admins'] as const

export function adminGroup({ groups }: Identity): string | undefined {
  return ADMIN_GROUPS.find((group) => groups.includes(group))
}

export function identityText({ user, groups }: Identity): string {
  const who = user === '' ? 'nobody (no CN)' : user
  return groups.length === 0 ? who : `${who} in ${groups.join(', ')}`
}

interface Expected {
  readonly user: string
  readonly group?: string
}

const COMPONENTS: Partial<Readonly<Record<ApiClientRole, Expected>>> = {
  'kube-controller-manager': { user: 'system:kube-controller-manager' },
  'kube-scheduler': { user: 'system:kube-scheduler' },
  'kube-proxy': { user: 'system:kube-proxy' },
}

/**
 * What the API server's authorizers (Node, RBAC with the built-in bindings) make of a client: the
 * role's own identity is welcome, an administrator's is too much for a component, any other is refused.
 */
export function receiveByApi({ role, node }: Pick<ApiClient, 'role' | 'node'>) {
  return (identity: Identity | undefined): Reception => {
    // A token's identity can't be read off it; RBAC then decides.
    if (!identity) return WELCOME
    if (identity.user === '')
      return refused('the certificate has no common name: the API server sees no user (401)')
    const expected = expectedOf(role, node.name)
    if (!expected) return privileged(identity)
    const group = adminGroup(identity)
    if (group !== undefined)
      return {
        kind: 'too-much',
        message: `logs in as ${identityText(identity)}, not as ${expected.user}`,
        privilege: `everything in the cluster (${group})`,
      }
    const proxier = role === 'kube-proxy' && identity.groups.includes('system:node-proxier')
    const isRightUser = identity.user === expected.user || proxier
    const isRightGroup = expected.group === undefined || identity.groups.includes(expected.group)
    if (isRightUser && isRightGroup) return WELCOME
    const wanted = identityText({
      user: expected.user,
      groups: expected.group ? [expected.group] : [],
    })
    return refused(`the API server sees ${identityText(identity)}, not ${wanted} (403)`)
  }
}

function expectedOf(role: ApiClientRole, node: string): Expected | undefined {
  if (role === 'kubelet') return { user: `system:node:${node}`, group: 'system:nodes' }
  return COMPONENTS[role]
}

function privileged(identity: Identity): Reception {
  const group = adminGroup(identity)
  return group === undefined
    ? WELCOME
    : { kind: 'welcome', privilege: `everything in the cluster (${group})` }
}

function refused(message: string): Reception {
  return { kind: 'refused', message }
}
