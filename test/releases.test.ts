import { describe, expect, test } from 'vitest'
import { isKpkiError } from '../src/errors.js'
import type { ReleaseRow } from '../src/releases/features.js'
import { findVersion, gateEnabled, parseVersion, releaseOf } from '../src/releases/releases.js'
import { RELEASES } from '../src/releases/table.js'

const release = (text: string) => releaseOf(parseVersion(text))

describe('versions', () => {
  test.each([
    ['v1.28.7', 'v1.28.7', 7],
    ['1.28.7', 'v1.28.7', 7],
    [' 1.28 ', 'v1.28.15', 15],
    ['1.30', 'v1.30.14', 14],
    ['v1.35.0-alpha.0', 'v1.35.0-alpha.0', 0],
    ['v1.31.4+vendor.1', 'v1.31.4+vendor.1', 4],
    ['v1.28.99', 'v1.28.99', 99],
  ])('%s', (text, expected, patch) => {
    expect(parseVersion(text)).toMatchObject({ text: expected, patch })
  })

  test.each(['', 'v1', '1.3', '1.27.0', '1.38.0', '2.28.1', '1.28.07', '1.28.x', 'stable-1'])(
    '%s is not one',
    (text) => {
      expect(findVersion(text)).toBeUndefined()
      expect(() => parseVersion(text)).toThrow(
        expect.objectContaining({ code: 'ERR_SPEC_INVALID' }),
      )
    },
  )

  test('the error names what would do', () => {
    const issue = issueOf(() => parseVersion('1.99'))
    expect(issue?.message).toBe('"1.99" is not a Kubernetes version that kpki knows')
    expect(issue?.fix).toBe('write one from 1.28 to 1.37, for example v1.28.7')
  })
})

function issueOf(run: () => unknown) {
  try {
    run()
  } catch (error) {
    if (isKpkiError(error) && error.code === 'ERR_SPEC_INVALID') return error.details.issues[0]
  }
  return undefined
}

describe('images by patch', () => {
  test.each([
    ['1.28.0', '3.5.9-0', 'v1.10.1', '3.9'],
    ['1.28.7', '3.5.10-0', 'v1.10.1', '3.9'],
    ['1.28.8', '3.5.12-0', 'v1.10.1', '3.9'],
    ['1.28.15', '3.5.15-0', 'v1.10.1', '3.9'],
    ['1.29.0', '3.5.10-0', 'v1.11.1', '3.9'],
    ['1.29.11', '3.5.16-0', 'v1.11.1', '3.9'],
    ['1.30.4', '3.5.12-0', 'v1.11.1', '3.9'],
    ['1.30.5', '3.5.15-0', 'v1.11.3', '3.9'],
    ['1.31.0', '3.5.15-0', 'v1.11.1', '3.10'],
    ['1.31.14', '3.5.24-0', 'v1.11.3', '3.10'],
    ['1.32.9', '3.5.16-0', 'v1.11.3', '3.10'],
    ['1.32.10', '3.5.24-0', 'v1.11.3', '3.10'],
    ['1.33.5', '3.5.21-0', 'v1.12.0', '3.10'],
    ['1.33.6', '3.5.24-0', 'v1.12.0', '3.10'],
    ['1.34.1', '3.6.4-0', 'v1.12.1', '3.10.1'],
    ['1.34.2', '3.6.5-0', 'v1.12.1', '3.10.1'],
    ['1.35.9', '3.6.6-0', 'v1.13.1', '3.10.1'],
    ['1.36.5', '3.6.8-0', 'v1.14.2', '3.10.2'],
    ['1.37.1', '3.7.0-0', 'v1.14.6', '3.10.2'],
  ])('%s', (version, etcd, coredns, pause) => {
    expect(release(version).images).toEqual({ etcd, coredns, pause })
  })
})

describe('organization of apiserver-kubelet-client, and the bindings that certificates rely on', () => {
  const admins = 'kubeadm:cluster-admins'
  const kubelets = 'kubeadm:apiserver-kubelet-client'
  test.each([
    ['1.28.15', 'system:masters', []],
    ['1.29.0', admins, [admins]],
    ['1.33.11', admins, [admins]],
    ['1.33.12', undefined, [admins, kubelets]],
    ['1.34.7', admins, [admins]],
    ['1.34.8', undefined, [admins, kubelets]],
    ['1.35.4', admins, [admins]],
    ['1.35.5', undefined, [admins, kubelets]],
    ['1.36.0', admins, [admins]],
    ['1.36.1', undefined, [admins, kubelets]],
    ['1.37.0', undefined, [admins, kubelets]],
  ])('%s', (version, group, bindings) => {
    expect(release(version).kubeletClientGroup).toBe(group)
    expect(release(version).bindings).toEqual(bindings)
  })
})

describe('feature gates', () => {
  const gates = (minor: string) => Object.keys(release(minor).featureGates).sort()

  test('accepted in each release', () => {
    expect(gates('1.28')).toContain('UpgradeAddonsBeforeControlPlane')
    expect(gates('1.31')).not.toContain('UpgradeAddonsBeforeControlPlane')
    expect(gates('1.34')).toContain('RootlessControlPlane')
    expect(gates('1.35')).not.toContain('RootlessControlPlane')
    expect(gates('1.36')).toEqual(['NodeLocalCRISocket', 'PublicKeysECDSA'])
    expect(gates('1.37')).toEqual([])
  })

  test.each([
    ['1.31', {}, false],
    ['1.32', {}, false],
    ['1.32', { NodeLocalCRISocket: true }, true],
    ['1.34', {}, true],
    ['1.34', { NodeLocalCRISocket: false }, false],
    ['1.36', { NodeLocalCRISocket: false }, true],
    ['1.37', {}, true],
  ] as const)('NodeLocalCRISocket in %s with %o: %s', (minor, set, expected) => {
    const { nodeLocalCriSocket } = release(minor)
    expect(gateEnabled(release(minor), set, 'NodeLocalCRISocket', nodeLocalCriSocket)).toBe(
      expected,
    )
  })
})

test('minors follow one another, ranges ascend from patch 0', () => {
  const minors = RELEASES.map((row) => Number(row.minor.slice(2)))
  expect(minors).toEqual(minors.map((_, index) => 28 + index))
  for (const row of RELEASES) expect(unordered(row), row.minor).toEqual([])
})

function unordered(row: ReleaseRow): readonly string[] {
  const ranges = [row.etcdImage, row.corednsImage, row.kubeletClientGroup, row.v1beta3Timeout]
  return ranges
    .map((range) => range.map(([from]) => from))
    .filter(
      (from) => from[0] !== 0 || from.some((patch, at) => at > 0 && patch <= (from[at - 1] ?? 0)),
    )
    .map((from) => `${row.minor}: ${from}`)
}
