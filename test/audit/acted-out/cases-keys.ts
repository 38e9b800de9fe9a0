import { createPrivateKey } from 'node:crypto'
import { later, nameOf, PKI, reissue, usages } from '../rules/mutate.js'
import { append, type Case, file, foreignKey, prepend } from './case.js'

const FRONT = 'front-proxy-client'
const SA = file('sa.key')

/** The front proxy, service-account keys, signers, and the way to kubelets. */
export const KEY_CASES: readonly Case[] = [
  { name: 'front proxy from the cluster CA', mutate: (e) => reissue(e, FRONT, {}, { by: 'ca' }) },
  {
    name: 'front proxy with another name',
    mutate: (e) => reissue(e, FRONT, { subject: nameOf(['CN', 'mallory']) }),
  },
  {
    name: 'front proxy for servers only',
    mutate: (e) => reissue(e, FRONT, { extensions: usages('serverAuth') }),
  },
  {
    name: 'front proxy expired',
    mutate: (e) => reissue(e, FRONT, { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'front proxy with the key of another',
    mutate: (e) => e.write(file(`${FRONT}.key`), e.text(file('apiserver.key'))),
  },
  { name: 'front proxy key missing', mutate: (e) => e.remove(file(`${FRONT}.key`)) },
  {
    name: 'front proxy CA is the client CA',
    mutate: (e) => e.flag('kube-apiserver', 'requestheader-client-ca-file', `/${PKI}/ca.crt`),
  },
  {
    name: 'front proxy CA besides the client CA',
    mutate: (e) => append(e, 'front-proxy-ca.crt', e.text(file('ca.crt'))),
  },
  {
    name: 'front proxy with any name allowed',
    mutate: (e) => e.flag('kube-apiserver', 'requestheader-allowed-names', ''),
  },
  {
    name: 'front proxy CA is the client CA with any name allowed',
    mutate: (e) => {
      e.flag('kube-apiserver', 'requestheader-client-ca-file', `/${PKI}/ca.crt`)
      e.flag('kube-apiserver', 'requestheader-allowed-names', '')
    },
  },
  {
    name: 'front proxy with another name allowed',
    mutate: (e) => e.flag('kube-apiserver', 'requestheader-allowed-names', 'aggregator'),
  },
  { name: 'front proxy CA file missing', mutate: (e) => e.remove(file('front-proxy-ca.crt')) },
  {
    name: 'front proxy flags removed',
    mutate: (e) => {
      e.flag('kube-apiserver', 'proxy-client-cert-file', undefined)
      e.flag('kube-apiserver', 'proxy-client-key-file', undefined)
    },
    differs: {
      'kube-apiserver/controlplane>extension-apiserver/cluster':
        'acted out with the files, which no flag names',
    },
  },

  {
    name: 'sa.pub of another key',
    mutate: (e) => e.write(file('sa.pub'), foreignKey('ec').publicPem),
  },
  {
    name: 'sa.pub with the old and the new key',
    mutate: (e) => prepend(e, 'sa.pub', foreignKey('rsa').publicPem),
  },
  { name: 'sa.pub missing', mutate: (e) => e.remove(file('sa.pub')) },
  { name: 'sa.pub empty', mutate: (e) => e.write(file('sa.pub'), '') },
  {
    name: 'sa.pub is a certificate of another key',
    mutate: (e) => e.write(file('sa.pub'), e.text(file('apiserver.crt'))),
  },
  {
    name: 'service-account keys from sa.key itself',
    mutate: (e) => e.flag('kube-apiserver', 'service-account-key-file', `/${PKI}/sa.key`),
  },
  { name: 'sa.key of another key, RSA', mutate: (e) => e.write(SA, foreignKey('rsa').pem) },
  {
    name: 'sa.key with Ed25519',
    mutate: (e) => {
      const key = foreignKey('ed25519')
      e.write(SA, key.pem)
      e.write(file('sa.pub'), key.publicPem)
    },
  },
  {
    name: 'sa.key with RSA of 1024 bits',
    mutate: (e) => {
      const key = foreignKey('rsa', 1024)
      e.write(SA, key.pem)
      e.write(file('sa.pub'), key.publicPem)
    },
  },
  {
    name: 'sa.key with P-521',
    mutate: (e) => {
      const key = foreignKey('ec', 'P-521')
      e.write(SA, key.pem)
      e.write(file('sa.pub'), key.publicPem)
    },
  },
  {
    name: 'sa.key with secp256k1',
    mutate: (e) => {
      const key = foreignKey('ec', 'secp256k1')
      e.write(SA, key.pem)
      e.write(file('sa.pub'), key.publicPem)
    },
  },
  { name: 'sa.key is a public key', mutate: (e) => e.write(SA, e.text(file('sa.pub'))) },
  {
    name: 'sa.key encrypted',
    mutate: (e) =>
      e.write(
        SA,
        String(
          createPrivateKey(e.text(SA)).export({
            type: 'pkcs8',
            format: 'pem',
            cipher: 'aes-256-cbc',
            passphrase: 'x',
          }),
        ),
      ),
  },
  {
    name: 'controller manager signs tokens with another key',
    mutate: (e) => {
      e.write(file('sa2.key'), foreignKey('rsa').pem)
      e.flag('kube-controller-manager', 'service-account-private-key-file', `/${PKI}/sa2.key`)
    },
  },
  {
    name: 'controller manager without a token key',
    mutate: (e) => e.flag('kube-controller-manager', 'service-account-private-key-file', undefined),
  },

  {
    name: 'signing key of another CA',
    mutate: (e) =>
      e.flag('kube-controller-manager', 'cluster-signing-key-file', `/${PKI}/etcd/ca.key`),
  },
  {
    name: 'signing file with two certificates',
    mutate: (e) => {
      e.write(file('two.crt'), e.text(file('ca.crt')) + e.text(file('etcd/ca.crt')))
      e.flag('kube-controller-manager', 'cluster-signing-cert-file', `/${PKI}/two.crt`)
    },
  },
  {
    name: 'signing certificate without its key flag',
    mutate: (e) => e.flag('kube-controller-manager', 'cluster-signing-key-file', undefined),
  },
  {
    name: 'signing flags of one signer beside the common ones',
    mutate: (e) => {
      const [certificate, key] = [`/${PKI}/ca.crt`, `/${PKI}/ca.key`]
      e.flag('kube-controller-manager', 'cluster-signing-kubelet-client-cert-file', certificate)
      e.flag('kube-controller-manager', 'cluster-signing-kubelet-client-key-file', key)
    },
  },
  {
    name: 'signing flags of one signer only',
    mutate: (e) => {
      const [certificate, key] = [`/${PKI}/ca.crt`, `/${PKI}/ca.key`]
      e.flag('kube-controller-manager', 'cluster-signing-cert-file', undefined)
      e.flag('kube-controller-manager', 'cluster-signing-key-file', undefined)
      e.flag('kube-controller-manager', 'cluster-signing-kubelet-client-cert-file', certificate)
      e.flag('kube-controller-manager', 'cluster-signing-kubelet-client-key-file', key)
    },
  },
  {
    name: 'signing flags removed',
    mutate: (e) => {
      e.flag('kube-controller-manager', 'cluster-signing-key-file', undefined)
      e.flag('kube-controller-manager', 'cluster-signing-cert-file', undefined)
    },
  },
  {
    name: 'controller manager’s client CA missing',
    mutate: (e) => e.flag('kube-controller-manager', 'client-ca-file', `/${PKI}/none.crt`),
  },
  {
    name: 'kubelet client certificate from the etcd CA',
    mutate: (e) => reissue(e, 'apiserver-kubelet-client', {}, { by: 'etcd/ca' }),
  },
  {
    name: 'kubelet client certificate for servers only',
    mutate: (e) => reissue(e, 'apiserver-kubelet-client', { extensions: usages('serverAuth') }),
  },
  {
    name: 'kubelet client key of another',
    mutate: (e) => e.write(file('apiserver-kubelet-client.key'), e.text(file('apiserver.key'))),
  },
  {
    name: 'kubelet client key missing',
    mutate: (e) => e.remove(file('apiserver-kubelet-client.key')),
  },
  {
    name: 'kubelet CA is the etcd CA',
    mutate: (e) => e.flag('kube-apiserver', 'kubelet-certificate-authority', `/${PKI}/etcd/ca.crt`),
  },
  {
    name: 'kubelet CA missing',
    mutate: (e) => e.flag('kube-apiserver', 'kubelet-certificate-authority', `/${PKI}/none.crt`),
  },
  {
    name: 'kubelet CA unset',
    mutate: (e) => e.flag('kube-apiserver', 'kubelet-certificate-authority', undefined),
  },
  {
    name: 'kubelet serves with another node’s certificate',
    mutate: (e) => {
      for (const end of ['crt', 'key'])
        e.write(
          `var/lib/kubelet/pki/kubelet.${end}`,
          e.text(`var/lib/kubelet/pki/kubelet.${end}`, 'worker1'),
        )
    },
  },
]
