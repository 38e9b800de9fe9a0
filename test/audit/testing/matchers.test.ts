import assert from 'node:assert/strict'
import { beforeAll, describe, expect, it } from 'vitest'
import '../../../src/audit/testing/vitest.js'
import { expectHealthyPki } from '../../../src/audit/testing/assert.js'
import type { FileTree } from '../../../src/files/tree.js'
import { type Generated, generate } from '../../../src/generate/generate.js'
import { envAt, later, small } from '../../certs/clusters.js'
import { outTree } from '../../cli/audit-support.js'

const at = later(10)

/** The message that a failing assertion throws. */
async function messageOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  throw new Error('it did not fail')
}

describe('in tests', () => {
  let healthy: Generated
  let single: Generated
  let tree: FileTree

  beforeAll(async () => {
    healthy = await generate(small(), { env: envAt() })
    single = await generate(small({ topology: 'single' }), { env: envAt() })
    tree = outTree(healthy)
  })

  it('works on what generate returned, on its parts, and on a tree', async () => {
    await expect(healthy).toBeHealthyPki({ at })
    await expect({ nodes: healthy.nodes }).toBeHealthyPki({ at })
    await expect(tree).toBeHealthyPki({ at })
    await expect(healthy.nodes).toBeHealthyPki({ at })
    await expectHealthyPki(tree, { at })
  })

  it.each([
    ['nothing', new Map()],
    ['a node without anything', new Map([['cp1', new Map()]])],
    ['parts without nodes', { nodes: new Map() }],
  ])('never passes what it has not seen: %s', async (_, pki) => {
    for (const work of [
      () => expect(pki).toBeHealthyPki({ at }),
      () => expect(pki).not.toBeHealthyPki({ at }),
      () => expectHealthyPki(pki, { at }),
    ])
      expect(await messageOf(work)).toContain('no Kubernetes PKI found in what was given')
  })

  it.each([
    ['a list', []],
    ['text', 'etc/kubernetes'],
    [
      'a mixture',
      new Map<string, unknown>([
        ['cp1', new Map()],
        ['etc', 'file'],
      ]),
    ],
  ])('refuses what is no tree: %s', async (_, pki) => {
    expect(await messageOf(() => expect(pki).toBeHealthyPki({ at }))).toContain('cannot be audited')
  })

  it('takes the present when no time is given', async () => {
    const now = await generate(small(), { env: envAt(new Date()) })
    await expect(now).toBeHealthyPki()
    await expectHealthyPki(now)
  })

  it('fails with a message that reads like the text report', async () => {
    const matcher = await messageOf(() => expect(single).toBeHealthyPki({ at }))
    const assertion = await messageOf(() => expectHealthyPki(single, { at }))
    for (const message of [matcher, assertion]) {
      expect(message).toMatch(/^(unhealthy PKI\n\n)?FAILED/)
      expect(message).toContain('etcd/cp1')
      expect(message).toContain('fix:')
    }
    await expect(single).not.toBeHealthyPki({ at })
  })

  it('judges connections, and says why', async () => {
    await expect(healthy).toAllowConnection('kube-apiserver/cp1', 'etcd/cp1', { at })
    await expect(healthy).not.toAllowConnection('kubelet/worker1', 'etcd/cp1', { at })
    const open = await messageOf(() =>
      expect(single).not.toAllowConnection('kubelet/worker1', 'etcd/cp1', { at }),
    )
    expect(open).toMatch(
      /kubelet\/worker1 → etcd\/cp1 https:\S+: is let in as user system:node:worker1/,
    )
    const refused = await messageOf(() =>
      expect(healthy).toAllowConnection('kubelet/worker1', 'etcd/cp1', { at }),
    )
    expect(refused).toMatch(/kubelet\/worker1 → etcd\/cp1 https:\S+: \S/)
  })

  it('never passes for a connection that does not exist', async () => {
    const message = 'there is no connection kubelet/typo>etcd/cp1'
    expect(
      await messageOf(() =>
        expect(healthy).not.toAllowConnection('kubelet/typo', 'etcd/cp1', { at }),
      ),
    ).toContain(message)
  })

  it('judges dates', async () => {
    await expect(healthy).toOutlive('2026-12-31', { at })
    await expect(healthy).not.toOutlive(new Date('2028-01-01'), { at })
    const message = await messageOf(() => expect(healthy).toOutlive('2028-01-01', { at }))
    expect(message).toMatch(/certificates end before 2028-01-01:\n.*: etc\S+ \(.*\) on 2027-03-01/)
    await assert.rejects(async () => expect(healthy).toOutlive('soon', { at }), /is not a date/)
  })

  it('counts warnings when asked', async () => {
    const soon = later(350)
    await expect(healthy).toBeHealthyPki({ at: soon })
    const strict = await messageOf(() => expectHealthyPki(single, { at: soon, failOn: 'warning' }))
    expect(strict).toContain('FAILED')
  })
})
