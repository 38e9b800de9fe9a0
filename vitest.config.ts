import { defineConfig } from 'vitest/config'

// Tests of the package import it by its name.
const source = (path: string) => new URL(`src/${path}`, import.meta.url).pathname

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kpki$/, replacement: source('index.ts') },
      { find: /^kpki\/node$/, replacement: source('node.ts') },
      { find: /^kpki\/vitest$/, replacement: source('audit/testing/vitest.ts') },
      { find: /^kpki\/(audit|provision)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/crash/**', 'test/interop/**', 'test/lab/**', 'test/one-place/**'],
    // No file keeps a state that another could meet: loading all modules once, not once for each file,
    // is a third of the whole.
    isolate: false,
    // Only a hang meets these, on however busy a machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
