import { createPrivateKey } from 'node:crypto'
import { bytesOfBase64 } from '../../../src/values/bytes.js'
import { type BrokenTrees, MANIFESTS, PKI } from '../rules/mutate.js'
import { append, type Case, file, foreignKey, prepend } from './case.js'

const CRT = file('apiserver.crt')
const KEY = file('apiserver.key')
const CA = file('ca.crt')

function derOf(pem: string): Uint8Array {
  return bytesOfBase64(pem.replace(/-----[^-]+-----/g, '').replace(/\s/g, '')) ?? new Uint8Array()
}

/** The same in another shape. */
const key = (e: BrokenTrees, options: object) =>
  e.edit(KEY, (pem) => String(createPrivateKey(pem).export(options as never)))

const withHeader = (text: string) =>
  text.replace(/(-----BEGIN [A-Z ]+-----)\n/, '$1\nX-Note: a\n\n')

function clientCa(e: BrokenTrees, text: string | Uint8Array): void {
  e.write(file('clients.crt'), text)
  e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/clients.crt`)
}

function encryption(e: BrokenTrees, text: string): void {
  e.write(file('enc.yaml'), text)
  e.flag('kube-apiserver', 'encryption-provider-config', `/${PKI}/enc.yaml`)
}

const config = (provider: string, kind = 'EncryptionConfiguration') =>
  `apiVersion: apiserver.config.k8s.io/v1\nkind: ${kind}\nresources:\n- resources: [secrets]\n  providers:\n${provider}`
const keyed = (provider: string, bytes: number, name = 'k') =>
  config(
    `  - ${provider}:\n      keys:\n      - name: ${name}\n        secret: ${Buffer.alloc(bytes, 7).toString('base64')}\n  - identity: {}\n`,
  )

/** The forms of PEM files, and the manifests. */
export const FORM_CASES: readonly Case[] = [
  { name: 'API server certificate as DER', mutate: (e) => e.write(CRT, derOf(e.text(CRT))) },
  {
    name: 'API server certificate with CRLF',
    mutate: (e) => e.edit(CRT, (text) => text.replaceAll('\n', '\r\n')),
  },
  {
    name: 'API server certificate behind text',
    mutate: (e) => prepend(e, 'apiserver.crt', 'Certificate:\n    Data:\n'),
  },
  {
    name: 'API server certificate behind text on its line',
    mutate: (e) => prepend(e, 'apiserver.crt', 'x'),
  },
  {
    name: 'API server certificate behind a byte order mark',
    mutate: (e) => prepend(e, 'apiserver.crt', '\ufeff'),
  },
  {
    name: 'API server certificate before text',
    mutate: (e) => append(e, 'apiserver.crt', 'the end\n'),
  },
  { name: 'API server certificate with a header', mutate: (e) => e.edit(CRT, withHeader) },
  {
    name: 'API server certificate on one line',
    mutate: (e) =>
      e.edit(CRT, (text) =>
        text.replace(
          /(-----)\n([\s\S]+)\n(-----END)/,
          (_, a, body, b) => `${a}\n${String(body).replaceAll('\n', '')}\n${b}`,
        ),
      ),
  },
  {
    name: 'API server certificate indented',
    mutate: (e) => e.edit(CRT, (text) => text.replace(/^/gm, '  ')),
  },
  {
    name: 'API server certificate as a TRUSTED CERTIFICATE',
    mutate: (e) => e.edit(CRT, (text) => text.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')),
  },
  {
    name: 'API server certificate with its key in front',
    mutate: (e) => prepend(e, 'apiserver.crt', e.text(KEY)),
  },
  {
    name: 'API server certificate with a spoiled second block',
    mutate: (e) =>
      append(
        e,
        'apiserver.crt',
        '-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n',
      ),
  },
  {
    name: 'API server certificate with trailing bytes inside',
    mutate: (e) =>
      e.edit(
        CRT,
        (text) =>
          `-----BEGIN CERTIFICATE-----\n${Buffer.concat([derOf(text), Buffer.from([0, 0])]).toString('base64')}\n-----END CERTIFICATE-----\n`,
      ),
  },
  { name: 'API server key as PKCS#8', mutate: (e) => key(e, { type: 'pkcs8', format: 'pem' }) },
  {
    name: 'API server key as SEC1',
    mutate: (e) =>
      e.edit(
        KEY,
        (pem) => `\n${String(createPrivateKey(pem).export({ type: 'sec1', format: 'pem' }))}`,
      ),
  },
  {
    name: 'API server key encrypted',
    mutate: (e) => key(e, { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
  },
  {
    name: 'API server key encrypted the old way',
    mutate: (e) => key(e, { type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
  },
  { name: 'API server key as DER', mutate: (e) => e.write(KEY, derOf(e.text(KEY))) },
  {
    name: 'API server key behind EC PARAMETERS',
    mutate: (e) =>
      prepend(
        e,
        'apiserver.key',
        '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n',
      ),
  },
  {
    name: 'API server key behind another key',
    mutate: (e) => prepend(e, 'apiserver.key', foreignKey('ec').pem),
  },
  {
    name: 'API server key before another key',
    mutate: (e) => append(e, 'apiserver.key', foreignKey('ec').pem),
  },
  {
    name: 'API server key with CRLF',
    mutate: (e) => e.edit(KEY, (text) => text.replaceAll('\n', '\r\n')),
  },
  { name: 'API server key with a header', mutate: (e) => e.edit(KEY, withHeader) },
  {
    name: 'API server key under the wrong label',
    mutate: (e) => e.edit(KEY, (text) => text.replace(/(EC )?PRIVATE KEY/g, 'RSA PRIVATE KEY')),
  },
  { name: 'API server key cut off', mutate: (e) => e.edit(KEY, (text) => text.slice(0, 90)) },
  { name: 'API server key empty', mutate: (e) => e.write(KEY, '') },

  { name: 'client CA as DER', mutate: (e) => clientCa(e, derOf(e.text(CA))) },
  { name: 'client CA with CRLF', mutate: (e) => clientCa(e, e.text(CA).replaceAll('\n', '\r\n')) },
  {
    name: 'client CA behind text',
    mutate: (e) => clientCa(e, `subject=kubernetes\n${e.text(CA)}`),
  },
  { name: 'client CA with a header', mutate: (e) => clientCa(e, withHeader(e.text(CA))) },
  {
    name: 'client CA with a header, before another',
    mutate: (e) => clientCa(e, withHeader(e.text(CA)) + e.text(file('etcd/ca.crt'))),
  },
  {
    name: 'client CA before a spoiled block',
    mutate: (e) =>
      clientCa(
        e,
        `${e.text(CA)}-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n`,
      ),
  },
  {
    name: 'client CA before a block that is no base64',
    mutate: (e) =>
      clientCa(e, `${e.text(CA)}-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n`),
  },
  {
    name: 'client CA before its key',
    mutate: (e) => clientCa(e, e.text(CA) + e.text(file('ca.key'))),
  },
  {
    name: 'client CA glued to another',
    mutate: (e) => clientCa(e, e.text(file('etcd/ca.crt')).trimEnd() + e.text(CA)),
  },
  { name: 'client CA empty', mutate: (e) => clientCa(e, '') },
  { name: 'client CA twice', mutate: (e) => clientCa(e, e.text(CA) + e.text(CA)) },
  { name: 'client CA is the API server certificate', mutate: (e) => clientCa(e, e.text(CRT)) },
  {
    name: 'root CA for pods before a spoiled block',
    mutate: (e) => {
      e.write(
        file('root.crt'),
        `${e.text(CA)}-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n`,
      )
      e.flag('kube-controller-manager', 'root-ca-file', `/${PKI}/root.crt`)
    },
  },
  {
    name: 'kubelet CA before a spoiled block',
    mutate: (e) => {
      e.write(
        file('k.crt'),
        `${e.text(CA)}-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n`,
      )
      e.flag('kube-apiserver', 'kubelet-certificate-authority', `/${PKI}/k.crt`)
    },
  },

  { name: 'encryption with a good key', mutate: (e) => encryption(e, keyed('aescbc', 32)) },
  { name: 'encryption with a key of 20 bytes', mutate: (e) => encryption(e, keyed('aescbc', 20)) },
  {
    name: 'encryption with secretbox of 16 bytes',
    mutate: (e) => encryption(e, keyed('secretbox', 16)),
  },
  {
    name: 'encryption with a key without a name',
    mutate: (e) => encryption(e, keyed('aescbc', 32, '""')),
  },
  { name: 'encryption with an unknown provider', mutate: (e) => encryption(e, keyed('rot13', 32)) },
  {
    name: 'encryption of another kind',
    mutate: (e) => encryption(e, config('  - identity: {}\n', 'EncryptionConfig')),
  },
  { name: 'encryption without providers', mutate: (e) => encryption(e, config('  []\n')) },
  {
    name: 'encryption with an unknown field',
    mutate: (e) => encryption(e, `${config('  - identity: {}\n')}extra: 1\n`),
  },
  {
    name: 'encryption file missing',
    mutate: (e) => e.flag('kube-apiserver', 'encryption-provider-config', `/${PKI}/enc.yaml`),
  },
  {
    name: 'scheduler with an unknown flag',
    mutate: (e) => e.flag('kube-scheduler', 'address', '127.0.0.1'),
  },
  {
    name: 'scheduler with a missing authentication kubeconfig',
    mutate: (e) =>
      e.flag('kube-scheduler', 'authentication-kubeconfig', '/etc/kubernetes/none.conf'),
  },
  {
    name: 'scheduler without an authentication kubeconfig',
    mutate: (e) => e.flag('kube-scheduler', 'authentication-kubeconfig', undefined),
  },
  {
    name: 'controller manager with a serving certificate',
    mutate: (e) => {
      e.flag('kube-controller-manager', 'tls-cert-file', `/${PKI}/apiserver.crt`)
      e.flag('kube-controller-manager', 'tls-private-key-file', `/${PKI}/apiserver.key`)
    },
  },
  {
    name: 'controller manager with a serving certificate and the key of another',
    mutate: (e) => {
      e.flag('kube-controller-manager', 'tls-cert-file', `/${PKI}/apiserver.crt`)
      e.flag('kube-controller-manager', 'tls-private-key-file', `/${PKI}/ca.key`)
    },
  },
  {
    name: 'flag given twice, the last one right',
    mutate: (e) =>
      e.replace(
        `${MANIFESTS}/kube-apiserver.yaml`,
        /( +)- --client-ca-file=.*\n/,
        `$1- --client-ca-file=/${PKI}/none.crt\n$&`,
      ),
  },
  {
    name: 'flag given twice, the last one wrong',
    mutate: (e) =>
      e.replace(
        `${MANIFESTS}/kube-apiserver.yaml`,
        /( +)- --client-ca-file=.*\n/,
        `$&$1- --client-ca-file=/${PKI}/none.crt\n`,
      ),
  },
]
