import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two live onnxruntime sessions on two cores distort and starve each other: one file per core.
    pool: 'forks',
    maxWorkers: 2,
    // What is kept in the user's cache folder is not the tests' business.
    env: { XDG_CACHE_HOME: join(tmpdir(), 'ganx-test-cache') },
  },
});
