import {
  bracketed,
  type Cidr,
  cidrOverlap,
  cidrSize,
  contains,
  familyOf,
  formatCidr,
  isIp,
  parseCidr,
  parseEndpoint,
} from '../../values/addresses.js'
import { isDns1123Subdomain, isWildcardName } from '../../values/names.js'
import { argumentsOf } from '../kubeadm/versions.js'
import {
  caution,
  type Given,
  mistake,
  mistakeOf,
  type Settings,
  type SpecFinding,
} from '../resolve/settings.js'

// kubeadm's limits: enough addresses for API and DNS, and what the API server can keep in etcd.
const MIN_SERVICE_ADDRESSES = 10n
const MAX_SERVICE_BITS = 20
const MAX_MASK_DIFFERENCE = 16
const PROPOSALS = {
  4: ['10.96.0.0/12', '10.128.0.0/16', '172.20.0.0/16', '10.254.0.0/16', '192.168.240.0/20'],
  6: ['fd00:10:96::/112', 'fd00:10:128::/112', 'fd12:3456:789a::/112'],
} as const

export function* checkNetworking(settings: Settings): Generator<SpecFinding> {
  const services = yield* subnets(settings, settings.serviceSubnet)
  const pods = settings.podSubnet ? yield* subnets(settings, settings.podSubnet) : []
  yield* serviceSizes(settings, services)
  yield* podMasks(settings, pods)
  yield* families(settings, services, pods)
  yield* overlaps(settings, services, pods)
  yield* nodeFamilies(settings, services)
  const { value, path } = settings.dnsDomain
  if (!isDns1123Subdomain(value)) {
    yield mistake(path, `"${value}" is not a DNS name`, 'write lower-case labels joined by dots')
  }
  yield* endpoint(settings)
}

interface Subnet {
  readonly cidr: Cidr
  readonly text: string
}

/** The ranges of a comma-separated list; the list as a whole must be one range, or one of each family. */
function* subnets(
  settings: Settings,
  { value, path }: Given<string>,
): Generator<SpecFinding, Subnet[]> {
  const ranges: Subnet[] = []
  for (const text of value.split(',')) {
    const cidr = parseCidr(text)
    if (!cidr) {
      yield mistake(path, `"${text}" is not a subnet`, 'write a CIDR, for example 10.128.0.0/16')
      continue
    }
    ranges.push({ cidr, text })
    if (cidr.hostBits) {
      yield caution(path, `${text} is taken as ${formatCidr(cidr)}`, `write ${formatCidr(cidr)}`)
    }
  }
  const [first, second] = ranges
  if (ranges.length > 2 || (second && first?.cidr.family === second.cidr.family)) {
    yield mistake(
      path,
      `${value} is neither one subnet nor one of each family`,
      'write one CIDR, or an IPv4 and an IPv6 CIDR joined by a comma',
    )
  }
  if (second && value.includes(' '))
    yield mistake(path, 'has a space', 'join the subnets by a comma')
  const siteLocal = parseCidr('fec0::/10')
  if (siteLocal && ranges.some(({ cidr }) => cidrOverlap(cidr, siteLocal))) {
    yield mistakeOf(settings, path, `${value} uses site-local addresses (RFC 3879)`, 'use fd00::/8')
  }
  return ranges
}

function* serviceSizes(settings: Settings, services: readonly Subnet[]): Generator<SpecFinding> {
  const { path } = settings.serviceSubnet
  for (const { cidr, text } of services) {
    const bits = cidr.family === 4 ? 32 : 128
    const widest = bits - MAX_SERVICE_BITS
    if (cidrSize(cidr) < MIN_SERVICE_ADDRESSES) {
      yield mistake(
        path,
        `${text} has ${cidrSize(cidr)} addresses, too few for the services of the API and of DNS`,
        `write a prefix of at most /${bits - 4}`,
      )
    } else if (cidr.prefix < widest) {
      yield mistake(
        path,
        `${text} is too large for services`,
        `write a prefix of at least /${widest}`,
      )
    }
  }
}

function* podMasks(settings: Settings, pods: readonly Subnet[]): Generator<SpecFinding> {
  const path = settings.podSubnet?.path ?? ''
  const flags = argumentsOf(settings.documents.cluster.value.controllerManager?.extraArgs)
  const flag = (name: string) => flags.findLast((argument) => argument.name === name)?.value
  if (flag('allocate-node-cidrs') === 'false') return
  for (const { cidr, text } of pods) {
    const name = `node-cidr-mask-size-ipv${cidr.family}`
    const mask = flag(name) || (cidr.family === 4 ? '24' : '64')
    const size = Number(mask)
    if (!/^\d+$/.test(mask)) {
      yield mistake(path, `the controller manager's ${name} is "${mask}"`, 'write a number')
    } else if (cidr.prefix > size) {
      yield mistake(
        path,
        `${text} is smaller than one node's part of it, /${size}`,
        `write a prefix of at most /${size}, or set ${name} of the controller manager`,
      )
    } else if (size - cidr.prefix > MAX_MASK_DIFFERENCE) {
      yield mistake(
        path,
        `${text} is too large to be cut into nodes' parts of /${size}`,
        `write a prefix of at least /${size - MAX_MASK_DIFFERENCE}, or set ${name}`,
      )
    }
  }
}

