/** A published private key, by sixteen octets of its public half: the modulus’s first, or the point’s. */
export interface KnownKey {
  readonly mark: string
  readonly about: string
  /** kpki’s own test keys only ever get into test trees. */
  readonly severity: 'error' | 'warning'
}

const own = (mark: string): KnownKey => ({
  mark,
  about: 'a test key of kpki’s own fixtures',
  severity: 'warning',
})

export const KNOWN_KEYS: readonly KnownKey[] = [
  { mark: 'b0f9e81943a7ae9892aade17ca7c40f8', about: 'testRSA2048 of RFC 9500', severity: 'error' },
  { mark: '422548f88fb782ffb5eca3744452c72a', about: 'testECCP256 of RFC 9500', severity: 'error' },
  own('cb1e8d3ae3531d5debf99af32ae5274a'),
  own('c309e85c3904804348222b2aff29d7d2'),
  own('2f8e6b3f1a11e0cd4a8f27d9c7902119'),
  own('6f8f426953f3cbf75d9062c649a4d733'),
  own('464402eb879223a50d9021b0cf7d1929'),
  own('bcd7f7d08d3c776f0d2d359a92b0a900'),
  own('cbc3df6e9b056fcd193623e1478c4d2b'),
  own('c9af3bc235c2544ec5e0fa31e589a610'),
  own('d965a28110d52818a71dc8ea8d5f2b14'),
]

/** The published key that a SubjectPublicKeyInfo is of. */
export function knownKey(spki: Uint8Array): KnownKey | undefined {
  let head = ''
  for (const octet of spki.subarray(0, 56)) head += octet.toString(16).padStart(2, '0')
  return KNOWN_KEYS.find(({ mark }) => head.includes(mark))
}
