import { describe, expect, it } from 'vitest'
import { loadYaml } from '../../src/files/yaml/yaml.js'
import { mergeKubeconfig } from '../../src/kubeconfig/merge.js'

const adminOf = (server: string, key = 'a2V5'): string => `apiVersion: v1
kind: Config
clusters: [{ name: kubernetes, cluster: { server: "${server}", certificate-authority-data: Y2E= } }]
users: [{ name: kubernetes-admin, user: { client-certificate-data: Y2VydA==, client-key-data: ${key} } }]
contexts: [{ name: a, context: { cluster: kubernetes, user: kubernetes-admin } }]
current-context: a
`
const admin = adminOf('https://10.0.0.5:6443')

// What kubectl and people write: every list is there, and more than kpki knows.
const mine = `# my clusters
apiVersion: v1
preferences: {}
kind: Config
current-context: work
users:
  # from the help desk
  - name: me
    user:
      token: "0123" # until June
contexts:
  - name: work
    context: {cluster: work, user: me, namespace: team}
clusters:
  - name: work
    cluster:
      server: https://work
      x-site: east
extensions:
  - name: tool
    extension: yes
`

describe('mergeKubeconfig', () => {
  it('adds to a file that has clusters, contexts and users already', () => {
    const { text, context, changed } = mergeKubeconfig(mine, admin, 'lab')
    expect({ context, changed }).toEqual({ context: 'lab', changed: true })
    expect(loadYaml(text)).toMatchObject({
      clusters: [{ name: 'work' }, { name: 'lab', cluster: { server: 'https://10.0.0.5:6443' } }],
      contexts: [{ name: 'work' }, { name: 'lab', context: { cluster: 'lab', user: 'lab-admin' } }],
      users: [{ name: 'me' }, { name: 'lab-admin', user: { 'client-key-data': 'a2V5' } }],
      'current-context': 'work',
    })
    expect(mergeKubeconfig(text, admin, 'lab')).toEqual({ text, context, changed: false })
  })

  it('brings renewed credentials in the place of the old ones', () => {
    const first = mergeKubeconfig(mine, admin, 'lab')
    const renewed = mergeKubeconfig(first.text, adminOf('https://10.0.0.5:6443', 'bmV3'), 'lab')
    expect(renewed.changed).toBe(true)
    expect(renewed.text).toBe(first.text.replace('a2V5', 'bmV3'))
  })

  it('keeps comments, unknown fields, quotes and the order of keys', () => {
    const { text } = mergeKubeconfig(mine, admin, 'lab')
    expect(text).toBe(`# my clusters
apiVersion: v1
preferences: {}
kind: Config
current-context: work
users:
# from the help desk
- name: me
  user:
    token: "0123" # until June
- name: lab-admin
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
contexts:
- name: work
  context: { cluster: work, user: me, namespace: team }
- context:
    cluster: lab
    user: lab-admin
  name: lab
clusters:
- name: work
  cluster:
    server: https://work
    x-site: east
- cluster:
    server: https://10.0.0.5:6443
    certificate-authority-data: Y2E=
  name: lab
extensions:
- name: tool
  extension: true
`)
  })

  it('numbers a name that belongs to another cluster', () => {
    const other = adminOf('https://10.9.9.9:6443').replace('Y2E=', 'b3RoZXI=')
    const both = mergeKubeconfig(mergeKubeconfig(mine, admin, 'lab').text, other, 'lab')
    expect(both.context).toBe('lab-2')
    expect(mergeKubeconfig(both.text, other, 'lab')).toMatchObject({
      context: 'lab-2',
      changed: false,
    })
  })

  it('leaves a context of that name to the cluster that it leads to', () => {
    const taken = mine.replace('name: work\n    context', 'name: lab\n    context')
    expect(mergeKubeconfig(taken, admin, 'lab').context).toBe('lab-2')
  })

  it('keeps the namespace that somebody chose', () => {
    const { text } = mergeKubeconfig(mine, admin, 'lab')
    const chosen = text.replace('user: lab-admin\n', 'user: lab-admin\n    namespace: team\n')
    expect(chosen).not.toBe(text)
    expect(mergeKubeconfig(chosen, admin, 'lab')).toMatchObject({ text: chosen, changed: false })
  })

  it.each(['', 'clusters: []\ncontexts: []\nusers: []\n', 'clusters: null\n'])(
    'makes the file where it is empty: %j',
    (empty) => {
      const { text, changed } = mergeKubeconfig(empty, admin, 'lab')
      expect(changed).toBe(true)
      expect(text).not.toMatch(/[{[]/)
      expect(loadYaml(text)).toMatchObject({ kind: 'Config', 'current-context': 'lab' })
    },
  )

  it('leaves entries alone that have no name', () => {
    const odd = `${mine.replace('users:', 'users:\n  - user: {}')}`
    expect(loadYaml(mergeKubeconfig(odd, admin, 'lab').text)).toMatchObject({
      users: [{ user: {} }, { name: 'me' }, { name: 'lab-admin' }],
    })
  })

  it('refuses what is no YAML', () => {
    expect(() => mergeKubeconfig('a: [', admin, 'lab')).toThrow(
      expect.objectContaining({ code: 'ERR_YAML_INVALID' }),
    )
  })
})
