import { filesOf } from '../../certs/paths.js'
import { LEAVES } from '../../certs/table.js'
import { textAt } from '../../files/tree.js'
import { mergeKubeconfig } from '../../kubeconfig/merge.js'
import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { secret } from '../run/remote.js'

/** Step 9: the operator's kubeconfig, and that of the user who logs in on the first control plane. */
export function accessActions(context: StepContext): readonly Action[] {
  const { cluster, facts, tree, adminKubeconfig, operatorKubeconfig } = context
  const merging = (
    whose: 'operator' | 'login-user',
    where: string,
    existing: string | undefined,
    admin: string,
  ): readonly Action[] => {
    const merged = mergeKubeconfig(existing, admin, cluster.name)
    const about = `context ${merged.context} in ${where}`
    const content = secret(merged.text)
    return merged.changed ? [{ kind: 'kubeconfig', id: whose, about, whose, content }] : []
  }
  // Inside the network the cluster's own endpoint counts, whatever the operator uses from outside.
  const inside = textAt(tree, filesOf(cluster, LEAVES['admin.conf'].place).certificate)
  const home = `~/.kube/config of ${facts.value('user') || 'the login user'}`
  return [
    ...(operatorKubeconfig
      ? merging('operator', "the operator's kubeconfig", operatorKubeconfig(), adminKubeconfig)
      : []),
    ...(inside === undefined ? [] : merging('login-user', home, facts.kubeconfig.reveal(), inside)),
  ]
}
