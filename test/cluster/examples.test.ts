import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BASE_CASE, clusterFileText } from '../../src/cluster/init.js'
import { parseCluster } from '../../src/generate/source.js'
import { mistakes, readText, root } from './support.js'

describe('examples', () => {
  it.each(readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml')))(
    '%s is right',
    (name) => {
      const text = readText(`examples/${name}`)
      expect(mistakes(text)).toEqual([])
      expect(parseCluster(text).cluster.nodes.length).toBeGreaterThan(0)
    },
  )

  it('hold what kpki init --yes writes', () => {
    expect(readText('examples/aws-three-nodes.yaml')).toBe(
      clusterFileText({ ...BASE_CASE, schema: '../schema/cluster.schema.json' }),
    )
  })
})

describe('clusterFileText', () => {
  it('quotes what YAML would read otherwise', () => {
    const text = clusterFileText({
      ...BASE_CASE,
      name: 'on',
      kubernetesVersion: '1.30',
      controlPlaneEndpoint: 'k8s.example.com:6443',
      podSubnet: '10.0.0.0/9,fd00::/56',
      serviceSubnet: '10.128.0.0/16,fd01::/112',
      nodes: [{ name: '1e3', role: 'control-plane', address: '172.31.10.5' }],
    })
    const { cluster } = parseCluster(text)
    expect(cluster.name).toBe('on')
    expect(cluster.release.version.text).toBe('v1.30.14')
    expect(cluster.nodes[0]?.name).toBe('1e3')
    expect(cluster.networking.podSubnets).toEqual(['10.0.0.0/9', 'fd00::/56'])
  })

  it('leaves out what was not answered', () => {
    const { cilium: _, sshUser: __, ...rest } = BASE_CASE
    const { cluster } = parseCluster(clusterFileText(rest))
    expect(cluster.provision.cni).toEqual({ type: 'none' })
    expect(cluster.nodes[0]?.ssh).toEqual({ hostKeys: [] })
  })
})
