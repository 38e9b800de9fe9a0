import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clusterText, folderWith, run } from '../compare/support.js'

const OLD = `apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
nodeRegistration:
  name: cp1 # the first
  criSocket: unix:///run/containerd/containerd.sock
localAPIEndpoint:
  advertiseAddress: 10.0.0.1
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.28.7
apiServer:
  extraArgs:
    profiling: "false"
`

const folder = await folderWith({
  'kubeadm.yaml': OLD,
  'cluster.yaml': clusterText('v1.31.2'),
  'new.yaml': OLD.replaceAll('v1beta3', 'v1beta4')
    .replace('    profiling: "false"', '  - name: profiling\n    value: "false"')
    .replace('apiServer:', 'proxy:\n  disabled: true\napiServer:'),
})
const kpki = (line: string) => run(folder, ...line.split(' '))

describe('kpki convert', () => {
  test('v1beta3 to v1beta4, comments kept', async () => {
    const { out, err, exit } = await kpki('convert kubeadm.yaml --to v1beta4')
    expect([err, exit]).toEqual(['', 0])
    expect(out).toContain('apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration')
    expect(out).toContain('name: cp1 # the first')
    expect(out).toMatch(/- name: profiling\n\s+value: "false"/)
  })

  test('to cluster.yaml, and what comes of it is the same cluster', async () => {
    const file = await kpki('convert kubeadm.yaml --to cluster -o made.yaml')
    expect(file).toMatchObject({ out: '', exit: 0 })
    expect((await stat(join(folder, 'made.yaml'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, 'made.yaml'), 'utf8')).toContain('apiVersion: kpki/v1alpha1')
    const [a, b] = [
      await kpki('manifests -f kubeadm.yaml --host-os none --component kube-scheduler'),
      await kpki('manifests -f made.yaml --host-os none --component kube-scheduler'),
    ]
    expect(b.out).toBe(a.out)
  })

  test('never overwrites', async () => {
    const { err, exit } = await kpki('convert kubeadm.yaml --to v1beta4 -o cluster.yaml')
    expect(exit).toBe(2)
    expect(err).toMatch(/^kpki: error: .*cluster\.yaml exists already\nkpki: hint: /)
    expect(await readFile(join(folder, 'cluster.yaml'), 'utf8')).toBe(clusterText('v1.31.2'))
  })

  test('warns of what only kpki knows', async () => {
    const { err, exit } = await kpki('convert cluster.yaml --to v1beta4')
    expect(exit).toBe(0)
    expect(err).toContain('kpki: warning: spec.nodes: ')
  })

  test('refuses by name what the target cannot say', async () => {
    const { out, err, exit } = await kpki('convert new.yaml --to v1beta3')
    expect([out, exit]).toEqual(['', 2])
    expect(err).toContain('ClusterConfiguration.proxy')
  })

  test.each([
    ['convert kubeadm.yaml', "required option '--to <FORMAT>' not specified"],
    [
      'convert kubeadm.yaml --to v1',
      "argument 'v1' is invalid. Allowed choices are v1beta3, v1beta4, cluster.",
    ],
    ['convert nothing.yaml --to v1beta4', 'nothing.yaml does not exist'],
  ])('%s', async (line, message) => {
    const { out, err, exit } = await kpki(line)
    expect([out, exit]).toEqual(['', 2])
    expect(err).toContain(message)
  })
})
