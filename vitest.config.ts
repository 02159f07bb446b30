import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests start real servers and workers; on a small machine the first start of each is slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Some promises are times (back within 1.5 s, say), and a shared machine may stall for longer; the report names what was retried.
    retry: process.env.CI ? 2 : 0,
  },
});
