import type { TestProject } from 'vitest/node';
import { openDaemon, type TestDaemon } from './daemon.ts';

declare module 'vitest' {
  interface ProvidedContext {
    docker: TestDaemon;
  }
}

/** One daemon for all files of test/docker. Where none can be had they are skipped with the reason, except in CI. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { daemon, stop } = await openDaemon();
  if ('reason' in daemon) {
    if (process.env.CI) throw new Error(`the tests of Docker mode cannot run: ${daemon.reason}`);
    console.warn(`skipped: tests that need a Docker daemon (${daemon.reason})`);
  }
  project.provide('docker', daemon);
  return stop;
}
