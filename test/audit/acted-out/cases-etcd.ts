import {
  basic,
  editNames,
  forge,
  later,
  nameOf,
  names,
  newKey,
  PKI,
  reissue,
  usages,
  without,
} from '../rules/mutate.js'
import {
  append,
  type Case,
  facts,
  file,
  foreignKey,
  nextCa,
  PEER,
  SERVER,
  stranger,
  underRoot,
} from './case.js'

const HEALTH = 'etcd/healthcheck-client'
const CLIENT = 'apiserver-etcd-client'
const ETCD_CA = file('etcd/ca.crt')

/** What happens to etcd’s own files and flags. */
export const ETCD_CASES: readonly Case[] = [
  {
    name: 'etcd server for servers only',
    mutate: (e) => reissue(e, SERVER, { extensions: usages('serverAuth') }),
  },
  {
    name: 'etcd server for clients only',
    mutate: (e) => reissue(e, SERVER, { extensions: usages('clientAuth') }),
  },
  {
    name: 'etcd server without extended key usage',
    mutate: (e) => reissue(e, SERVER, { extensions: without('2.5.29.37') }),
  },
  {
    name: 'etcd server for any use',
    mutate: (e) => reissue(e, SERVER, { extensions: usages('anyExtendedKeyUsage') }),
  },
  {
    name: 'etcd server without names',
    mutate: (e) => reissue(e, SERVER, { extensions: without('2.5.29.17') }),
  },
  {
    name: 'etcd server without 127.0.0.1',
    mutate: (e) =>
      reissue(e, SERVER, {
        extensions: editNames(facts(e, SERVER), ({ dns, ip }) => ({
          dns,
          ip: ip.filter((one) => one !== '127.0.0.1'),
        })),
      }),
  },
  {
    name: 'etcd server with addresses as DNS names',
    mutate: (e) =>
      reissue(e, SERVER, { extensions: names(['localhost', '127.0.0.1', '172.31.10.5']) }),
  },
  {
    name: 'etcd server expired',
    mutate: (e) => reissue(e, SERVER, { notBefore: later(-900), notAfter: later(-800) }),
  },
  { name: 'etcd server from the cluster CA', mutate: (e) => reissue(e, SERVER, {}, { by: 'ca' }) },
  {
    name: 'etcd server with the key of another',
    mutate: (e) => e.write(file('etcd/server.key'), e.text(file('etcd/peer.key'))),
  },
  { name: 'etcd server key missing', mutate: (e) => e.remove(file('etcd/server.key')) },
  { name: 'etcd server certificate empty', mutate: (e) => e.write(file('etcd/server.crt'), '') },
  { name: 'etcd peer from the cluster CA', mutate: (e) => reissue(e, PEER, {}, { by: 'ca' }) },
  {
    name: 'etcd peer for servers only',
    mutate: (e) => reissue(e, PEER, { extensions: usages('serverAuth') }),
  },
  { name: 'etcd peer certificate missing', mutate: (e) => e.remove(file('etcd/peer.crt')) },
  {
    name: 'etcd peer expired',
    mutate: (e) => reissue(e, PEER, { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'etcd trusts the cluster CA instead of its own',
    mutate: (e) => {
      e.write(file('etcd/other.crt'), e.text(file('ca.crt')))
      e.flag('etcd', 'trusted-ca-file', `/${PKI}/etcd/other.crt`)
    },
    rules: ['etcd-admits-api-clients'],
  },
  {
    name: 'etcd trusts the cluster CA besides its own',
    mutate: (e) => append(e, 'etcd/ca.crt', e.text(file('ca.crt'))),
    rules: ['etcd-admits-api-clients'],
  },
  {
    name: 'etcd trusts a stranger besides its own CA',
    mutate: async (e) => append(e, 'etcd/ca.crt', (await stranger(e)).pem),
  },
  {
    name: 'etcd CA replaced by another of the same name',
    mutate: async (e) => e.write(ETCD_CA, (await nextCa(e, 'etcd/ca')).pem),
  },
  {
    name: 'etcd CA issued again with the same key',
    mutate: (e) => reissue(e, 'etcd/ca', { serial: new Uint8Array([9]), notAfter: later(20_000) }),
  },
  {
    name: 'etcd CA expired',
    mutate: (e) => reissue(e, 'etcd/ca', { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'etcd CA with CA:FALSE',
    mutate: (e) => reissue(e, 'etcd/ca', { extensions: basic(false) }),
  },
  { name: 'etcd CA file missing', mutate: (e) => e.remove(ETCD_CA) },
  { name: 'etcd CA file empty', mutate: (e) => e.write(ETCD_CA, '') },
  { name: 'etcd CA file with garbage only', mutate: (e) => e.write(ETCD_CA, 'hello\n') },
  {
    name: 'etcd CA with text in front and behind',
    mutate: (e) => e.edit(file('etcd/ca.crt'), (text) => `etcd CA\n${text}the end\n`),
  },
  {
    name: 'etcd CA with a spoiled second block',
    mutate: (e) =>
      append(
        e,
        'etcd/ca.crt',
        '-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n',
      ),
  },
  {
    name: 'etcd CA with its key in the file',
    mutate: (e) => append(e, 'etcd/ca.crt', e.text(file('etcd/ca.key'))),
  },
  {
    name: 'etcd CA block with a header',
    mutate: (e) =>
      e.replace(
        ETCD_CA,
        '-----BEGIN CERTIFICATE-----\n',
        '-----BEGIN CERTIFICATE-----\nX-Note: a\n\n',
      ),
  },
  {
    name: 'etcd CA as a TRUSTED CERTIFICATE',
    mutate: (e) =>
      e.edit(ETCD_CA, (text) => text.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')),
  },
  {
    name: 'etcd CA an intermediate whose root nobody has',
    mutate: async (e) => e.write(ETCD_CA, (await underRoot(e, 'etcd/ca')).pem),
  },
  {
    name: 'etcd CA file holds the root, leaves send no intermediate',
    mutate: async (e) => e.write(ETCD_CA, (await underRoot(e, 'etcd/ca')).root.pem),
  },
  {
    name: 'etcd CA below a root with path length 0',
    mutate: async (e) => {
      const { root, pem } = await underRoot(e, 'etcd/ca', { extensions: basic(true, 0) })
      e.write(ETCD_CA, root.pem)
      for (const base of [SERVER, PEER, HEALTH, CLIENT]) append(e, `${base}.crt`, pem)
    },
  },
  {
    name: 'etcd CA below a root, leaves send the intermediate',
    mutate: async (e) => {
      const { root, pem } = await underRoot(e, 'etcd/ca')
      e.write(ETCD_CA, root.pem)
      for (const base of [SERVER, PEER, HEALTH, CLIENT]) append(e, `${base}.crt`, pem)
    },
  },
  {
    name: 'etcd client-cert-auth off, CA file given',
    mutate: (e) => e.flag('etcd', 'client-cert-auth', 'false'),
  },
  {
    name: 'etcd client-cert-auth on, no CA file',
    mutate: (e) => e.flag('etcd', 'trusted-ca-file', undefined),
  },
  {
    name: 'etcd peer-client-cert-auth off, CA file given',
    mutate: (e) => e.flag('etcd', 'peer-client-cert-auth', 'false'),
  },
  {
    name: 'etcd peers open',
    mutate: (e) => {
      e.flag('etcd', 'peer-client-cert-auth', undefined)
      e.flag('etcd', 'peer-trusted-ca-file', undefined)
    },
  },
  {
    name: 'etcd listens on plain http too',
    mutate: (e) =>
      e.flag(
        'etcd',
        'listen-client-urls',
        'https://127.0.0.1:2379,https://172.31.10.5:2379,http://172.31.10.5:2390',
      ),
  },
  {
    name: 'etcd on plain http, API server as well',
    mutate: (e) => {
      e.flag('etcd', 'listen-client-urls', 'http://127.0.0.1:2379,http://172.31.10.5:2379')
      e.flag('etcd', 'advertise-client-urls', 'http://172.31.10.5:2379')
      e.flag('kube-apiserver', 'etcd-servers', 'http://127.0.0.1:2379')
    },
  },
  {
    name: 'etcd asked for by http while it speaks TLS',
    mutate: (e) => e.flag('kube-apiserver', 'etcd-servers', 'http://127.0.0.1:2379'),
  },
  {
    name: 'etcd with ciphers for RSA only',
    mutate: (e) => e.flag('etcd', 'cipher-suites', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'),
  },
  {
    name: 'etcd with an unknown cipher',
    mutate: (e) => e.flag('etcd', 'cipher-suites', 'TLS_NO_SUCH_SUITE'),
  },
  {
    name: 'etcd client for servers only',
    mutate: (e) => reissue(e, CLIENT, { extensions: usages('serverAuth') }),
  },
  {
    name: 'etcd client without extended key usage',
    mutate: (e) => reissue(e, CLIENT, { extensions: without('2.5.29.37') }),
  },
  {
    name: 'etcd client not yet valid',
    mutate: (e) => reissue(e, CLIENT, { notBefore: later(20_000), notAfter: later(20_100) }),
  },
  { name: 'etcd client from the cluster CA', mutate: (e) => reissue(e, CLIENT, {}, { by: 'ca' }) },
  {
    name: 'etcd client with the key of another',
    mutate: (e) => e.write(file(`${CLIENT}.key`), e.text(file('apiserver.key'))),
  },
  {
    name: 'API server without the etcd client key flag',
    mutate: (e) => e.flag('kube-apiserver', 'etcd-keyfile', undefined),
  },
  {
    name: 'API server without an etcd client certificate',
    mutate: (e) => {
      e.flag('kube-apiserver', 'etcd-keyfile', undefined)
      e.flag('kube-apiserver', 'etcd-certfile', undefined)
    },
  },
  {
    name: 'API server with the cluster CA for etcd',
    mutate: (e) => e.flag('kube-apiserver', 'etcd-cafile', `/${PKI}/ca.crt`),
  },
  {
    name: 'API server without a CA for etcd',
    mutate: (e) => e.flag('kube-apiserver', 'etcd-cafile', undefined),
  },
  {
    name: 'API server with a missing CA file for etcd',
    mutate: (e) => e.flag('kube-apiserver', 'etcd-cafile', `/${PKI}/etcd/none.crt`),
  },
  {
    name: 'etcd server with a key of Ed25519',
    mutate: async (e) => {
      const key = foreignKey('ed25519')
      await reissue(e, SERVER, { spki: key.spki })
      e.write(file('etcd/server.key'), key.pem)
    },
  },
  {
    name: 'etcd server with RSA of 1024 bits',
    mutate: async (e) => {
      const key = foreignKey('rsa', 1024)
      await reissue(e, SERVER, { spki: key.spki })
      e.write(file('etcd/server.key'), key.pem)
    },
  },
  {
    name: 'etcd server of another CA with the same name and key id',
    mutate: async (e) => {
      const key = await newKey()
      e.write(
        file('etcd/server.crt'),
        await forge(facts(e, SERVER), key, { issuer: nameOf(['CN', 'etcd-ca']) }),
      )
    },
  },
]
