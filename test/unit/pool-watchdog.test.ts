import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startWatchdog } from '../../src/workers/watchdog.ts';
import { isAlive, temporaryRunDir } from '../fixtures/workers/harness.ts';

const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 5_000, interval: 10 });

interface Doomed {
  readonly supervisor: number;
  readonly watchdog: number;
  readonly pids: readonly number[];
  readonly runDir: string;
}

/** A process with a watchdog, workers and an nginx-like master, in a process group of its own. */
async function doomedSupervisor(): Promise<Doomed> {
  const dir = temporaryRunDir();
  const runDir = join(dir, 'run with a blank');
  mkdirSync(runDir);
  writeFileSync(join(runDir, 'w1.sock'), '');
  const program = join(
    import.meta.dirname,
    '../../node_modules/.cache',
    `doomed-${process.pid}-${performance.now()}.mjs`,
  );
  await build({
    entryPoints: [join(import.meta.dirname, '../fixtures/workers/doomed-supervisor.mjs')],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
  });
  const child = spawn(process.execPath, [program, runDir], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const { watchdog, pids } = JSON.parse(String(line)) as { watchdog: number; pids: number[] };
  onTestFinished(() => {
    rmSync(program);
    for (const pid of [child.pid!, watchdog, ...pids]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return { supervisor: child.pid!, watchdog, pids, runDir };
}

test('P75: when the supervisor is killed, its workers, all they started, nginx and the run directory are gone within 2 s', async () => {
  const { supervisor, watchdog, pids, runDir } = await doomedSupervisor();
  expect(pids.filter(isAlive)).toEqual(pids);
  process.kill(supervisor, 'SIGKILL');
  await vi.waitFor(() => expect([...pids, watchdog].filter(isAlive)).toEqual([]), { timeout: 2_000, interval: 10 });
  expect(existsSync(runDir)).toBe(false);
});

test('P75: what a terminal sends to the whole process group does not end the watchdog', async () => {
  const { supervisor, watchdog, pids } = await doomedSupervisor();
  process.kill(watchdog, 'SIGINT');
  process.kill(watchdog, 'SIGHUP');
  process.kill(-supervisor, 'SIGHUP');
  await until(() => expect([...pids, watchdog].filter(isAlive)).toEqual([]));
});

test('a watchdog that dies is replaced by one that knows the same', async () => {
  const runDir = temporaryRunDir();
  const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
  const exited = once(worker, 'exit');
  const watchdog = startWatchdog({ runDir });
  watchdog.add(worker.pid!);
  const { pid } = watchdog;
  process.kill(pid!, 'SIGKILL');
  await until(() => {
    expect(watchdog.pid).not.toBeNull();
    expect(watchdog.pid).not.toBe(pid);
  });
  await watchdog.stop();
  await expect(exited).resolves.toEqual([null, 'SIGKILL']);
});

test('a stopped watchdog removes the run directory and is not restarted; stopping twice is harmless', async () => {
  const runDir = temporaryRunDir();
  const watchdog = startWatchdog({ runDir });
  const pid = watchdog.pid!;
  await Promise.all([watchdog.stop(), watchdog.stop()]);
  await watchdog.stop();
  expect(existsSync(runDir)).toBe(false);
  expect(isAlive(pid)).toBe(false);
  expect(watchdog.pid).toBeNull();
});

test('a worker that has ended is left alone, whoever has its number now', async () => {
  const neighbour = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
  onTestFinished(() => void neighbour.kill('SIGKILL'));
  const watchdog = startWatchdog({ runDir: temporaryRunDir() });
  watchdog.add(neighbour.pid!);
  watchdog.add(1_234_567);
  watchdog.remove(neighbour.pid!);
  watchdog.remove(7_654_321);
  await watchdog.stop();
  expect(isAlive(neighbour.pid!)).toBe(true);
});
