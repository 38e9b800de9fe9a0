import { defineConfig } from 'vitest/config'

/** Adds a row to each table in a copy of the source, and looks for it wherever it should appear. */
export default defineConfig({
  test: {
    include: ['test/one-place/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
