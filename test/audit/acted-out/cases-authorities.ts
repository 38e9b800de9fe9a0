import { element, oid, sequence } from '../../../src/ca/der/write.js'
import { basic, keyUsage, later, PKI, reissue, usages, withExtension } from '../rules/mutate.js'
import { append, type Case, everywhere, file, nextCa, prepend, stranger } from './case.js'

/** The cluster’s CA, in every file that holds it. */
export const AUTHORITY_CASES: readonly Case[] = [
  {
    name: 'cluster CA issued again with the same key',
    mutate: async (e) => {
      await reissue(e, 'ca', { serial: new Uint8Array([9]), notAfter: later(20_000) })
    },
  },
  {
    name: 'cluster CA with its name as PrintableString',
    mutate: async (e) => {
      await reissue(e, 'ca', nameTwice(element(0x13, new TextEncoder().encode('kubernetes'))))
    },
  },
  {
    name: 'cluster CA expired everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { notBefore: later(-900), notAfter: later(-800) })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA without keyCertSign everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: keyUsage(0x80) })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA with CA:FALSE everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: basic(false) })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA of version 1 everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { version: 1 })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA for servers only everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: usages('serverAuth') })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA for clients only everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: usages('clientAuth') })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA constrained to other names everywhere',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: onlyDns('example.org') })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA with a critical extension nobody knows',
    mutate: async (e) => {
      await reissue(e, 'ca', { extensions: withExtension('1.2.3.4', true, new Uint8Array([5, 0])) })
      everywhere(e, e.text(file('ca.crt')))
    },
  },
  {
    name: 'cluster CA with a spoiled signature',
    mutate: (e) => reissue(e, 'ca', { unsigned: true }),
  },
  {
    name: 'cluster CA old and new, old first',
    mutate: async (e) => append(e, 'ca.crt', (await nextCa(e, 'ca')).pem),
  },
  {
    name: 'cluster CA new and old, new first',
    mutate: async (e) => prepend(e, 'ca.crt', (await nextCa(e, 'ca')).pem),
  },
  {
    name: 'cluster CA old and new for clients and root only',
    mutate: async (e) => {
      const { pem } = await nextCa(e, 'ca')
      e.write(file('bundle.crt'), e.text(file('ca.crt')) + pem)
      e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/bundle.crt`)
      e.flag('kube-controller-manager', 'root-ca-file', `/${PKI}/bundle.crt`)
    },
  },
  {
    name: 'client CA replaced by the new one too early',
    mutate: async (e) => {
      e.write(file('new.crt'), (await nextCa(e, 'ca')).pem)
      e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/new.crt`)
    },
  },
  {
    name: 'root CA for pods replaced by the new one too early',
    mutate: async (e) => {
      e.write(file('new.crt'), (await nextCa(e, 'ca')).pem)
      e.flag('kube-controller-manager', 'root-ca-file', `/${PKI}/new.crt`)
    },
  },
  {
    name: 'root CA for pods missing',
    mutate: (e) => e.flag('kube-controller-manager', 'root-ca-file', `/${PKI}/none.crt`),
  },
  {
    name: 'root CA for pods empty',
    mutate: (e) => {
      e.write(file('none.crt'), '')
      e.flag('kube-controller-manager', 'root-ca-file', `/${PKI}/none.crt`)
    },
  },
  {
    name: 'root CA flag removed',
    mutate: (e) => e.flag('kube-controller-manager', 'root-ca-file', undefined),
  },
  {
    name: 'client CA with a stranger',
    mutate: async (e) => {
      e.write(file('two.crt'), e.text(file('ca.crt')) + (await stranger(e)).pem)
      e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/two.crt`)
    },
  },
  {
    name: 'client CA with the etcd CA',
    mutate: (e) => {
      e.write(file('two.crt'), e.text(file('ca.crt')) + e.text(file('etcd/ca.crt')))
      e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/two.crt`)
    },
  },
  {
    name: 'client CA flag removed',
    mutate: (e) => e.flag('kube-apiserver', 'client-ca-file', undefined),
  },
  {
    name: 'client CA file missing',
    mutate: (e) => e.flag('kube-apiserver', 'client-ca-file', `/${PKI}/none.crt`),
  },
  { name: 'cluster CA file missing', mutate: (e) => e.remove(file('ca.crt')) },
  { name: 'cluster CA key missing', mutate: (e) => e.remove(file('ca.key')) },
]

function nameTwice(value: Uint8Array) {
  const name = sequence(element(0x31, sequence(oid('2.5.4.3'), value)))
  return { subject: name, issuer: name }
}

function onlyDns(text: string) {
  const tree = sequence(element(0xa0, sequence(element(0x82, new TextEncoder().encode(text)))))
  return withExtension('2.5.29.30', true, tree)
}
