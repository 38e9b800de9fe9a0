import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { auditTree } from '../../../src/audit/audit.js'
import { OWNERS } from '../../../src/audit/read/layout-table.js'
import { isWrong } from '../../../src/audit/report/words.js'
import { RULES } from '../../../src/audit/rules/index.js'
import { fixFor, fixInGeneral, type RemedySubject } from '../../../src/audit/rules/remedies.js'
import type { Finding } from '../../../src/audit/types.js'
import { AUTHORITIES, LEAVES } from '../../../src/certs/table.js'
import type { Io } from '../../../src/cli/io.js'
import { VERBS } from '../../../src/cli/verbs/table.js'
import { clusterJsonSchema } from '../../../src/cluster/spec/json-schema.js'
import type { FlagFile } from '../../../src/manifests/flags.js'
import { isObject } from '../../../src/values/json.js'
import { FIXTURES } from '../layouts/fixtures.js'
import { moved } from '../layouts/workshop.js'
import { CONTROL_PLANE, generated, mutated, NOW, PKI } from '../support.js'

const IDS: readonly (FlagFile | undefined)[] = [
  undefined,
  ...(Object.keys(LEAVES) as (keyof typeof LEAVES)[]),
  ...(Object.keys(AUTHORITIES) as (keyof typeof AUTHORITIES)[]),
  'sa.key',
  'sa.pub',
]

const subject = (owner: RemedySubject['owner'], id: FlagFile | undefined): RemedySubject => ({
  owner,
  out: 'clusters/prod',
  ...(id !== undefined && {
    id,
    file: `/etc/x/${id}.crt`,
    pair: { certificate: `/etc/x/${id}.crt`, key: `/etc/x/${id}.key` },
  }),
})

/** Every text that any rule can have for any owner and certificate. */
const TEXTS = RULES.flatMap(({ code, remedy = '' }) =>
  OWNERS.flatMap((owner) => [
    { code, owner, id: 'in general', text: fixInGeneral(remedy, owner) },
    ...IDS.map((id) => ({ code, owner, id: id ?? '-', text: fixFor(remedy, subject(owner, id)) })),
  ]),
)
const words = (pattern: RegExp, texts = TEXTS) => [
  ...new Set(texts.flatMap(({ text }) => [...text.matchAll(pattern)].map(([all]) => all))),
]

/** Every field of cluster.yaml: `spec.nodes[].name`. */
const FIELDS = new Set(fieldsOf(clusterJsonSchema(), ''))

function fieldsOf(schema: unknown, path: string): readonly string[] {
  if (!isObject(schema)) return []
  const { properties, items, anyOf, oneOf, allOf } = schema
  return [
    ...Object.entries(isObject(properties) ? properties : {}).flatMap(([name, one]) => {
      const own = path === '' ? name : `${path}.${name}`
      return [own, ...fieldsOf(one, own)]
    }),
    ...fieldsOf(items, `${path}[]`),
    ...[anyOf, oneOf, allOf].flatMap((some) =>
      Array.isArray(some) ? some.flatMap((one) => fieldsOf(one, path)) : [],
    ),
  ]
}

