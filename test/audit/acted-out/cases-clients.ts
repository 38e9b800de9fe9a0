import { certificateIn, later, nameOf, reissueIn, usages, without } from '../rules/mutate.js'
import { type Case, CONFS, file, K8S, nextCa, setCa, setData } from './case.js'

const conf = (name: string) => `${K8S}/${name}.conf`

/** Kubeconfigs: what they hold, whom they trust, where they lead. */
export const CLIENT_CASES: readonly Case[] = [
  ...CONFS.flatMap((name): readonly Case[] => [
    { name: `${name}.conf missing`, mutate: (e) => e.remove(conf(name)) },
    {
      name: `${name}.conf with the key of another`,
      mutate: (e) => setData(e, name, 'client-key-data', e.text(file('apiserver.key'))),
    },
  ]),
  {
    name: 'admin.conf for servers only',
    mutate: (e) => reissueIn(e, conf('admin'), { extensions: usages('serverAuth') }),
  },
  {
    name: 'admin.conf without extended key usage',
    mutate: (e) => reissueIn(e, conf('admin'), { extensions: without('2.5.29.37') }),
  },
  {
    name: 'admin.conf without a common name',
    mutate: (e) => reissueIn(e, conf('admin'), { subject: nameOf(['O', 'system:masters']) }),
  },
  {
    name: 'admin.conf with an empty common name',
    mutate: (e) =>
      reissueIn(e, conf('admin'), { subject: nameOf(['O', 'system:masters'], ['CN', '']) }),
  },
  {
    name: 'admin.conf with two common names',
    mutate: (e) =>
      reissueIn(e, conf('admin'), {
        subject: nameOf(['CN', 'first'], ['CN', 'second'], ['O', 'system:masters']),
      }),
  },
  {
    name: 'admin.conf from the etcd CA',
    mutate: (e) => reissueIn(e, conf('admin'), {}, { by: 'etcd/ca' }),
  },
  {
    name: 'admin.conf not yet valid',
    mutate: (e) =>
      reissueIn(e, conf('admin'), { notBefore: later(20_000), notAfter: later(20_100) }),
  },
  {
    name: 'admin.conf with a stale CA',
    mutate: async (e) => setCa(e, 'admin', (await nextCa(e, 'ca')).pem),
  },
  {
    name: 'admin.conf with a bundle of new and old CA',
    mutate: async (e) => setCa(e, 'admin', (await nextCa(e, 'ca')).pem + e.text(file('ca.crt'))),
  },
  {
    name: 'admin.conf with the etcd CA',
    mutate: (e) => setCa(e, 'admin', e.text(file('etcd/ca.crt'))),
  },
  {
    name: 'admin.conf with the API server certificate as CA',
    mutate: (e) => setCa(e, 'admin', e.text(file('apiserver.crt'))),
  },
  { name: 'admin.conf with garbage as CA', mutate: (e) => setCa(e, 'admin', 'garbage') },
  {
    name: 'admin.conf without a CA',
    mutate: (e) => e.replace(conf('admin'), / *certificate-authority-data: .*\n/, ''),
  },
  {
    name: 'admin.conf that skips verification',
    mutate: (e) =>
      e.replace(conf('admin'), /certificate-authority-data: .*/, 'insecure-skip-tls-verify: true'),
  },
  {
    name: 'admin.conf with both a CA and skipping',
    mutate: (e) =>
      e.replace(
        conf('admin'),
        /( *)(certificate-authority-data: .*)/,
        '$1$2\n$1insecure-skip-tls-verify: true',
      ),
  },
  {
    name: 'admin.conf with CA data that is not base64',
    mutate: (e) =>
      e.replace(
        conf('admin'),
        /certificate-authority-data: .*/,
        'certificate-authority-data: "%%%"',
      ),
  },
  {
    name: 'admin.conf to a host outside the names',
    mutate: (e) => e.replace(conf('admin'), /server: .*/, 'server: https://localhost:6443'),
  },
  {
    name: 'admin.conf to such a host with tls-server-name',
    mutate: (e) =>
      e.replace(
        conf('admin'),
        /( *)server: .*/,
        '$1server: https://localhost:6443\n$1tls-server-name: kubernetes',
      ),
  },
  {
    name: 'admin.conf over http',
    mutate: (e) => e.replace(conf('admin'), /server: https/, 'server: http'),
  },
  {
    name: 'admin.conf to another port',
    mutate: (e) => e.replace(conf('admin'), /:6443/, ':6444'),
    differs: {
      'admin/controlplane>kube-apiserver/controlplane':
        'files do not say whether a load balancer listens there',
    },
  },
  {
    name: 'admin.conf without a scheme',
    mutate: (e) => e.replace(conf('admin'), /server: https:\/\//, 'server: '),
  },
  {
    name: 'admin.conf with a dangling context',
    mutate: (e) => e.replace(conf('admin'), /current-context: .*/, 'current-context: none'),
  },
  {
    name: 'admin.conf without a client key',
    mutate: (e) => e.replace(conf('admin'), / *client-key-data: .*\n?/, ''),
  },
  {
    name: 'admin.conf with a missing client certificate file',
    mutate: (e) =>
      e.replace(
        conf('admin'),
        /client-certificate-data: .*/,
        'client-certificate: /etc/kubernetes/pki/none.crt',
      ),
  },
  {
    name: 'admin.conf with a missing CA file',
    mutate: (e) =>
      e.replace(
        conf('admin'),
        /certificate-authority-data: .*/,
        'certificate-authority: /etc/kubernetes/pki/none.crt',
      ),
  },
  {
    name: 'admin.conf with files beside it',
    mutate: (e) => {
      e.write(`${K8S}/a.crt`, certificateIn(e.text(conf('admin'))))
      e.replace(conf('admin'), /client-certificate-data: .*/, 'client-certificate: a.crt')
    },
  },
  {
    name: 'admin.conf sending its CA along',
    mutate: (e) =>
      setData(
        e,
        'admin',
        'client-certificate-data',
        certificateIn(e.text(conf('admin'))) + e.text(file('ca.crt')),
      ),
  },
  {
    name: 'admin.conf with CRLF inside',
    mutate: (e) =>
      setData(
        e,
        'admin',
        'client-certificate-data',
        certificateIn(e.text(conf('admin'))).replaceAll('\n', '\r\n'),
      ),
  },
  {
    name: 'kubelet.conf as an administrator',
    mutate: (e) =>
      reissueIn(e, conf('kubelet'), {
        subject: nameOf(['O', 'system:masters'], ['CN', 'kubernetes-admin']),
      }),
  },
  {
    name: 'kubelet.conf of system:masters under its own name',
    mutate: (e) =>
      reissueIn(e, conf('kubelet'), {
        subject: nameOf(['O', 'system:masters'], ['CN', 'system:node:controlplane']),
      }),
  },
  {
    name: 'kubelet.conf without its group',
    mutate: (e) =>
      reissueIn(e, conf('kubelet'), { subject: nameOf(['CN', 'system:node:controlplane']) }),
  },
  {
    name: 'kubelet.conf in capitals',
    mutate: (e) =>
      reissueIn(e, conf('kubelet'), {
        subject: nameOf(['O', 'system:nodes'], ['CN', 'system:node:ControlPlane']),
      }),
  },
  {
    name: 'scheduler.conf with the controller manager’s identity',
    mutate: (e) => e.write(conf('scheduler'), e.text(conf('controller-manager'))),
  },
  {
    name: 'controller-manager.conf with the scheduler’s identity',
    mutate: (e) => e.write(conf('controller-manager'), e.text(conf('scheduler'))),
  },
  {
    name: 'scheduler.conf expired',
    mutate: (e) =>
      reissueIn(e, conf('scheduler'), { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'controller-manager.conf expired',
    mutate: (e) =>
      reissueIn(e, conf('controller-manager'), { notBefore: later(-900), notAfter: later(-800) }),
  },
  {
    name: 'controller-manager.conf with a stale CA',
    mutate: async (e) => setCa(e, 'controller-manager', (await nextCa(e, 'ca')).pem),
  },
  {
    name: 'controller-manager.conf with garbage as CA',
    mutate: (e) => setCa(e, 'controller-manager', 'garbage'),
  },
  { name: 'scheduler.conf with garbage as CA', mutate: (e) => setCa(e, 'scheduler', 'garbage') },
  {
    name: 'scheduler.conf with a missing CA file',
    mutate: (e) =>
      e.replace(
        conf('scheduler'),
        /certificate-authority-data: .*/,
        'certificate-authority: /etc/kubernetes/pki/none.crt',
      ),
  },
  { name: 'scheduler.conf is no YAML', mutate: (e) => e.write(conf('scheduler'), '{{{') },
  {
    name: 'controller-manager.conf is empty',
    mutate: (e) => e.write(conf('controller-manager'), ''),
  },
  {
    name: 'scheduler.conf with an unknown context',
    mutate: (e) => e.replace(conf('scheduler'), /current-context: .*/, 'current-context: none'),
  },
]