function* families(
  settings: Settings,
  services: readonly Subnet[],
  pods: readonly Subnet[],
): Generator<SpecFinding> {
  const { podSubnet, serviceSubnet } = settings
  if (!podSubnet || pods.length === 0 || services.length === 0) return
  const named = (ranges: readonly Subnet[]) => [
    ...new Set(ranges.map((r) => `IPv${r.cidr.family}`)),
  ]
  const [podFamilies, serviceFamilies] = [named(pods), named(services)]
  if (podFamilies.toSorted().join() === serviceFamilies.toSorted().join()) return
  yield mistakeOf(
    settings,
    podSubnet.path,
    `${podSubnet.value} names ${podFamilies.join(' and ')}, but services (${serviceSubnet.value}) have ${serviceFamilies.join(' and ')}`,
    'name the same families in both',
  )
}

function* overlaps(
  settings: Settings,
  services: readonly Subnet[],
  pods: readonly Subnet[],
): Generator<SpecFinding> {
  if (settings.allowOverlap.value) return
  const { podSubnet, serviceSubnet } = settings
  const allow = settings.source === 'kpki' ? ' or set networking.allowOverlap: true' : ''
  for (const service of services) {
    for (const pod of pods) {
      if (!cidrOverlap(service.cidr, pod.cidr)) continue
      const free = proposal(settings, service.cidr, pods)
      yield mistakeOf(
        settings,
        serviceSubnet.path,
        `services ${service.text} and pods ${pod.text} (${podSubnet?.path}) overlap`,
        `use another service subnet${free ? ` such as ${free}` : ''}${allow}`,
      )
    }
  }
  for (const address of settings.nodes.flatMap((node) => node.addresses)) {
    for (const [kind, ranges] of [
      ['services', services],
      ['pods', pods],
    ] as const) {
      const range = ranges.find(({ cidr }) => contains(cidr, address.value))
      if (!range) continue
      const free = kind === 'services' ? proposal(settings, range.cidr, pods) : undefined
      yield mistakeOf(
        settings,
        address.path,
        `${address.value} lies in the subnet of ${kind}, ${range.text}`,
        `use another subnet for ${kind}${free ? ` such as ${free}` : ''}${allow}`,
      )
    }
  }
}

/** A service subnet that nothing else uses. */
function proposal(settings: Settings, taken: Cidr, pods: readonly Subnet[]): string | undefined {
  return PROPOSALS[taken.family].find((text) => {
    const cidr = parseCidr(text)
    if (!cidr || pods.some((pod) => cidrOverlap(pod.cidr, cidr))) return false
    return !settings.nodes.some((node) => node.addresses.some((a) => contains(cidr, a.value)))
  })
}

/** The API server advertises an address of the family that services have first. */
function* nodeFamilies(settings: Settings, services: readonly Subnet[]): Generator<SpecFinding> {
  const [primary] = services
  if (!primary) return
  for (const node of settings.nodes) {
    const [first] = node.addresses
    if (!first || !isIp(first.value)) continue
    const family = familyOf(first.value)
    if (node.role?.value === 'control-plane' && family !== primary.cidr.family) {
      yield mistakeOf(
        settings,
        first.path,
        `${first.value} is IPv${family}, but the service subnet ${primary.text} is IPv${primary.cidr.family}`,
        'list first the address of the family that serviceSubnet names first',
      )
    }
    const own = new Set(node.addresses.map((address) => familyOf(address.value)))
    const missing = services.find(({ cidr }) => !own.has(cidr.family))
    if (settings.source === 'kpki' && services.length > 1 && missing) {
      yield caution(
        node.path,
        `has no IPv${missing.cidr.family} address, but services are dual-stack`,
        'list both in addresses',
      )
    }
  }
}

function* endpoint(settings: Settings): Generator<SpecFinding> {
  const given = settings.endpoint
  const planes = settings.nodes.filter((node) => node.role?.value === 'control-plane')
  if (!given) {
    const [first] = planes
    if (planes.length < 2 || !first) return
    yield mistake(
      'spec.controlPlaneEndpoint',
      `is needed with ${planes.length} control planes`,
      'write the host[:port] of the load balancer or virtual address in front of them',
    )
    return
  }
  if (parseEndpoint(given.value)) return
  const v6 = /^\[(.*)\]$/.exec(given.value)?.[1]
  yield mistake(
    given.path,
    `"${given.value}" is not host or host:port`,
    v6 && isIp(v6)
      ? `write ${v6} or ${bracketed(v6)}:6443`
      : 'write an IP address or lower-case DNS name, and a port from 1 to 65535, for example k8s.example.com:6443',
  )
}

/** Scheme of an address such as `https://…`, in lower case. */
export function schemeOf(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
}

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
