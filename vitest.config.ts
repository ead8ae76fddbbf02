import { defineConfig } from 'vitest/config';

// Tests run from the packages' sources: the private export condition of every package.json.
const conditions = ['@tubelet/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{packages/*,benchmarks}/test/**/*.test.ts', '{scripts,examples}/test/**/*.test.mjs'],
    maxWorkers: 2,
    // Files of a worker share their modules, which no test changes: most of a run was spent loading them.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
