import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shellJoin, shellQuote } from '../../src/provision/ssh/ssh.js'

describe('shellQuote', () => {
  it.each([
    ['plain', 'plain'],
    ['', "''"],
    ["it's", "'it'\\''s'"],
    ['$(reboot); `x` "y"', '\'$(reboot); `x` "y"\''],
    ['a\nb', "'a\nb'"],
    ['-n', '-n'],
    ['~root', "'~root'"],
    ['a=b*?', "'a=b*?'"],
  ])('%j becomes %j', (word, quoted) => expect(shellQuote(word)).toBe(quoted))

  it('refuses what no argument can hold', () => {
    expect(() => shellQuote('a\0b')).toThrow(RangeError)
  })

  it('is read back by a real shell, word for word', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((word) => !word.includes('\0'))
    const safe = text.filter((word) => Buffer.from(word, 'utf8').toString('utf8') === word)
    fc.assert(
      fc.property(fc.array(safe, { minLength: 1, maxLength: 5 }), (words) => {
        const script = `for w in ${shellJoin(words)}; do printf '%s\\001' "$w"; done`
        const shown = execFileSync('sh', ['-c', script]).toString('utf8')
        expect(shown).toBe(words.map((word) => `${word}\u0001`).join(''))
      }),
      { numRuns: 15 },
    )
  })
})
