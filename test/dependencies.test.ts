import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Locked {
  readonly version: string
  readonly license?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly peer?: boolean
  readonly optional?: boolean
  readonly hasInstallScript?: boolean
}

/** Licences that ask for no more than to be named. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0']
/** What npm runs at those who install a package. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const own = json('package.json')
const locked = Object.entries<Locked>(json('package-lock.json').packages).filter(
  ([path, { dev, devOptional, peer, optional }]) =>
    path !== '' && !(dev || devOptional || peer || optional),
)
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 13)

describe('what users install', () => {
  it('is all there', () => {
    expect(locked.map(([path]) => nameOf(path))).toEqual(
      expect.arrayContaining(Object.keys(own.dependencies)),
    )
  })

  it.each(locked)('%s has a permissive licence', (path, { license }) => {
    expect(PERMISSIVE).toContain(license)
    expect(json(`${path}/package.json`).license).toBe(license)
  })

  it.each(locked)('%s runs nothing when it is installed', (path, { hasInstallScript }) => {
    const { scripts = {} } = json(`${path}/package.json`)
    expect(hasInstallScript ?? false).toBe(false)
    expect(INSTALL_SCRIPTS.filter((name) => Object.hasOwn(scripts, name))).toEqual([])
  })

  it('kpki itself runs nothing when it is installed', () => {
    expect(INSTALL_SCRIPTS.filter((name) => Object.hasOwn(own.scripts, name))).toEqual([])
  })

  it('has a reason in docs/dependencies.md, each one', () => {
    const rows = readFileSync('docs/dependencies.md', 'utf8').matchAll(
      /^\| `([^`]+)` \| (.{20,}) \|$/gm,
    )
    expect([...rows].map(([, name]) => name)).toEqual(Object.keys(own.dependencies))
  })

  it('is what the bill of materials lists, with versions, licences and hashes', () => {
    execFileSync(process.execPath, ['scripts/sbom.mjs'])
    const { bomFormat, components, metadata } = json('dist/sbom.cdx.json')
    expect([bomFormat, metadata.component.name]).toEqual(['CycloneDX', own.name])
    const listed = components.map(
      (one: { readonly [key: string]: unknown }) => `${one.name} ${one.version}`,
    )
    expect(listed.sort()).toEqual(
      locked.map(([path, { version }]) => `${nameOf(path)} ${version}`).sort(),
    )
    for (const { hashes, licenses } of components) {
      expect(hashes).toHaveLength(1)
      expect(licenses).toHaveLength(1)
    }
  })
})
