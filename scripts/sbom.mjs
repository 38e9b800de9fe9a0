// A CycloneDX bill of materials of what users install, from the lock file: dist/sbom.cdx.json, inside the package.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const json = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const { name, version } = json('package.json')
const { packages } = json('package-lock.json')

// `--omit dev` loses dependencies of ours that tools of ours have as peers (yaml, picocolors).
const { status, stdout, stderr } = spawnSync(
  'npm',
  ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
  { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26, shell: process.platform === 'win32' },
)
if (status !== 0) throw new Error(`npm sbom: ${stderr}`)

const { serialNumber: _, metadata, components, dependencies, ...head } = JSON.parse(stdout)
const installed = new Set(
  Object.entries(packages)
    .filter(
      ([path, one]) => path !== '' && !(one.dev || one.devOptional || one.peer || one.optional),
    )
    .map(([path, one]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${one.version}`),
)
const kept = components.filter((one) => installed.has(one['bom-ref']))
const refs = new Set([`${name}@${version}`, ...installed])
const { timestamp: __, component, ...metadataRest } = metadata
const sbom = {
  ...head,
  // Neither a time nor a random number: the same sources give the same file.
  metadata: { ...metadataRest, component: { ...component, name } },
  components: kept,
  dependencies: dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
}
mkdirSync(join(root, 'dist'), { recursive: true })
writeFileSync(join(root, 'dist/sbom.cdx.json'), `${JSON.stringify(sbom, undefined, 2)}\n`)
console.log(`sbom: ${kept.length} packages`)
