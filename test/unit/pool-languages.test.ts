import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import which from 'which';
import type { ProcessRuntime } from '../../src/functions/types.ts';
import { functionRevision, isAlive, type TestPool, temporaryRunDir, testPool } from '../fixtures/workers/harness.ts';

interface Language {
  readonly runtime: ProcessRuntime;
  readonly command: string;
  readonly file: string;
  readonly concurrency: number;
  readonly good: string;
  readonly broken: string;
  readonly missing: string;
  readonly exits: string;
}

const LANGUAGES: readonly Language[] = [
  {
    runtime: 'node',
    command: 'node',
    file: 'hello.js',
    concurrency: 1024,
    good: "console.log('loading'); exports.handler = () => 'hello';",
    broken: 'exports.handler = () => {',
    missing: 'exports.other = 1;',
    exits: 'process.exit(4);',
  },
  {
    runtime: 'python',
    command: 'python3',
    file: 'hello.py',
    concurrency: 32,
    good: "print('loading')\ndef handler(event):\n    return 'hello'\n",
    broken: 'def handler(event:\n',
    missing: 'other = 1\n',
    exits: 'import os\nos._exit(4)\n',
  },
  {
    runtime: 'php',
    command: 'php',
    file: 'hello.php',
    concurrency: 1,
    good: "<?php\nerror_log('loading');\nfunction handler($event) { return 'hello'; }\n",
    broken: '<?php\nfunction handler($event) {\n',
    missing: '',
    exits: '<?php\nfunction handler($event) {}\nexit(4);\n',
  },
];

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 8_000, interval: 10 });

describe.each(LANGUAGES)('a $runtime worker', ({ runtime, command, file, concurrency, ...sources }) => {
  const key = `${runtime}/hello@default`;

  /** A pool of the package's own workers and a function with this source. */
  function setup(source: string): TestPool & { readonly entry: string; activate(): void } {
    const entry = join(temporaryRunDir(), 'fn', file);
    mkdirSync(dirname(entry));
    writeFileSync(entry, source);
    const binary = which.sync(command);
    const test = testPool({ binaries: { [runtime]: binary }, mains: {}, config: { functionsRoot: dirname(entry) } });
    const activate = () => test.pool.activate(functionRevision({ key, runtime, entry }));
    return { ...test, entry, activate };
  }

  test('F124: loads a handler, takes its slots, names its files, and has its output told', async () => {
    const { pool, workers, files, logs, entry, activate } = setup(sources.good);
    await pool.start([runtime]);
    activate();
    await pool.need(key);
    expect(pool.loadError(key)).toBeNull();
    expect(workers()).toEqual([expect.objectContaining({ index: 1, concurrency })]);
    expect(files).toEqual([[entry]]);
    await until(() => expect(logs).toContainEqual(expect.objectContaining({ functionKey: key, message: 'loading' })));
  });

  test('F101: says what is wrong with code that does not load', async () => {
    const { pool, logs, activate } = setup(sources.broken);
    activate();
    await pool.need(key);
    expect(pool.loadError(key)).toMatchObject({ error: 'handler error', message: expect.stringMatching(/\S/) });
    expect(logs.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  test.runIf(sources.missing !== '')('F67: says when there is no handler', async () => {
    const { pool, activate } = setup(sources.missing);
    activate();
    await pool.need(key);
    expect(pool.loadError(key)).toMatchObject({ error: 'handler not found' });
  });

  test('P100: that ends while it loads is tried three times', async () => {
    const { pool, activate } = setup(sources.exits);
    activate();
    await pool.need(key);
    expect(pool.loadError(key)).toMatchObject({
      error: 'runtime unavailable',
      message: expect.stringMatching(/ended with code [14] /),
    });
    expect(pool.stats().exits.exit).toBe(3);
  });

  test('P75: ends at once when its control connection ends, P104: and when it is drained', async () => {
    const { pool, pids, activate } = setup(sources.good);
    await pool.start([runtime]);
    activate();
    await pool.need(key);
    await until(
      () =>
        expect(
          pool
            .stats()
            .workers.map(({ state }) => state)
            .sort(),
        ).toEqual(['ready', 'spare', 'spare']), // one, and another while they are in demand
    );
    const all = pids().map(({ pid }) => pid);
    await pool.stop(60_000);
    expect(all.filter(isAlive)).toEqual([]);
  });
});
