import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseCluster } from '../../src/generate/source.js'
import { imagesOf } from '../../src/manifests/images.js'
import { initialFiles } from './cluster.js'

// Output of real kubeadm binaries on a host without CA directories and with another host name.
const FIXTURES = new URL('../../fixtures/kubeadm/', import.meta.url)
const FOLDERS = { manifests: 'etc/kubernetes/manifests', kubelet: 'var/lib/kubelet' }

const references = readdirSync(FIXTURES).flatMap((version) =>
  readdirSync(new URL(`${version}/`, FIXTURES)).map((name) => [version, name] as const),
)

describe.each(references)('kubeadm %s, %s', (version, name) => {
  const folder = new URL(`${version}/${name}/`, FIXTURES)
  const { cluster } = parseCluster(readFileSync(new URL('kubeadm.yaml', folder), 'utf8'))
  const ours = initialFiles(cluster)

  for (const [part, path] of Object.entries(FOLDERS)) {
    test.each(readdirSync(new URL(`${part}/`, folder)))(`${part}/%s`, (file) => {
      expect(ours.get(`${path}/${file}`)).toBe(
        readFileSync(new URL(`${part}/${file}`, folder), 'utf8'),
      )
    })
  }

  test('no file more', () => {
    const real = Object.entries(FOLDERS).flatMap(([part, path]) =>
      readdirSync(new URL(`${part}/`, folder)).map((file) => `${path}/${file}`),
    )
    const paths = [...ours.keys()].filter((path) => !path.endsWith('.yaml') || real.includes(path))
    expect(paths.sort()).toEqual(real.sort())
  })

  const images = new URL('images.txt', folder)
  test.skipIf(!existsSync(images))('images', () => {
    const list = imagesOf(cluster).map(({ image }) => `${image}\n`)
    expect(list.join('')).toBe(readFileSync(images, 'utf8'))
  })
})
