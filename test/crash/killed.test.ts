import { cutOffAnywhere } from './cut.js'

/** All of them: every prefix of the changes, and every write cut in two ways. */
cutOffAnywhere('killed anywhere', Number.POSITIVE_INFINITY, function* ({ killed }) {
  for (let count = 0; count <= killed.changes.length; count++) {
    yield { kind: 'killed between two changes', count, state: killed.after(count) }
    for (const part of ['half', 'short'] as const) {
      const state = killed.halfWritten(count, part)
      if (state) yield { kind: 'killed within a write', count, state }
    }
  }
})
