import { defineConfig } from 'vitest/config';

const DOCKER_TESTS = 'test/docker/**/*.test.ts';

export default defineConfig({
  test: {
    // Tests start real servers and workers; on a small machine the first start of each is slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Some promises are times (back within 1.5 s, say), and a shared machine may stall for longer; the report names what was retried.
    retry: process.env.CI ? 2 : 0,
    projects: [
      { extends: true, test: { name: 'native', include: ['test/**/*.test.ts'], exclude: [DOCKER_TESTS] } },
      {
        extends: true,
        // The first build of the stack image fetches packages.
        test: {
          name: 'docker',
          include: [DOCKER_TESTS],
          globalSetup: 'test/docker/daemon-setup.ts',
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
