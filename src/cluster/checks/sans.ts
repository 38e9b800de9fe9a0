import { isIp } from '../../values/addresses.js'
import { isDns1123Subdomain, isWildcardName } from '../../values/names.js'
import { caution, type Given, mistake, type SpecFinding } from '../resolve/settings.js'

/** Names of serving certificates: IP addresses, RFC 1123 names and wildcards, in lower case. */
export function* checkSans(
  sans: readonly Given<string>[],
  options: { readonly lowers?: boolean } = {},
): Generator<SpecFinding> {
  for (const { value, path } of sans) {
    const lower = value.toLowerCase()
    if (!isSan(lower)) {
      yield mistake(
        path,
        `"${value}" is neither an IP address nor a DNS name`,
        'write an address, a name such as api.example.com, or a wildcard such as *.example.com',
      )
    } else if (lower !== value && !isIp(value)) {
      // kubeadm lowers the API server's names but refuses capitals in etcd's.
      if (options.lowers === false) {
        yield mistake(path, `"${value}" has capital letters`, `write "${lower}"`)
      } else {
        yield caution(path, `"${value}" is taken as "${lower}"`, `write "${lower}"`)
      }
    }
  }
}

function isSan(text: string): boolean {
  return isIp(text) || isDns1123Subdomain(text) || isWildcardName(text)
}
