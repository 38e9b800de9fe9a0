import { KUBERNETES_DIR } from '../../certs/paths.js'
import { textAt } from '../../files/tree.js'
import { mergeKubeconfig } from '../../kubeconfig/merge.js'
import type { Action } from '../action.js'
import type { StepContext } from '../context.js'
import { secret } from '../run/remote.js'

/** Step 9: the operator's kubeconfig, and that of the user who logs in on the first control plane. */
export function accessActions(context: StepContext): readonly Action[] {
  const { cluster, facts, tree, adminKubeconfig, operatorKubeconfig } = context
  const actions: Action[] = []
  if (operatorKubeconfig) {
    const merged = mergeKubeconfig(operatorKubeconfig(), adminKubeconfig, cluster.name)
    if (merged.changed)
      actions.push({
        kind: 'kubeconfig',
        id: 'operator',
        about: `context ${merged.context} in the operator's kubeconfig`,
        whose: 'operator',
        content: secret(merged.text),
      })
  }
  // Inside the network the cluster's own endpoint counts, whatever the operator uses from outside.
  const inside = textAt(tree, `${KUBERNETES_DIR}/admin.conf`)
  if (inside !== undefined) {
    const merged = mergeKubeconfig(facts.kubeconfig.reveal(), inside, cluster.name)
    if (merged.changed)
      actions.push({
        kind: 'kubeconfig',
        id: 'login-user',
        about: `context ${merged.context} in ~/.kube/config of ${facts.value('user') || 'the login user'}`,
        whose: 'login-user',
        content: secret(merged.text),
      })
  }
  return actions
}
