import { PKI } from '../rules/mutate.js'
import { type Case, file, foreignKey } from './case.js'

type Component = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'

function drop(component: Component, ...flags: readonly string[]): Case {
  return {
    name: `${component} without --${flags.join(' and --')}`,
    mutate: (e) => {
      for (const flag of flags) e.flag(component, flag, undefined)
    },
  }
}

/** Flags that are not there, or say what nobody understands. */
export const FLAG_CASES: readonly Case[] = [
  drop('kube-apiserver', 'tls-cert-file', 'tls-private-key-file'),
  drop('kube-apiserver', 'tls-private-key-file'),
  drop('kube-apiserver', 'etcd-servers'),
  drop('kube-apiserver', 'service-account-issuer'),
  drop('kube-apiserver', 'service-account-signing-key-file'),
  drop('kube-apiserver', 'service-account-key-file'),
  drop('kube-apiserver', 'requestheader-client-ca-file'),
  drop('kube-apiserver', 'kubelet-client-certificate', 'kubelet-client-key'),
  drop('kube-apiserver', 'kubelet-client-key'),
  drop('kube-apiserver', 'authorization-mode'),
  drop('kube-apiserver', 'enable-bootstrap-token-auth'),
  drop('kube-controller-manager', 'kubeconfig'),
  drop('kube-controller-manager', 'authentication-kubeconfig', 'authorization-kubeconfig'),
  drop('kube-controller-manager', 'client-ca-file'),
  drop('kube-controller-manager', 'requestheader-client-ca-file'),
  drop('kube-scheduler', 'kubeconfig'),
  drop('etcd', 'cert-file', 'key-file'),
  drop('etcd', 'key-file'),
  drop('etcd', 'peer-cert-file', 'peer-key-file'),
  drop('etcd', 'peer-trusted-ca-file'),
  drop('etcd', 'listen-metrics-urls'),
  {
    name: 'controllers without tokens of their own beside a foreign sa.pub',
    mutate: (e) => {
      e.write(file('sa.pub'), foreignKey('ec').publicPem)
      e.flag('kube-controller-manager', 'use-service-account-credentials', undefined)
    },
  },
  {
    name: 'API server with RBAC only',
    mutate: (e) => e.flag('kube-apiserver', 'authorization-mode', 'RBAC'),
  },
  {
    name: 'API server with an authorization mode that is none',
    mutate: (e) => e.flag('kube-apiserver', 'authorization-mode', 'Node,Rbac'),
  },
  {
    name: 'controller manager with --address, which is gone',
    mutate: (e) => e.flag('kube-controller-manager', 'address', '127.0.0.1'),
  },
  {
    name: 'API server and controller manager with different service-account keys accepted',
    mutate: (e) => {
      e.write(file('old.pub'), foreignKey('rsa').publicPem)
      e.replace(
        'etc/kubernetes/manifests/kube-apiserver.yaml',
        /( +)- --service-account-key-file=.*\n/,
        `$&$1- --service-account-key-file=/${PKI}/old.pub\n`,
      )
    },
  },
]
