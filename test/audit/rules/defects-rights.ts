import { readCertificate } from '../../../src/ca/certificate/read.js'
import { oid, sequence } from '../../../src/ca/der/write.js'
import { type Defect, error, info, sourced, warning } from './defect.js'
import {
  authorityKey,
  editNames,
  forge,
  later,
  MANIFESTS,
  nameOf,
  names,
  newKey,
  PKI,
  reissue,
  reissueIn,
  rsaSpki,
  usages,
} from './mutate.js'

type E = Parameters<Defect['mutate']>[0]
const SERVING = 'var/lib/kubelet/pki/kubelet.crt'
const VERIFY =
  'Go crypto/x509 Certificate.Verify: a name and an authority that are trusted are all that is asked for'
const X509 =
  'k8s.io/apiserver/pkg/authentication/request/x509: the common name is the user, each organization a group'
const SIGNER =
  'k8s.io/kubernetes/pkg/controller/certificates/signer: what is approved is signed by the file of the signer’s flag'

/** A worker's serving certificate with further names. */
const carries = (rule: string, name: string, dns: readonly string[], ip: readonly string[]) =>
  sourced(rule, name, VERIFY, error(`/${SERVING}`, 'worker1'), (e) => withNames(e, dns, ip))

async function withNames(e: E, dns: readonly string[], ip: readonly string[]): Promise<void> {
  const facts = readCertificate(e.text(SERVING, 'worker1'))
  const extension = editNames(facts, (own) => ({
    dns: [...own.dns, ...dns],
    ip: [...own.ip, ...ip],
  }))
  const pem = await forge(facts, authorityKey(e, 'ca'), { extensions: extension })
  e.write(SERVING, pem, 'worker1')
}

/** A client certificate in a file of its own. */
async function strayClient(
  e: E,
  path: string,
  subject: Uint8Array,
  node: string,
  withKey = true,
): Promise<void> {
  const key = await newKey()
  const facts = readCertificate(e.text(`${PKI}/apiserver-kubelet-client.crt`))
  const pem = await forge(facts, authorityKey(e, 'ca'), { spki: key.spki, subject })
  e.write(`${path}.crt`, pem, node)
  if (withKey) e.write(`${path}.key`, key.pem(), node)
}
const MASTERS = nameOf(['O', 'system:masters'], ['CN', 'old-admin'])
const ADMINS = nameOf(['O', 'kubeadm:cluster-admins'], ['CN', 'old-admin'])
const NOBODY = nameOf(['O', 'team-a'], ['CN', 'old-admin'])

const stray = (
  name: string,
  grade: typeof error,
  path: string,
  subject: Uint8Array,
  node = 'controlplane',
  withKey = true,
) =>
  sourced(
    'I22',
    name,
    X509,
    grade(`/${path}.crt`, node),
    (e) => strayClient(e, path, subject, node, withKey),
    { twin: (e) => strayClient(e, path, NOBODY, node, withKey) },
  )

const ADMIN = 'etc/kubernetes/admin.conf'
const user = (name: string, grade: typeof error, file: string, lines: string) =>
  sourced(
    'F25',
    name,
    'k8s.io/client-go/transport/round_trippers.go: Impersonate-* headers are sent with every request',
    grade(file),
    (e) =>
      e.replace(
        `etc/kubernetes/${file}`,
        '    client-certificate-data:',
        `    ${lines}\n    client-certificate-data:`,
      ),
  )

/** Flags of the controller manager's signers. */
const signs = (rule: string, name: string, signer: string, base: string, grade = error) =>
  sourced(rule, name, SIGNER, grade('manifests/kube-controller-manager.yaml'), (e) => {
    e.flag('kube-controller-manager', `cluster-signing-${signer}-cert-file`, `/${PKI}/${base}.crt`)
    e.flag('kube-controller-manager', `cluster-signing-${signer}-key-file`, `/${PKI}/${base}.key`)
  })

