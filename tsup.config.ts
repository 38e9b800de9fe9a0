import { defineConfig } from 'tsup'

export default defineConfig([
  {
    entry: {
      index: 'src/index.ts',
      node: 'src/node.ts',
      audit: 'src/audit/index.ts',
      vitest: 'src/audit/testing/vitest.ts',
      provision: 'src/provision/index.ts',
    },
    format: ['esm', 'cjs'],
    target: 'node20',
    splitting: true,
  },
  {
    entry: { cli: 'src/cli/bin.ts' },
    format: ['esm'],
    target: 'node20',
    splitting: true,
    // The command line ships everything it needs: a bundled start is several times faster than resolving packages.
    noExternal: [/.*/],
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
  },
])
