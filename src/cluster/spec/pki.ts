import * as v from 'valibot'
import { KEY_ALGORITHMS, type KeyAlgorithm } from '../../ca/key-algorithms.js'
import { duration, flag, oneOf, text, texts } from '../schema-parts.js'

export const ALGORITHMS = Object.keys(
  KEY_ALGORITHMS,
) as readonly string[] as readonly KeyAlgorithm[]

const algorithm = (about: string) => v.pipe(v.picklist(ALGORITHMS), v.description(about))

export const pki = v.strictObject({
  topology: v.optional(
    oneOf(
      ['separate', 'single', 'hierarchy'],
      'separate: three CAs as kubeadm; single: one CA for everything; hierarchy: an offline root above three issuing CAs. Default separate.',
    ),
  ),
  keyAlgorithm: v.optional(algorithm('Algorithm of every key. Default RSA-2048.')),
  validity: v.optional(
    v.strictObject({
      ca: v.optional(duration('Validity of CAs; default 3650d.')),
      certificate: v.optional(duration('Validity of all other certificates; default 365d.')),
    }),
  ),
  caKeys: v.optional(
    oneOf(
      ['on-control-plane', 'offline'],
      'offline: no CA key enters a node. Default on-control-plane.',
    ),
  ),
  kubeletServing: v.optional(
    oneOf(
      ['signed', 'self-signed'],
      'signed: kubelets serve with certificates of the cluster CA. Default signed.',
    ),
  ),
  subject: v.optional(
    v.pipe(
      v.strictObject({
        O: v.optional(text('Organization, at most 64 characters.')),
        OU: v.optional(text('Organizational unit, at most 64 characters.')),
        C: v.optional(text('Country, two letters (ISO 3166).')),
      }),
      v.description('Additions to the subjects of the CAs.'),
    ),
  ),
  apiServer: v.optional(
    v.strictObject({
      extraSans: v.optional(texts('Further names and addresses of the API server certificate.')),
    }),
  ),
  kubeProxy: v.optional(flag('A client certificate and kubeconfig for kube-proxy. Default false.')),
  users: v.optional(
    v.array(
      v.strictObject({
        name: text("User name: the certificate's CN, at most 64 characters."),
        groups: v.optional(texts("Groups: the certificate's O.")),
        validity: v.optional(duration('Validity; that of certificates by default.')),
      }),
    ),
  ),
  certificates: v.optional(
    v.pipe(
      v.record(
        v.string(),
        v.strictObject({
          keyAlgorithm: v.optional(algorithm('Algorithm of this key.')),
          validity: v.optional(duration('Validity of this certificate.')),
        }),
      ),
      v.description('Exceptions by certificate id, for example apiserver or etcd-ca.'),
    ),
  ),
})
