import { RELEASES } from '../../releases.js'

/** What to write instead of a version that kpki doesn't know. */
export function versionAdvice(text: string): string {
  const [first, last] = [RELEASES[0], RELEASES.at(-1)]
  const range = `${first?.minor} to ${last?.minor}`
  if (/^(?:ci\/)?(?:stable|latest|k8s-)/.test(text)) {
    return `kpki never asks the internet: write the version itself, from ${range}`
  }
  return `write one from ${range}, for example v1.28.7`
}
