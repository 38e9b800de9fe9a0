import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/lab/**'],
    // Only a hang meets these, on however busy a machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
