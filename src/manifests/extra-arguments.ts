import type { Argument, Cluster } from '../cluster/cluster.js'
import { argumentValue } from './flags.js'
import { pkiFile } from './paths.js'

/** Components that run as static pods, in kubeadm's words. */
export type ComponentName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'

// What kpki adds to kubeadm's defaults. It is written into kubeadm.yaml as the user's arguments are, so that
// kubeadm, given that file, makes the same pods in every release; what the user says comes first.
function additions(cluster: Cluster, component: ComponentName): readonly Argument[] {
  if (component === 'kube-apiserver' && cluster.apiServer.verifyKubelets) {
    return [{ name: 'kubelet-certificate-authority', value: pkiFile(cluster, 'ca.crt') }]
  }
  if (component !== 'kube-controller-manager') return []
  const list: Argument[] = []
  if (cluster.pki.topology === 'hierarchy') {
    list.push({ name: 'root-ca-file', value: pkiFile(cluster, 'root-bundle.crt') })
  }
  if (cluster.pki.caKeys === 'offline') {
    // Empty as in kubeadm's external-CA mode: the CSR signer does not start, all other controllers do.
    list.push({ name: 'cluster-signing-cert-file', value: '' })
    list.push({ name: 'cluster-signing-key-file', value: '' })
  }
  return list
}

function given(cluster: Cluster, component: ComponentName): readonly Argument[] {
  switch (component) {
    case 'etcd':
      return cluster.etcd.kind === 'local' ? cluster.etcd.extraArgs : []
    case 'kube-apiserver':
      return cluster.apiServer.extraArgs
    case 'kube-controller-manager':
      return cluster.controllerManager.extraArgs
    case 'kube-scheduler':
      return cluster.scheduler.extraArgs
  }
}

/** Arguments of a component beyond kubeadm's defaults: kpki's own, then the user's. */
export function extraArguments(cluster: Cluster, component: ComponentName): readonly Argument[] {
  const user = given(cluster, component)
  const own = additions(cluster, component).filter(
    (argument) => argumentValue(user, argument.name) === undefined,
  )
  return [...own, ...user]
}
