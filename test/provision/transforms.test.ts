import { describe, expect, it } from 'vitest'
import { mergeKubeconfig } from '../../src/kubeconfig/merge.js'
import {
  adaptContainerd,
  hasSwapLine,
  TRANSFORMS,
  verifiedKey,
  withBlock,
} from '../../src/provision/host/transforms.js'
import { admin } from './cluster.js'
import { digest } from './sandbox.js'

describe('/etc/hosts', () => {
  it('gets one block, replaced in place', () => {
    const once = withBlock('127.0.0.1 localhost', 'lab', '10.0.0.1 a\n')
    expect(once).toBe('127.0.0.1 localhost\n# BEGIN kpki lab\n10.0.0.1 a\n# END kpki lab\n')
    const twice = withBlock(`${once}10.9.9.9 mine\n`, 'lab', '10.0.0.2 a\n')
    expect(twice).toBe(
      '127.0.0.1 localhost\n# BEGIN kpki lab\n10.0.0.2 a\n# END kpki lab\n10.9.9.9 mine\n',
    )
    expect(withBlock(twice, 'lab', '10.0.0.2 a\n')).toBe(twice)
  })
})

describe('/etc/fstab', () => {
  it('loses its swap lines to comments, once', () => {
    const fstab =
      '/dev/vda1 / ext4 defaults 0 1\n/swap.img none swap sw 0 0\nUUID=1-2\tswap\tswap\tdefaults 0 0\n# /old none swap sw 0 0\n'
    const done = TRANSFORMS['no-swap'](fstab)
    expect(done).toBe(
      '/dev/vda1 / ext4 defaults 0 1\n# disabled by kpki: /swap.img none swap sw 0 0\n# disabled by kpki: UUID=1-2\tswap\tswap\tdefaults 0 0\n# /old none swap sw 0 0\n',
    )
    expect([hasSwapLine(fstab), hasSwapLine(done)]).toEqual([true, false])
  })
})

const two = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "other"]
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6"
    [plugins."io.containerd.grpc.v1.cri".containerd]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            BinaryName = ""
            SystemdCgroup = false
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.other.options]
            SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = ""
`
const three = `version = 3
disabled_plugins = []
[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'
    [plugins.'io.containerd.cri.v1.images'.registry]
      config_path = ''
  [plugins.'io.containerd.cri.v1.runtime']
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = ''
`

describe("containerd's configuration", () => {
  const values = { pause: 'registry.k8s.io/pause:3.9', mirrors: true }
  it('version 2: systemd cgroups of runc alone, pause image, mirrors, CRI on', () => {
    const done = adaptContainerd(two, values)
    expect(done).toContain('sandbox_image = "registry.k8s.io/pause:3.9"')
    expect(done.match(/SystemdCgroup = (true|false)/g)).toEqual([
      'SystemdCgroup = true',
      'SystemdCgroup = false',
    ])
    expect(done).toContain('config_path = "/etc/containerd/certs.d"')
    expect(done).toContain('disabled_plugins = ["other"]')
    expect(adaptContainerd(done, values)).toBe(done)
  })
  it('version 3: the tables of containerd 2.x, a missing key is added', () => {
    const done = adaptContainerd(three, values)
    expect(done).toContain('sandbox = "registry.k8s.io/pause:3.9"')
    expect(done).toMatch(/runc\.options\]\n\s+SystemdCgroup = true/)
    expect(adaptContainerd(done, values)).toBe(done)
  })
  it('refuses version 1', () => {
    expect(() => adaptContainerd('disabled_plugins = ["cri"]', values)).toThrow(/version 0/)
  })
})

// A version 4 RSA key of a throw-away identity: only its fingerprint matters.
const body = new Uint8Array([4, 0x65, 0, 0, 0, 1, 0, 8, 0xff, 0, 2, 3])
const packet = new Uint8Array([0x99, 0, body.length, ...body])
const armour = (bytes: Uint8Array) =>
  `-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: test\n\n${Buffer.from(bytes).toString('base64')}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n`

describe('a signing key', () => {
  const print = digest('sha1', new Uint8Array([0x99, 0, body.length, ...body])).toUpperCase()
  it('is accepted by its fingerprint alone', () => {
    const key = armour(packet)
    expect(verifiedKey(key, print.replace(/(.{4})/g, '$1 ').toLowerCase(), digest)).toBe(key)
    expect(() => verifiedKey(key, 'AB'.repeat(20), digest)).toThrow(
      new RegExp(`is ${print}, not AB`),
    )
    expect(() => verifiedKey('<html>404</html>', print, digest)).toThrow(/no key/)
  })
  it('is refused when it brings a second one along', () => {
    const other = Uint8Array.from(packet)
    other[8] = 2
    expect(() => verifiedKey(armour(packet) + armour(other), print, digest)).toThrow(/,/)
  })
})

describe('a kubeconfig', () => {
  it('is merged under the name of the cluster, and only once', () => {
    const mine =
      'apiVersion: v1\nkind: Config\nclusters: [{ name: work, cluster: { server: "https://work" } }]\ncurrent-context: work\n'
    const merged = mergeKubeconfig(mine, admin, 'lab')
    expect(merged).toMatchObject({ context: 'lab', changed: true })
    expect(merged.text).toContain('current-context: work')
    expect(merged.text).toContain('https://work')
    expect(mergeKubeconfig(merged.text, admin, 'lab')).toMatchObject({
      changed: false,
      text: merged.text,
    })
  })
  it('does not take the name of another cluster', () => {
    const first = mergeKubeconfig(undefined, admin, 'lab')
    expect(first.text).toContain('current-context: lab')
    const other = admin.replace('172.31.10.5', '10.0.0.9').replace('Y2E=', 'b3RoZXI=')
    expect(mergeKubeconfig(first.text, other, 'lab').context).toBe('lab-2')
  })
})
