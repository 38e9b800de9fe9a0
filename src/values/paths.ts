/**
 * A path without `.`, `..` and repeated or trailing slashes, from the root of its tree:
 * `/etc//kubernetes/pki/../ca.crt` → `etc/kubernetes/ca.crt`. Undefined when it climbs above the root.
 */
export function pathInTree(path: string): string | undefined {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

/** An absolute path cleaned as Go's `filepath.Clean` does it: what climbs above the root stays there. */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** Where an absolute path of a node lies in the node's tree: the cleaned path, relative to its root. */
export function treePath(absolute: string): string {
  return cleanPath(absolute).slice(1)
}

/** A path of a node's tree as the node itself, its flags and its configuration name it. */
export function onNode(path: string): string {
  return `/${path}`
}

/** The directory of an absolute path. */
export function directoryOf(path: string): string {
  return cleanPath(path.slice(0, path.lastIndexOf('/') + 1))
}
