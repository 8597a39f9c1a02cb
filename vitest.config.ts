import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/sequencer.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two live onnxruntime sessions on two cores distort and starve each other: one file per core.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // What is kept in the user's cache folder is not the tests' business.
    env: { XDG_CACHE_HOME: join(tmpdir(), 'ganx-test-cache') },
  },
});
