import type { JsonObject } from '../cluster/cluster.js'

/** What kpki wants of containerd's configuration, by version of its file format. */
interface Place {
  readonly table: string
  readonly key: string
  readonly value: string
}

const certsDir = '/etc/containerd/certs.d'

// Version 2 is containerd 1.x; 2.x writes version 3 and still reads 2.
const places = (version: number, pause: string, mirrors: boolean): readonly Place[] => {
  const cri = 'io.containerd.grpc.v1.cri'
  const [runtime, images] = ['io.containerd.cri.v1.runtime', 'io.containerd.cri.v1.images']
  const old = version < 3
  const runc = ['containerd', 'runtimes', 'runc', 'options']
  return [
    {
      table: ['plugins', old ? cri : runtime, ...runc].join('\0'),
      key: 'SystemdCgroup',
      value: 'true',
    },
    old
      ? { table: ['plugins', cri].join('\0'), key: 'sandbox_image', value: JSON.stringify(pause) }
      : {
          table: ['plugins', images, 'pinned_images'].join('\0'),
          key: 'sandbox',
          value: JSON.stringify(pause),
        },
    ...(mirrors
      ? [
          {
            table: ['plugins', old ? cri : images, 'registry'].join('\0'),
            key: 'config_path',
            value: JSON.stringify(certsDir),
          },
        ]
      : []),
  ]
}

/**
 * Adapts containerd's configuration, as `containerd config default` prints it or as it lies on the host:
 * systemd cgroups, the release's pause image, mirrors from certs.d. Everything else stays as it is.
 */
export function adaptContainerd(base: string, values: JsonObject): string {
  const version = Number(/^\s*version\s*=\s*(\d+)/m.exec(base)?.[1] ?? '0')
  if (version < 2) throw new Error(`containerd's configuration has version ${version}, not 2 or 3`)
  const wanted = places(version, String(values.pause), values.mirrors === true)
  let lines = base.split('\n')
  for (const place of wanted) lines = set(lines, place)
  return lines.join('\n').replace(/^(\s*disabled_plugins\s*=\s*\[)([^\]]*)\]/m, enableCri)
}

const enableCri = (_all: string, start: string, list: string) =>
  `${start}${list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !/^["'](?:io\.containerd\.grpc\.v1\.)?cri["']$/.test(item))
    .join(', ')}]`

function set(lines: readonly string[], place: Place): string[] {
  const header = lines.findIndex((line) => tableName(line) === place.table)
  if (header < 0) return [...lines, tableHeader(place.table), `  ${place.key} = ${place.value}`, '']
  const next = lines.findIndex((line, at) => at > header && tableName(line) !== undefined)
  const end = next < 0 ? lines.length : next
  const key = new RegExp(`^(\\s*)${place.key}\\s*=\\s*`)
  const at = lines.findIndex((line, index) => index > header && index < end && key.test(line))
  if (at < 0) {
    const indent = /^\s*/.exec(lines[header] ?? '')?.[0] ?? ''
    return lines.toSpliced(header + 1, 0, `${indent}  ${place.key} = ${place.value}`)
  }
  const [prefix = ''] = key.exec(lines[at] ?? '') ?? []
  const same = (lines[at] ?? '').slice(prefix.length).trim().replaceAll("'", '"') === place.value
  return same ? [...lines] : lines.with(at, `${prefix}${place.value}`)
}

/** `[a."b.c".d]` as its parts joined by NUL; undefined for other lines. */
function tableName(line: string): string | undefined {
  const inner = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1]
  if (inner === undefined) return undefined
  const parts = inner.matchAll(/\s*(?:"([^"]*)"|'([^']*)'|([^.\s]+))\s*(?:\.|$)/g)
  return [...parts].map(([, double, single, bare]) => double ?? single ?? bare).join('\0')
}

const tableHeader = (table: string) =>
  `[${table
    .split('\0')
    .map((part) => (/^[\w-]+$/.test(part) ? part : `"${part}"`))
    .join('.')}]`
