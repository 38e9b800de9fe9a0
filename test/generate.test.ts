import { describe, expect, it } from 'vitest'
import { generate } from '../src/generate.js'
import { cluster } from './manifests/cluster.js'

describe('generate', () => {
  it('smoke', async () => {
    const base = cluster('v1.28.7')
    const made = await generate({ ...base, pki: { ...base.pki, keyAlgorithm: 'ECDSA-P256', kubeletServing: 'signed' } })
    console.log(made.changes.map((c) => `${c.action} ${c.path}`).join('\n'))
    expect(made.nodes.size).toBe(1)
  })
})
