import { defineConfig } from 'vitest/config'

/**
 * Runs that are killed anywhere, that lose power anywhere, and whose disk fails anywhere. KPKI_CRASH_STATES sets how
 * many power cuts and how many failures there are, KPKI_CRASH_SEED which.
 */
export default defineConfig({
  test: {
    include: ['test/crash/*.test.ts'],
    maxWorkers: 2,
    // Only a hang meets these: a night's states take half an hour.
    testTimeout: 7_200_000,
    hookTimeout: 300_000,
  },
})