describe('every fix', () => {
  it('is a text', () => {
    expect(TEXTS.length).toBeGreaterThan(RULES.length * OWNERS.length)
    expect(
      TEXTS.filter(({ text }) => text.length < 4 || /undefined|\[object|=>|\$\{|\n/.test(text)),
    ).toEqual([])
  })

  it('names fields that cluster.yaml has, in full', () => {
    const own = TEXTS.filter(({ owner }) => owner === 'kpki')
    const named = words(/\bspec(\.[a-zA-Z]+(\[\])?)+/g, own)
    expect(named).toContain('spec.apiServer.extraSans')
    expect(named.filter((field) => !FIELDS.has(field))).toEqual([])
    // A field without its `spec.` is found by nobody.
    expect(words(/(?<![\w./])(pki|apiServer|kubeconfig|networking)\.[a-z]\w+/g, own)).toEqual([])
  })

  it('names kpki’s verbs and their options', async () => {
    const io = { env: {} } as unknown as Io
    const named = words(/\bkpki [a-z][\w-]*( --?[a-z][\w-]*)*/g).map((text) => text.split(' '))
    expect(named.length).toBeGreaterThan(0)
    for (const [, verb, ...flags] of named) {
      const row = VERBS.find(({ name }) => name === verb)
      expect(row, verb).toBeDefined()
      const setUp = await row?.load()
      const command = setUp?.(new Command(verb ?? ''), io)
      const known = command?.options.flatMap(({ short, long }) => [short, long]) ?? []
      expect(flags.filter((flag) => !known.includes(flag))).toEqual([])
    }
  })

  it('names kpki to nobody else', () => {
    expect(
      TEXTS.filter(({ owner, text }) => owner !== 'kpki' && /\bkpki (gen|init)\b/.test(text)),
    ).toEqual([])
  })

  it('names kubeadm’s phases and certificates', () => {
    const kubeconfigs = Object.entries(LEAVES).flatMap(([id, { place }]) =>
      place.kind === 'kubeconfig' && id !== 'kube-proxy.conf' ? [id] : [],
    )
    const pki = Object.entries(LEAVES).flatMap(([id, { place }]) =>
      place.kind === 'pki' ? [id] : [],
    )
    const known = new Set([
      // https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-certs/: kubelet.conf is not among them.
      ...['all', ...pki, ...kubeconfigs.filter((id) => id !== 'kubelet.conf')].map(
        (id) => `kubeadm certs renew ${id}`,
      ),
      // https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init-phase/
      ...['all', 'ca', 'etcd-ca', 'front-proxy-ca', 'sa', ...pki].map(
        (id) => `kubeadm init phase certs ${id}`,
      ),
      ...['all', ...kubeconfigs.map((id) => id.replace(/\.conf$/, ''))].map(
        (id) => `kubeadm init phase kubeconfig ${id}`,
      ),
      'kubeadm init phase control-plane all',
      'kubeadm init phase etcd local',
      'kubeadm kubeconfig user',
      'kubeadm token create',
      'kubeadm token generate',
    ])
    const named = words(
      /\bkubeadm (certs renew [\w.-]+|init phase [\w-]+ [\w.-]+|kubeconfig \w+|token \w+)/g,
    )
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((command) => !known.has(command))).toEqual([])
    // `kubeadm init` and `kubeadm certs` are never alone.
    expect(words(/\bkubeadm (init|certs)\b(?! (phase|renew) )/g)).toEqual([])
  })

  it('has the true file and the true folder in place of FILE and OUT', () => {
    const known = TEXTS.filter(({ id }) => id !== '-' && id !== 'in general')
    expect(known.filter(({ text }) => /\bFILE\b/.test(text))).toEqual([])
    expect(known.filter(({ text }) => /-o OUT\b/.test(text))).toEqual([])
  })
})

const fixOf = (findings: readonly Finding[], code: string, path?: string) =>
  findings.find((one) => one.code === code && (path === undefined || one.path === path))?.fix

describe('the owner of a tree decides', () => {
  const SAID: readonly (readonly [title: string, path: string, renew: string, make: string])[] = [
    [
      'kubeadm, a control plane',
      'etc/kubernetes/pki/apiserver.crt',
      'kubeadm certs renew apiserver   # then restart what uses it',
      'rm /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key && kubeadm init phase certs apiserver   # then restart what uses it',
    ],
    [
      'k3s, a server',
      'var/lib/rancher/k3s/server/tls/etcd/client.crt',
      'systemctl stop k3s && k3s certificate rotate --service etcd && systemctl start k3s',
      'systemctl stop k3s && k3s certificate rotate --service etcd && systemctl start k3s',
    ],
    [
      'k3s, an agent',
      'var/lib/rancher/k3s/agent/client-kubelet.crt',
      'systemctl restart k3s-agent',
      'systemctl restart k3s-agent',
    ],
    [
      'RKE2, a server',
      'var/lib/rancher/rke2/server/tls/serving-kube-apiserver.crt',
      'systemctl stop rke2-server && rke2 certificate rotate --service api-server && systemctl start rke2-server',
      'systemctl stop rke2-server && rke2 certificate rotate --service api-server && systemctl start rke2-server',
    ],
    [
      'kOps, a control plane',
      'srv/kubernetes/kube-apiserver/server.crt',
      'kops update cluster --yes && kops rolling-update cluster --yes --force',
      'kops update cluster --yes && kops rolling-update cluster --yes --force',
    ],
    [
      'MicroK8s',
      'var/snap/microk8s/current/certs/server.crt',
      'microk8s refresh-certs --cert server.crt',
      'microk8s refresh-certs --cert server.crt',
    ],
    [
      'a kubelet’s certificates alone',
      'var/lib/kubelet/pki/kubelet.crt',
      'rm /var/lib/kubelet/pki/kubelet.crt /var/lib/kubelet/pki/kubelet.key && systemctl restart kubelet',
      'rm /var/lib/kubelet/pki/kubelet.crt /var/lib/kubelet/pki/kubelet.key && systemctl restart kubelet',
    ],
    [
      'what Talos leaves with the operator',
      'talosconfig',
      'talosctl gen config --with-secrets secrets.yaml --output-types talosconfig CLUSTER https://ENDPOINT:6443',
      'talosctl gen config --with-secrets secrets.yaml --output-types talosconfig CLUSTER https://ENDPOINT:6443',
    ],
    [
      'the home of minikube',
      '.minikube/profiles/minikube/apiserver.crt',
      'minikube start   # renews what has expired',
      'rm .minikube/profiles/minikube/apiserver.crt .minikube/profiles/minikube/apiserver.key && minikube start',
    ],
    [
      'a node of kind',
      'etc/kubernetes/pki/apiserver.crt',
      "docker exec controlplane sh -c 'kubeadm certs renew apiserver'",
      "docker exec controlplane sh -c 'rm /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key && kubeadm init phase certs apiserver --config /kind/kubeadm.conf'",
    ],
    [
      'Kubespray, a control plane',
      `etc/ssl/etcd/ssl/member-${CONTROL_PLANE}.pem`,
      'ansible-playbook -i INVENTORY -b cluster.yml   # issues etcd’s anew',
      'ansible-playbook -i INVENTORY -b cluster.yml   # issues etcd’s anew',
    ],
    [
      'pairs and a kubeconfig in folders of any name',
      'certs-2025/web.crt',
      'openssl x509 -in certs-2025/web.crt -x509toreq -signkey certs-2025/web.key -copy_extensions copyall | openssl x509 -req -CA certs-2025/our-ca.crt -CAkey CA.key -copy_extensions copyall -days 365 -out certs-2025/web.crt.new && mv certs-2025/web.crt.new certs-2025/web.crt',
      'openssl req -new -newkey rsa:2048 -noenc -keyout certs-2025/web.key -subj /CN=web -addext subjectAltName=DNS:web.example.com -addext extendedKeyUsage=serverAuth | openssl x509 -req -CA certs-2025/our-ca.crt -CAkey CA.key -copy_extensions copyall -days 365 -out certs-2025/web.crt   # with subject, names and uses put right',
    ],
  ]
  it.each(SAID)('%s: %s', async (title, path, renew, make) => {
    const fixture = FIXTURES.find((one) => one.title === title)
    const findings = async (how: 'expired' | 'foreign-key') => {
      const tree = await fixture?.make({ path, how })
      return (await auditTree(tree ?? new Map(), { at: NOW })).findings
    }
    expect(fixOf(await findings('expired'), 'V01', path)).toBe(renew)
    expect(fixOf(await findings('foreign-key'), 'K01', path)).toBe(make)
  })

  const expired = { at: new Date('2030-01-01T00:00:00Z') }

  it('kpki, for what generate returned and for an output folder', async () => {
    const all = await generated()
    const { findings } = await auditTree(all, expired)
    expect(fixOf(findings, 'V01', `${PKI}/apiserver.crt`)).toMatch(/^kpki gen -o OUT {3}# /)
    const tree = new Map(
      [...all.nodes].flatMap(([name, node]) => [...moved(node, `a/b/nodes/${name}`)]),
    )
    const report = await auditTree(tree, expired)
    const path = `a/b/nodes/${CONTROL_PLANE}/${PKI}/apiserver.crt`
    expect(fixOf(report.findings, 'V01', path)).toMatch(/^kpki gen -o a\/b {3}# /)
    expect(report.layouts.map(({ owner }) => owner)).toEqual(['kpki', 'kpki', 'kpki'])
  })

  it('kubeadm, for the same node without the rest', async () => {
    const { nodes } = await generated()
    const { findings } = await auditTree(nodes.get(CONTROL_PLANE) ?? new Map(), expired)
    expect(fixOf(findings, 'V01', 'etc/kubernetes/scheduler.conf')).toBe(
      'kubeadm certs renew scheduler.conf   # then restart what uses it',
    )
    expect(fixOf(findings, 'V01', 'etc/kubernetes/kubelet.conf')).toBe(
      `kubeadm kubeconfig user --org system:nodes --client-name system:node:${CONTROL_PLANE} > kubelet.conf   # on a control plane; then copy it to the node’s /etc/kubernetes`,
    )
    expect(fixOf(findings, 'V01', `${PKI}/ca.crt`)).toBeUndefined()
  })

  it('quotes what a shell would take for more than a name', async () => {
    const fixture = FIXTURES.find(({ layout }) => layout === 'unrecognised')
    const tree = await fixture?.make({ path: 'certs-2025/web.crt', how: 'expired' })
    const { findings } = await auditTree(moved(tree ?? new Map(), "x; rm -rf '$HOME'"), { at: NOW })
    const fix = fixOf(findings, 'V01')
    expect(fix).toContain("-in 'x; rm -rf '\\''$HOME'\\''/certs-2025/web.crt' ")
  })

  it('a mode is mended on the file that has it', async () => {
    const trees = await mutated(await generated(), (node) => {
      const path = `${PKI}/apiserver.key`
      const entry = node.tree.get(path)
      if (entry?.kind === 'file') node.tree.set(path, { ...entry, mode: 0o644 })
    })
    const { findings } = await auditTree(trees, { at: NOW })
    expect(fixOf(findings, 'O01')).toBe(`chmod 0600 /${PKI}/apiserver.key`)
  })
})

describe('assumed flags', () => {
  const MARK = /\(flags assumed from the layout\)/

  it('are said where a finding, a connection or a component rests on them', async () => {
    const path = 'var/lib/rancher/k3s/server/tls/etcd/client.crt'
    const fixture = FIXTURES.find(({ layout }) => layout === 'k3s')
    const tree = await fixture?.make({ path, how: 'foreign-key' })
    const { findings, connections, components } = await auditTree(tree ?? new Map(), { at: NOW })
    const wrong = connections.filter(isWrong)
    const down = components.filter(({ starts }) => starts === false)
    expect(wrong.length).toBeGreaterThan(0)
    expect(down.length).toBeGreaterThan(0)
    for (const { reason } of [...wrong, ...down]) expect(reason).toMatch(MARK)
    for (const { code, message } of findings)
      if (code.startsWith('X')) expect(message).toMatch(MARK)
    // Whether a key fits its certificate is so whatever the flags.
    expect(findings.find(({ code }) => code === 'K01')?.message).not.toMatch(MARK)
  })

  it('are not said where a manifest says them', async () => {
    const path = 'etc/kubernetes/pki/apiserver.crt'
    const fixture = FIXTURES.find(({ title }) => title === 'kubeadm, a control plane')
    const tree = await fixture?.make({ path, how: 'foreign-authority' })
    const report = await auditTree(tree ?? new Map(), { at: NOW })
    expect(report.verdict.errors).toBeGreaterThan(0)
    expect(JSON.stringify(report)).not.toMatch(MARK)
  })
})
