import { describe, expect, test } from 'vitest'
import { imagesOf } from '../../src/manifests/images.js'
import { RELEASES } from '../../src/releases/table.js'
import { initialFiles, kpkiCluster } from './cluster.js'

// What each minor changes in the files of a control plane: fixtures/golden/releases/<minor>.diff.

function linesOf(minor: string): readonly string[] {
  const cluster = kpkiCluster(minor)
  const images = imagesOf(cluster).map(({ image }) => image)
  const files = [...initialFiles(cluster), ['images', images.join('\n')] as const]
  const version = cluster.release.version.text
  return files.flatMap(([path, text]) =>
    text
      .replaceAll(version, 'VERSION')
      .split('\n')
      .map((line) => `${path}\t${line}`),
  )
}

// The longest common subsequence decides what stays.
function changes(before: readonly string[], after: readonly string[]): readonly string[] {
  const width = after.length + 1
  const length = new Uint32Array((before.length + 1) * width)
  const at = (i: number, j: number) => length[i * width + j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const same = before[i] === after[j]
      length[i * width + j] = same ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) [i, j] = [i + 1, j + 1]
    else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`-${before[i++]}`)
    } else lines.push(`+${after[j++]}`)
  }
  return lines
}

function readable(lines: readonly string[]): string {
  let path = ''
  const text = lines.flatMap((line) => {
    const [file = '', content = ''] = line.slice(1).split('\t')
    const head = file === path ? [] : [file]
    path = file
    return [...head, `${line[0]} ${content}`.trimEnd()]
  })
  return `${text.join('\n')}\n`
}

describe('changes of a minor', () => {
  const pairs = RELEASES.slice(1).map((row, at) => [row.minor, RELEASES[at]?.minor ?? ''] as const)
  test.each(pairs)('%s after %s', async (minor, before) => {
    const text = readable(changes(linesOf(before), linesOf(minor)))
    const golden = new URL(`../../fixtures/golden/releases/${minor}.diff`, import.meta.url)
    await expect(text).toMatchFileSnapshot(golden.pathname)
  })
})