/** A file that others can read; its twin they cannot. */
const copied = (
  name: string,
  grade: typeof error,
  path: string,
  content: (e: E) => string | Uint8Array,
) =>
  sourced(
    'O15',
    name,
    'open(2): the mode decides who reads a file, whatever it is called',
    grade(`/${path}`),
    (e) => e.write(path, content(e), undefined, 0o644),
    { twin: (e) => e.write(path, content(e), undefined, 0o600) },
  )

const secret = (name: string, path: string, content: string, flag: string, extra = 0o644) =>
  sourced(
    'O16',
    name,
    'open(2): the mode decides who reads a file, whatever it is called',
    error(`/${path}`),
    (e) => {
      e.flag('kube-apiserver', flag, `/${path}`)
      e.write(path, content, undefined, extra)
    },
    {
      twin: (e) => {
        e.flag('kube-apiserver', flag, `/${path}`)
        e.write(path, content, undefined, 0o600)
      },
    },
  )

const SHA1_ECDSA = sequence(oid('1.2.840.10045.4.1'))
const short = (bits: number) => rsaSpki((1n << BigInt(bits - 1)) + 12345678901234567n)

/** Names and rights that are somebody else's, and copies of what opens the cluster. */
export const RIGHTS_DEFECTS: readonly Defect[] = [
  carries('S22', 'a worker with the API server’s service name', ['kubernetes.default.svc'], []),
  carries('S22', 'a worker with the short name of the API server', ['kubernetes'], []),
  carries('S22', 'a worker with the control-plane endpoint', ['api.example.com'], []),
  carries('S22', 'a worker with an API server’s address', [], ['172.31.10.15']),
  carries('S22', 'a worker with the service address', [], ['10.96.0.1']),
  carries('S22', 'a worker with a wildcard for the endpoint', ['*.example.com'], []),
  sourced(
    'S22',
    'a stray certificate with the API server’s names',
    VERIFY,
    error('pki/old.crt', 'worker2'),
    async (e) => {
      const facts = readCertificate(e.text(`${PKI}/apiserver.crt`))
      const key = await newKey()
      const pem = await forge(facts, authorityKey(e, 'ca'), { spki: key.spki })
      e.write(`${PKI}/old.crt`, pem, 'worker2')
    },
    {
      twin: async (e) => {
        const facts = readCertificate(e.text(`${PKI}/apiserver.crt`))
        const key = await newKey()
        const extensions = names(['worker2'], ['172.31.10.7'])
        const pem = await forge(facts, authorityKey(e, 'ca'), { spki: key.spki, extensions })
        e.write(`${PKI}/old.crt`, pem, 'worker2')
      },
    },
  ),
  sourced(
    'S22',
    'a client of the API that may serve with its names',
    VERIFY,
    error('pki/apiserver-kubelet-client.crt'),
    (e) =>
      reissue(e, 'apiserver-kubelet-client', {
        extensions: (list) => names(['kubernetes'])(usages('clientAuth', 'serverAuth')(list)),
      }),
  ),
  carries('S23', 'a kubelet with another node’s address', [], ['172.31.10.7']),
  carries('S23', 'a kubelet with another node’s name', ['worker2'], []),
  stray('an administrator beside the certificates', error, `${PKI}/old-admin`, MASTERS),
  stray('an administrator of a group', error, `${PKI}/old-admin`, ADMINS),
  stray('an administrator on a worker', error, `${PKI}/admin`, MASTERS, 'worker1'),
  stray('an administrator in another folder', error, 'etc/kubernetes/backup/admin', MASTERS),
  stray(
    'an administrator without his key',
    warning,
    `${PKI}/old-admin`,
    MASTERS,
    'controlplane',
    false,
  ),
  sourced(
    'I23',
    'an administrator without a group',
    'kubeadm app/phases/kubeconfig: only the group kubeadm:cluster-admins is bound',
    error('admin.conf'),
    (e) => reissueIn(e, ADMIN, { subject: nameOf(['CN', 'kubernetes-admin']) }),
  ),
  sourced(
    'I23',
    'a super administrator without a group',
    'kubeadm app/phases/kubeconfig: super-admin.conf is of system:masters',
    error('super-admin.conf'),
    (e) =>
      reissueIn(e, 'etc/kubernetes/super-admin.conf', {
        subject: nameOf(['CN', 'kubernetes-super-admin']),
      }),
  ),
  sourced(
    'I01',
    'a person of system:masters',
    'k8s.io/kubernetes/pkg/controlplane: a privileged-group authorizer lets system:masters pass before RBAC',
    warning('/jane.conf', 'operator'),
    (e) =>
      reissueIn(
        e,
        'jane.conf',
        { subject: nameOf(['O', 'system:masters'], ['CN', 'jane']) },
        { node: 'operator' },
      ),
  ),
  sourced(
    'I24',
    'a kubelet client without a group',
    'kubernetes/kubernetes#138957: the user is bound from 1.34.8 on, before only the group is',
    error('pki/apiserver-kubelet-client.crt'),
    (e) =>
      reissue(e, 'apiserver-kubelet-client', {
        subject: nameOf(['CN', 'kube-apiserver-kubelet-client']),
      }),
  ),
  sourced(
    'I24',
    'a kubelet client of another name',
    'k8s.io/kubernetes/pkg/kubelet/server/auth.go: the kubelet asks the API server what the user may do with nodes/proxy',
    error('pki/apiserver-kubelet-client.crt'),
    (e) => reissue(e, 'apiserver-kubelet-client', { subject: nameOf(['CN', 'apiserver']) }),
  ),
  user(
    'an administrator as another',
    error,
    'admin.conf',
    'as: system:serviceaccount:kube-system:default',
  ),
  user(
    'a scheduler in another group',
    error,
    'scheduler.conf',
    'as: jane\n    as-groups: [system:masters]',
  ),
  user('a controller manager with another uid', error, 'controller-manager.conf', 'as-uid: "0"'),
  sourced(
    'F25',
    'a person as another',
    'k8s.io/client-go/transport/round_trippers.go: Impersonate-* headers are sent with every request',
    warning('/jane.conf', 'operator'),
    (e) =>
      e.replace(
        'jane.conf',
        '    client-certificate-data:',
        '    as: admin\n    client-certificate-data:',
        'operator',
      ),
  ),
  sourced(
    'F26',
    'a port where nobody listens',
    'k8s.io/apiserver/pkg/server/options/serving.go: it listens on secure-port only',
    error('controller-manager.conf'),
    (e) => e.replace('etc/kubernetes/controller-manager.conf', ':6443', ':8443'),
  ),
  sourced(
    'F26',
    'an API server that moved',
    'k8s.io/apiserver/pkg/server/options/serving.go: it listens on secure-port only',
    [error('controller-manager.conf'), error('scheduler.conf'), error('kubelet.conf')],
    (e) => {
      e.flag('kube-apiserver', 'secure-port', undefined)
      e.flag('kube-apiserver', 'secure-port', '7443')
    },
  ),
  signs(
    'T17',
    'the front proxy’s authority signs clients',
    'kube-apiserver-client',
    'front-proxy-ca',
  ),
  signs('T17', 'etcd’s authority signs what is left', 'legacy-unknown', 'etcd/ca'),
  signs('T17', 'etcd’s authority signs kubelets’ serving', 'kubelet-serving', 'etcd/ca'),
  signs('T18', 'the front proxy’s authority signs kubelets', 'kubelet-client', 'front-proxy-ca'),
  signs('T18', 'etcd’s authority signs kubelets’ serving', 'kubelet-serving', 'etcd/ca'),
  sourced(
    'T17',
    'the front proxy’s authority signs, and the clients’ file holds it too',
    'k8s.io/apiserver/pkg/authentication/request/headerrequest: whoever the request-header file verifies may claim any user',
    error('manifests/kube-controller-manager.yaml'),
    (e) => {
      e.edit(`${PKI}/ca.crt`, (text) => text + e.text(`${PKI}/front-proxy-ca.crt`))
      for (const [flag, ending] of [
        ['cert-file', 'crt'],
        ['key-file', 'key'],
      ])
        e.replace(
          `${MANIFESTS}/kube-controller-manager.yaml`,
          `--cluster-signing-${flag}=/etc/kubernetes/pki/ca.${ending}`,
          `--cluster-signing-${flag}=/etc/kubernetes/pki/front-proxy-ca.${ending}`,
        )
    },
  ),
  copied('an administrator’s kubeconfig of before', error, 'etc/kubernetes/admin.conf.bak', (e) =>
    e.text(ADMIN),
  ),
  copied('a kubeconfig in a temporary directory', error, 'tmp/kubeconfig.old', (e) =>
    e.text(ADMIN),
  ),
  copied(
    'a key behind other text',
    error,
    'root/notes.txt',
    (e) => `the key:\n${e.text(`${PKI}/ca.key`)}`,
  ),
  copied('an archive of certificates', warning, 'root/pki-backup.tar.gz', () => '\u001f\u008b'),
  copied('a key store', warning, 'etc/kubernetes/pki/admin.p12', () => '0'),
  copied('a snapshot of etcd', warning, 'var/backups/etcd-snapshot.db', () => 'bolt'),
  secret(
    'tokens for everybody',
    `${PKI}/tokens.csv`,
    'not-a-real-token,jane,1\n',
    'token-auth-file',
  ),
  secret(
    'encryption keys for the group',
    `${PKI}/encryption.yaml`,
    'apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{ identity: {} }]\n',
    'encryption-provider-config',
    0o640,
  ),
  sourced(
    'K06',
    'an RSA key of 512 bits',
    'Go crypto/rsa since 1.24: keys below 1024 bits are refused (GODEBUG rsa1024min)',
    error('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { spki: short(512) }),
  ),
  sourced(
    'K17',
    'an API server of 1024 bits',
    'OpenSSL ssl/ssl_cert.c ssl_security_default_callback: level 2 wants 112 bits of security',
    warning('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { spki: short(1024) }),
  ),
  sourced(
    'K17',
    'an API server’s certificate signed with SHA-1',
    'OpenSSL crypto/x509/x509_set.c: SHA-1 counts for 63 bits since 3.0, level 1 wants 80',
    warning('pki/apiserver.crt'),
    (e) => reissue(e, 'apiserver', { algorithm: SHA1_ECDSA }),
  ),
  sourced(
    'V02',
    'the last days of a short life',
    'kpki gen renews in the last third of a life, as src/certs/reconcile.ts has it',
    warning('/jane.conf', 'operator'),
    (e) =>
      reissueIn(e, 'jane.conf', { notBefore: later(-7), notAfter: later(3) }, { node: 'operator' }),
    {
      twin: (e) =>
        reissueIn(
          e,
          'jane.conf',
          { notBefore: later(-1), notAfter: later(9) },
          { node: 'operator' },
        ),
    },
  ),
  sourced(
    'P16',
    'a dead authority in a bundle',
    'Go crypto/x509 Certificate.Verify: an expired anchor verifies nothing, and the others do',
    info('pki/ca.crt', 'worker1'),
    async (e) => {
      const facts = readCertificate(e.text(`${PKI}/ca.crt`))
      const key = await newKey()
      const pem = await forge(facts, key, {
        spki: key.spki,
        notBefore: later(-900),
        notAfter: later(-100),
      })
      e.edit(`${PKI}/ca.crt`, (text) => text + pem, 'worker1')
    },
  ),
  ...[
    'pki/apiserver-etcd-client.key',
    'pki/apiserver-kubelet-client.key',
    'controller-manager.conf',
  ].map((file) =>
    sourced(
      'T23',
      `${file} on a worker`,
      'https://kubernetes.io/docs/setup/best-practices/certificates/: what each pair is for',
      error(file, 'worker1'),
      (e) => e.write(`etc/kubernetes/${file}`, e.text(`etc/kubernetes/${file}`), 'worker1', 0o600),
      {
        twin: (e) =>
          e.write(
            `etc/kubernetes/${file}`,
            e.text(`etc/kubernetes/${file}`),
            'controlplane2',
            0o600,
          ),
      },
    ),
  ),
]
