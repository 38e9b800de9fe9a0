import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/interop/**', 'test/lab/**', 'test/one-place/**'],
    // No file keeps a state that another could meet: loading all modules once, not once for each file,
    // is a third of the whole.
    isolate: false,
    // Only a hang meets these, on however busy a machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
