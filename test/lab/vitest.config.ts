import { defineConfig } from 'vitest/config'

/** The lab: minutes, root and a gigabyte of disk. `npx vitest run -c test/lab/vitest.config.ts` */
export default defineConfig({
  test: {
    include: ['test/lab/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    bail: 0,
  },
})
