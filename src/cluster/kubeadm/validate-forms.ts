import { caution, type Finding, mistake } from '../settings.js'

/** An absolute path; `clean`: kpki itself puts files there. */
export function* absolute(
  path: string,
  place: string,
  options: { readonly clean?: boolean } = {},
): Generator<Finding> {
  const steps = path.split('/')
  if (!path.startsWith('/')) {
    yield mistake(place, `"${path}" is not an absolute path`, `write /${path}`)
  } else if (steps.includes('..') || steps.includes('.') || path.includes('\0')) {
    const found = options.clean ? mistake : caution
    yield found(place, `"${path}" leaves its folder`, 'write a path without . and ..')
  }
}

// The reference grammar of the OCI distribution project: [domain/]path, lower case.
const REPOSITORY =
  /^(?:[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*|(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?))*(?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*|\[[0-9a-fA-F:]+\](?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)$/

export function* repository(text: string, place: string): Generator<Finding> {
  if (REPOSITORY.test(text)) return
  yield mistake(
    place,
    `"${text}" is not an image repository`,
    'write for example registry.example.com/k8s',
  )
}
