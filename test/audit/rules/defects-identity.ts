import { encodeName, subject } from '../../../src/ca/certificate/names.js'
import { readCertificate } from '../../../src/ca/certificate/read.js'
import { element, oid, sequence, set } from '../../../src/ca/der/write.js'
import { type Defect, defect, error, type Grade, info, PLANES, warning } from './defect.js'
import {
  forge,
  MANIFESTS,
  nameOf,
  newAuthority,
  newKey,
  PKI,
  reissue,
  reissueIn,
} from './mutate.js'

const CONF = 'etc/kubernetes'
const ENCRYPTION = 'etc/kubernetes/encryption.yaml'
const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='

function encryption(providers: string): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
${providers}`
}
const provider = (name: string, ...keys: readonly (readonly [string, string])[]) =>
  `      - ${name}:\n          keys:\n${keys.map(([key, secret]) => `            - { name: ${key}, secret: ${secret} }\n`).join('')}`
const GOOD = encryption(`${provider('secretbox', ['key1', SECRET])}      - identity: {}\n`)

function kubeadm(lines: string): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4\n${lines}`
}
const KUBEADM = 'extra/kubeadm.yaml'

type E = Parameters<Defect['mutate']>[0]

const MANAGER = 'manifests/kube-controller-manager.yaml'
const FULL_MANAGER = `etc/kubernetes/${MANAGER}`

/** Has the controller manager sign requests with another authority. */
function signWith(trees: E, base: string): void {
  for (const [flag, ending] of [
    ['cert-file', 'crt'],
    ['key-file', 'key'],
  ])
    trees.replace(
      FULL_MANAGER,
      `--cluster-signing-${flag}=/etc/kubernetes/pki/ca.${ending}`,
      `--cluster-signing-${flag}=/etc/kubernetes/pki/${base}.${ending}`,
    )
}

const person = (rule: string, grade: Grade, name: string, subject: Uint8Array): Defect =>
  defect(rule, name, grade('/jane.conf', 'operator'), (e) =>
    reissueIn(e, 'jane.conf', { subject }, { node: 'operator' }),
  )

