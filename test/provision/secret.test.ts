import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { redactor } from '../../src/provision/run/redact.js'
import { secret } from '../../src/provision/run/remote.js'

const canary = 'canary-9f8e7d6c5b4a'

describe('secret', () => {
  it('shows itself nowhere', () => {
    const wrapped = secret({ key: canary })
    const shown = [
      `${wrapped}`,
      JSON.stringify({ wrapped }),
      inspect(wrapped, { depth: 9, showHidden: true }),
    ]
    shown.push(Object.values(wrapped).map(String).join(), String(new Error(`${wrapped}`)))
    expect(shown.join()).not.toContain(canary)
    expect(wrapped.reveal().key).toBe(canary)
  })
})

describe('redactor', () => {
  const redact = redactor([canary])
  it.each([
    [`before ${canary} after`],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIEsecret\n-----END RSA PRIVATE KEY-----'],
    ['-----BEGIN EC PRIVATE KEY-----\nMIIEsecret cut off'],
    ['kubeadm join --token abcdef.0123456789abcdef'],
    ['    client-key-data: c2VjcmV0c2VjcmV0'],
    ['"token": "s3cr3t-t0k3n-value"'],
    ['certificateKey: 0123456789012345678901234567890123456789012345678901234567890123'],
    ['Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Ing.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJl'],
  ])('takes the secret out of %j', (text) => {
    const clean = redact(text)
    expect(clean).toContain('[secret]')
    expect(clean).not.toMatch(/canary|MIIEsecret|0123456789abcdef|c2VjcmV0|s3cr3t|eyJpc3/)
  })
  it('leaves other text alone', () => {
    const text = 'kubeadm init: [ERROR Port-6443]: Port 6443 is in use; see 172.31.10.5:6443'
    expect(redact(text)).toBe(text)
  })
})
