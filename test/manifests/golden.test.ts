import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseCluster } from '../../src/generate/source.js'
import { initialFiles } from './cluster.js'

// Each folder holds kubeadm's input and what a real kubeadm of that release made of it.
const CASES = new URL('../../fixtures/golden/kubeadm/', import.meta.url)
const INPUT = ['kubeadm.yaml', 'patches']

describe.each(readdirSync(CASES))('%s', (name) => {
  const folder = new URL(`${name}/`, CASES)
  const read = (path: string) => readFileSync(new URL(path, folder), 'utf8')
  const patchFiles = existsSync(new URL('patches', folder))
    ? readdirSync(new URL('patches/', folder))
    : []
  const patches = patchFiles.map((file) => ({ name: file, text: read(`patches/${file}`) }))
  const ours = initialFiles(parseCluster(read('kubeadm.yaml'), { patches }).cluster)
  const expected = readdirSync(folder).filter((file) => !INPUT.includes(file))

  test.each(expected)('%s', (file) => {
    const path = [...ours.keys()].find((candidate) => candidate.endsWith(`/${file}`))
    expect(ours.get(path ?? '')).toBe(read(file))
  })
})
