import { defineConfig } from 'vitest/config'

/** Runs cut off anywhere, and file systems that fail. KPKI_CRASH_STATES sets how many states, KPKI_CRASH_SEED which. */
export default defineConfig({
  test: {
    include: ['test/crash/*.test.ts'],
    maxWorkers: 2,
    // Only a hang meets these: a night's states take half an hour.
    testTimeout: 7_200_000,
    hookTimeout: 300_000,
  },
})