export const IDENTITY_DEFECTS: readonly Defect[] = [
  defect('I01', 'a scheduler of system:masters', warning('scheduler.conf'), (e) =>
    reissueIn(e, `${CONF}/scheduler.conf`, {
      subject: nameOf(['O', 'system:masters'], ['CN', 'system:kube-scheduler']),
    }),
  ),
  defect('I02', 'super-admin.conf on a node', info('super-admin.conf'), () => undefined, {
    twin: (e) => e.remove(`${CONF}/super-admin.conf`),
  }),
  defect('I03', 'admin.conf on a worker', error('admin.conf', 'worker1'), (e) =>
    e.write(`${CONF}/admin.conf`, e.text(`${CONF}/admin.conf`), 'worker1'),
  ),
  defect('I04', 'a kubelet outside system:nodes', error('kubelet.conf', 'worker1'), (e) =>
    reissueIn(
      e,
      `${CONF}/kubelet.conf`,
      { subject: nameOf(['CN', 'system:node:worker1']) },
      { node: 'worker1' },
    ),
  ),
  defect('I05', 'another node’s name', error('kubelet.conf', 'worker1'), (e) =>
    reissueIn(
      e,
      `${CONF}/kubelet.conf`,
      { subject: nameOf(['O', 'system:nodes'], ['CN', 'system:node:10.0.0.1']) },
      { node: 'worker1' },
    ),
  ),
  defect('I06', 'one identity on two nodes', error('kubelet.conf', 'worker2'), (e) =>
    e.write(`${CONF}/kubelet.conf`, e.text(`${CONF}/kubelet.conf`, 'worker1'), 'worker2'),
  ),
  defect('I07', 'the kubelet as administrator', error('kubelet.conf', 'worker1'), (e) =>
    e.write(`${CONF}/kubelet.conf`, e.text(`${CONF}/admin.conf`), 'worker1'),
  ),
  defect('I08', 'scheduler.conf of another user', error('scheduler.conf'), (e) =>
    reissueIn(e, `${CONF}/scheduler.conf`, { subject: nameOf(['CN', 'kube-scheduler']) }),
  ),
  defect('I09', 'a mistyped group', info('scheduler.conf'), (e) =>
    reissueIn(e, `${CONF}/scheduler.conf`, {
      subject: nameOf(['O', 'system:system:kube-scheduler'], ['CN', 'system:kube-scheduler']),
    }),
  ),
  person('I10', warning, 'a person named system:admin', nameOf(['CN', 'system:admin'])),
  person('I11', error, 'no common name', nameOf(['O', 'team-a'])),
  defect('I12', 'another front-proxy name', error('pki/front-proxy-client.crt'), (e) =>
    reissue(e, 'front-proxy-client', { subject: nameOf(['CN', 'proxy']) }),
  ),
  person(
    'I13',
    warning,
    'a person with the front proxy’s name',
    nameOf(['CN', 'front-proxy-client']),
  ),
  person(
    'I14',
    warning,
    'a person as a service account',
    nameOf(['CN', 'system:serviceaccount:kube-system:default']),
  ),
  person('I15', warning, 'a group pasted into the name', nameOf(['CN', 'jane, O=system:masters'])),
  person('I16', info, 'three groups', nameOf(['O', 'a'], ['O', 'b'], ['CN', 'jane'])),
  defect(
    'I17',
    'a kubelet client of system:masters',
    info('pki/apiserver-kubelet-client.crt'),
    (e) =>
      reissue(e, 'apiserver-kubelet-client', {
        subject: nameOf(['O', 'system:masters'], ['CN', 'kube-apiserver-kubelet-client']),
      }),
  ),
  defect('I18', 'an etcd client of system:masters', info('pki/apiserver-etcd-client.crt'), (e) =>
    reissue(e, 'apiserver-etcd-client', {
      subject: nameOf(['O', 'system:masters'], ['CN', 'kube-apiserver-etcd-client']),
    }),
  ),
  defect(
    'I19',
    'a person for a year',
    warning('/jane.conf', 'operator'),
    (e) =>
      reissueIn(
        e,
        'jane.conf',
        { notAfter: new Date('2027-03-01T12:00:00Z') },
        { node: 'operator' },
      ),
    { profile: 'strict' },
  ),
  person('I20', warning, 'a space after the name', nameOf(['CN', 'jane '])),
  person(
    'I21',
    info,
    'a TeletexString',
    sequence(set(sequence(oid('2.5.4.3'), element(0x14, new TextEncoder().encode('jane'))))),
  ),

  defect('T01', 'one authority for clients and front proxy', error('pki/front-proxy-ca.crt'), (e) =>
    e.write(`${PKI}/front-proxy-ca.crt`, e.text(`${PKI}/ca.crt`)),
  ),
  defect(
    'T02',
    'the root in the request-header file',
    error('pki/front-proxy-ca.crt'),
    async (e) => {
      const root = await withRoot(e)
      e.edit(`${PKI}/front-proxy-ca.crt`, (text) => text + root)
    },
  ),
  defect('T03', 'etcd trusts the cluster’s authority', error('pki/etcd/ca.crt'), (e) =>
    e.edit(`${PKI}/etcd/ca.crt`, (text) => text + e.text(`${PKI}/ca.crt`)),
  ),
  defect('T04', 'the root in etcd’s file', error('pki/etcd/ca.crt'), async (e) => {
    const root = await withRoot(e)
    e.edit(`${PKI}/etcd/ca.crt`, (text) => text + root)
  }),
  defect('T17', 'the front proxy’s authority signs requests', error(MANAGER), (e) =>
    signWith(e, 'front-proxy-ca'),
  ),
  defect('T17', 'etcd’s authority signs requests', error(MANAGER), (e) => signWith(e, 'etcd/ca')),
  defect('T17', 'etcd’s authority signs kubelets’ requests', error(MANAGER), (e) =>
    e.replace(
      FULL_MANAGER,
      '- --cluster-signing-cert-file',
      '- --cluster-signing-kubelet-client-cert-file=/etc/kubernetes/pki/etcd/ca.crt\n    - --cluster-signing-cert-file',
    ),
  ),
  defect('T18', 'the front proxy’s authority signs requests', error(MANAGER), (e) =>
    signWith(e, 'front-proxy-ca'),
  ),
  defect('T18', 'an authority of its own that nobody trusts', error(MANAGER), async (e) => {
    const { pem, key } = await newAuthority(e, 'ca', {
      subject: encodeName(subject({ CN: 'signer' })),
    })
    e.write(`${PKI}/signer.crt`, pem)
    e.write(`${PKI}/signer.key`, key.pem())
    signWith(e, 'signer')
  }),
  defect('T05', 'ca.key on a worker', error('pki/ca.key', 'worker1'), (e) =>
    e.write(`${PKI}/ca.key`, e.text(`${PKI}/ca.key`), 'worker1'),
  ),
  defect('T05', 'sa.key on a worker', error('pki/sa.key', 'worker2'), (e) =>
    e.write(`${PKI}/sa.key`, e.text(`${PKI}/sa.key`), 'worker2'),
  ),
  defect(
    'T06',
    'a key where keys are offline',
    [
      warning('pki/ca.key', ...PLANES),
      warning('pki/front-proxy-ca.key', ...PLANES),
      warning('pki/etcd/ca.key', ...PLANES),
    ],
    (e) => {
      if (e.cluster) e.cluster = { ...e.cluster, pki: { ...e.cluster.pki, caKeys: 'offline' } }
    },
  ),
  defect('T07', 'only ca.key', warning('pki/ca.key'), (e) => e.remove(`${PKI}/front-proxy-ca.key`)),
  defect('T08', 'the root’s key beside it', error('pki/root-ca.key'), async (e) => {
    await withRoot(e, true)
  }),
  defect(
    'T09',
    'etcd’s authority key on an etcd host',
    [warning('pki/ca.key'), warning('pki/front-proxy-ca.key'), warning('pki/etcd/ca.key')],
    (e) => {
      for (const path of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'])
        e.remove(`${MANIFESTS}/${path}.yaml`)
      e.cluster = undefined
    },
  ),
  defect('T10', 'one apiserver key on two hosts', warning('pki/apiserver.key'), (e) => {
    for (const file of ['crt', 'key'])
      e.write(`${PKI}/apiserver.${file}`, e.text(`${PKI}/apiserver.${file}`), 'controlplane2')
  }),
  defect('T11', 'two clusters, one authority', warning('/other.conf', 'operator'), (e) => {
    e.write(
      'other.conf',
      e.text('jane.conf', 'operator').replaceAll(/(cluster|name): test$/gm, '$1: prod'),
      'operator',
    )
    e.edit(
      'other.conf',
      (text) => text.replaceAll('kubernetes', 'prod').replaceAll('test', 'prod'),
      'operator',
    )
  }),
  defect(
    'T12',
    'another authority on one control plane',
    error('pki/ca.crt', 'controlplane2'),
    async (e) => {
      e.write(`${PKI}/ca.crt`, (await newAuthority(e, 'ca')).pem, 'controlplane2')
    },
  ),
  defect(
    'T13',
    'another sa.pub on one control plane',
    error('pki/sa.pub', 'controlplane2'),
    async (e) => {
      const { encodePem } = await import('../../../src/ca/pem.js')
      e.write(`${PKI}/sa.pub`, encodePem('PUBLIC KEY', (await newKey()).spki), 'controlplane2')
    },
  ),
  defect(
    'T14',
    'other encryption keys',
    error('encryption.yaml', 'controlplane2'),
    (e) => {
      encrypt(e)
      e.write(ENCRYPTION, GOOD.replace('key1', 'key2'), 'controlplane2')
    },
    { twin: encrypt },
  ),
  defect(
    'T15',
    'a certificate key in kubeadm.yaml',
    [warning('kubeadm.yaml'), warning('/extra/kubeadm.yaml')],
    (e) =>
      e.write(KUBEADM, kubeadm(`kind: InitConfiguration\ncertificateKey: ${'ab'.repeat(32)}\n`)),
    {
      profile: 'strict',
      twin: (e) =>
        e.everywhere((node) => {
          for (const path of [...e.tree(node).keys()])
            if (path.endsWith('kubeadm.yaml')) e.remove(path, node)
        }),
    },
  ),
  defect('T16', 'half a rotation', warning('pki/ca.crt'), async (e) => {
    const next = await newAuthority(e, 'ca')
    const leaf = readCertificate(e.text(`${PKI}/apiserver.crt`))
    e.write(`${PKI}/apiserver.crt`, await forge(leaf, next.key, {}))
    e.write(`${PKI}/new-ca.crt`, next.pem)
  }),
]

function encrypt(e: E): void {
  for (const node of ['controlplane', 'controlplane2']) {
    e.write(ENCRYPTION, GOOD, node)
    e.flag('kube-apiserver', 'encryption-provider-config', `/${ENCRYPTION}`, node)
  }
}

/** Puts the client authority below a root; gives the root. */
async function withRoot(e: E, onNode = false): Promise<string> {
  const name = nameOf(['CN', 'root'])
  const root = await newAuthority(e, 'ca', { subject: name, issuer: name })
  const pem = await forge(readCertificate(e.text(`${PKI}/ca.crt`)), root.key, { issuer: name })
  e.everywhere((node) => e.write(`${PKI}/ca.crt`, pem, node))
  if (onNode) {
    e.write(`${PKI}/root-ca.crt`, root.pem)
    e.write(`${PKI}/root-ca.key`, root.key.pem())
  }
  return root.pem
}
