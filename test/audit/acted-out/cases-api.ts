import { element, oid, sequence } from '../../../src/ca/der/write.js'
import {
  basic,
  editNames,
  forge,
  keyUsage,
  later,
  nameOf,
  newKey,
  reissue,
  usages,
  withExtension,
  without,
} from '../rules/mutate.js'
import { append, type Case, facts, file, foreignKey, prepend, resign } from './case.js'

const S = 'apiserver'
const CRT = file('apiserver.crt')
const KEY = file('apiserver.key')
const sans = (e: Parameters<typeof facts>[0], change: Parameters<typeof editNames>[1]) =>
  reissue(e, S, { extensions: editNames(facts(e, S), change) })

async function withKey(
  e: Parameters<typeof facts>[0],
  type: Parameters<typeof foreignKey>[0],
  option?: number | string,
) {
  const key = foreignKey(type, option)
  await reissue(e, S, { spki: key.spki })
  e.write(KEY, key.pem)
}

const ECDSA_SHA1 = sequence(oid('1.2.840.10045.4.1'))

/** The API server’s own certificate. */
export const API_CASES: readonly Case[] = [
  {
    name: 'API server expired',
    mutate: (e) => reissue(e, S, { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'API server not yet valid',
    mutate: (e) => reissue(e, S, { notBefore: later(20_000), notAfter: later(20_100) }),
  },
  { name: 'API server from the etcd CA', mutate: (e) => reissue(e, S, {}, { by: 'etcd/ca' }) },
  {
    name: 'API server without the service address',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns, ip: ip.filter((one) => one !== '10.96.0.1') })),
  },
  {
    name: 'API server without its own address',
    mutate: (e) =>
      sans(e, ({ dns, ip }) => ({ dns, ip: ip.filter((one) => one !== '172.31.10.5') })),
  },
  {
    name: 'API server without the service name',
    mutate: (e) =>
      sans(e, ({ dns, ip }) => ({
        dns: dns.filter((one) => one !== 'kubernetes.default.svc'),
        ip,
      })),
  },
  {
    name: 'API server with names in the CN only',
    mutate: (e) =>
      reissue(e, S, { subject: nameOf(['CN', '172.31.10.5']), extensions: without('2.5.29.17') }),
  },
  {
    name: 'API server with its addresses as DNS names',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns: [...dns, ...ip], ip: [] })),
  },
  {
    name: 'API server with a wildcard for the service',
    mutate: (e) =>
      sans(e, ({ ip }) => ({ dns: ['*.default.svc', '*.default.svc.cluster.local'], ip })),
  },
  {
    name: 'API server with a wildcard too short',
    mutate: (e) => sans(e, ({ ip }) => ({ dns: ['*.svc', '*.cluster.local'], ip })),
  },
  {
    name: 'API server names in capitals',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns: dns.map((one) => one.toUpperCase()), ip })),
  },
  {
    name: 'API server names with a final dot',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns: dns.map((one) => `${one}.`), ip })),
    differs: {
      'openssl-pods/cluster>kube-apiserver/controlplane@kubernetes.default.svc:443':
        'curl drops the dot; OpenSSL, and with it Python and Node.js, does not',
      'openssl-pods/cluster>kube-apiserver/controlplane@kubernetes.default.svc.cluster.local:443':
        'curl drops the dot; OpenSSL, and with it Python and Node.js, does not',
    },
  },
  {
    name: 'API server with the key of another',
    mutate: (e) => e.write(KEY, e.text(file('apiserver-kubelet-client.key'))),
  },
  { name: 'API server key missing', mutate: (e) => e.remove(KEY) },
  { name: 'API server certificate missing', mutate: (e) => e.remove(CRT) },
  {
    name: 'API server with the CA behind',
    mutate: (e) => append(e, 'apiserver.crt', e.text(file('ca.crt'))),
  },
  {
    name: 'API server with the CA in front',
    mutate: (e) => prepend(e, 'apiserver.crt', e.text(file('ca.crt'))),
  },
  {
    name: 'API server for clients only',
    mutate: (e) => reissue(e, S, { extensions: usages('clientAuth') }),
  },
  {
    name: 'API server without extended key usage',
    mutate: (e) => reissue(e, S, { extensions: without('2.5.29.37') }),
  },
  {
    name: 'API server with CA:TRUE',
    mutate: (e) => reissue(e, S, { extensions: basic(true) }),
    rules: ['leaf-is-ca'],
  },
  {
    name: 'API server without digitalSignature',
    mutate: (e) => reissue(e, S, { extensions: keyUsage(0x20) }),
  },
  {
    name: 'API server with an unknown critical extension',
    mutate: (e) =>
      reissue(e, S, { extensions: withExtension('1.2.3.4', true, new Uint8Array([5, 0])) }),
  },
  {
    name: 'API server with an extension twice',
    mutate: (e) => reissue(e, S, { extensions: (list) => [...list, ...list.slice(0, 1)] }),
  },
  {
    name: 'API server with a negative serial',
    mutate: (e) => reissue(e, S, { serial: new Uint8Array([0x85, 1]) }),
  },
  {
    name: 'API server with serial zero',
    mutate: (e) => reissue(e, S, { serial: new Uint8Array([0]) }),
  },
  {
    name: 'API server with a padded serial',
    mutate: (e) => reissue(e, S, { serial: new Uint8Array([0, 0, 7]) }),
  },
  { name: 'API server of version 1', mutate: (e) => reissue(e, S, { version: 1 }) },
  { name: 'API server with a spoiled signature', mutate: (e) => reissue(e, S, { unsigned: true }) },
  {
    name: 'API server signed by a key of the same CA name',
    mutate: async (e) => e.write(CRT, await forge(facts(e, S), await newKey(), {})),
  },
  {
    name: 'API server with a wrong authority key id',
    mutate: (e) =>
      reissue(e, S, {
        extensions: withExtension(
          '2.5.29.35',
          false,
          sequence(element(0x80, new Uint8Array(20).fill(7))),
        ),
      }),
  },
  {
    name: 'API server signed with SHA-1',
    mutate: async (e) => {
      await reissue(e, S, { algorithm: ECDSA_SHA1 })
      e.edit(CRT, (text) => resign(text, e.text(file('ca.key')), 'sha1', ECDSA_SHA1))
    },
  },
  { name: 'API server with Ed25519', mutate: (e) => withKey(e, 'ed25519') },
  { name: 'API server with RSA of 1024 bits', mutate: (e) => withKey(e, 'rsa', 1024) },
  { name: 'API server with RSA of 4096 bits', mutate: (e) => withKey(e, 'rsa', 4096) },
  { name: 'API server with P-521', mutate: (e) => withKey(e, 'ec', 'P-521') },
  {
    name: 'API server with P-224',
    mutate: (e) => withKey(e, 'ec', 'secp224r1'),
    differs: {
      'kube-apiserver': 'it starts, and no Go client can talk to it: kpki does not read such keys',
    },
  },
  { name: 'API server with secp256k1', mutate: (e) => withKey(e, 'ec', 'secp256k1') },
  {
    name: 'API server with TLS 1.3 only',
    mutate: (e) => e.flag('kube-apiserver', 'tls-min-version', 'VersionTLS13'),
  },
  {
    name: 'API server with an unknown TLS version',
    mutate: (e) => e.flag('kube-apiserver', 'tls-min-version', 'TLS1.2'),
  },
  {
    name: 'API server with an unknown cipher',
    mutate: (e) => e.flag('kube-apiserver', 'tls-cipher-suites', 'TLS_NO_SUCH_SUITE'),
  },
  {
    name: 'API server with ciphers for RSA only',
    mutate: (e) =>
      e.flag('kube-apiserver', 'tls-cipher-suites', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'),
  },
  {
    name: 'API server with a critical authority key id',
    mutate: (e) =>
      reissue(e, S, {
        extensions: (list) =>
          list.map((one) => (one.oid === '2.5.29.35' ? { ...one, critical: true } : one)),
      }),
  },
  {
    name: 'API server with a critical subject key id',
    mutate: (e) =>
      reissue(e, S, {
        extensions: withExtension(
          '2.5.29.14',
          true,
          sequence(element(0x04, new Uint8Array(20).fill(7))).slice(2),
        ),
      }),
  },
  {
    name: 'API server with an underscore among its names',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns: [...dns, 'my_host'], ip })),
  },
  {
    name: 'API server with an empty name among its names',
    mutate: (e) => sans(e, ({ dns, ip }) => ({ dns: [...dns, ''], ip })),
  },
  {
    name: 'API server with one cipher that is not for HTTP 2',
    mutate: (e) =>
      e.flag('kube-apiserver', 'tls-cipher-suites', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'),
  },
  {
    name: 'scheduler with one cipher that is not for HTTP 2',
    mutate: (e) =>
      e.flag('kube-scheduler', 'tls-cipher-suites', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'),
  },
  {
    name: 'API server with TLS 1.3 and an old cipher',
    mutate: (e) => {
      e.flag('kube-apiserver', 'tls-cipher-suites', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384')
      e.flag('kube-apiserver', 'tls-min-version', 'VersionTLS13')
    },
  },
  {
    name: 'anonymous requests off',
    mutate: (e) => e.flag('kube-apiserver', 'anonymous-auth', 'false'),
  },
  {
    name: 'API server authorises everybody',
    mutate: (e) => e.flag('kube-apiserver', 'authorization-mode', 'AlwaysAllow'),
  },
  {
    name: 'API server with an unknown flag',
    mutate: (e) => e.flag('kube-apiserver', 'insecure-port', '8080'),
  },
]
