import { defineConfig } from 'vitest/config'

/** Suites that have another program judge kpki: OpenSSL, etcd, kubectl, sshd. `test/interop/setup` installs them. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    // They start servers and networks of their own: one file at a time.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
