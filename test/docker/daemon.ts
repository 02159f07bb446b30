import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import which from 'which';

/** The base of every image that tests build: made here, so that no registry is needed. */
export const BASE_IMAGE = 'debian:bookworm-slim';

/** A daemon that tests may use, or why there is none. */
export type TestDaemon = { readonly socketPath: string } | { readonly reason: string };

const START_LIMIT_MS = 60_000;
const POLL_MS = 200;
const run = promisify(execFile);

/**
 * Uses the daemon that answers on the system's socket; without one, root starts a private `dockerd` with folders of its
 * own. `stop` ends only what was started here.
 */
export async function openDaemon(): Promise<{ daemon: TestDaemon; stop(): Promise<void> }> {
  const nothing = async () => {};
  const system = '/var/run/docker.sock';
  if (await answers(system)) return { daemon: await withBase(system), stop: nothing };
  if (process.getuid?.() !== 0)
    return { daemon: { reason: 'no Docker daemon answers, and only root can start one' }, stop: nothing };
  const program = await which('dockerd', { nothrow: true });
  if (program === null)
    return { daemon: { reason: 'no Docker daemon answers, and dockerd is not installed' }, stop: nothing };
  return startDaemon(program);
}

async function startDaemon(program: string): Promise<{ daemon: TestDaemon; stop(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'fastfn-dockerd-'));
  const socketPath = join(dir, 'docker.sock');
  const place = (name: string) => join(dir, name);
  const child = spawn(
    program,
    [
      '--host',
      `unix://${socketPath}`,
      '--data-root',
      place('data'),
      '--exec-root',
      place('exec'),
      '--pidfile',
      place('pid'),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => {
    said.push(chunk.toString());
    said.splice(0, said.length - 50);
  });
  const stop = async () => {
    await end(child);
    await rm(dir, { recursive: true, force: true }).catch(() => {}); // a mount that a killed daemon left keeps its folder
  };
  const deadline = Date.now() + START_LIMIT_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await answers(socketPath)) return { daemon: await withBase(socketPath), stop };
    await delay(POLL_MS);
  }
  await stop();
  return { daemon: { reason: `dockerd does not start here: ${lastLine(said.join(''))}` }, stop: async () => {} };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return false;
  const docker = new Docker({ socketPath, host: undefined, timeout: 3000 } as Docker.DockerOptions);
  return docker.ping().then(
    () => true,
    () => false,
  );
}

/** Gives a daemon the base image, from a tar that is made once per machine. */
async function withBase(socketPath: string): Promise<TestDaemon> {
  const docker = new Docker({ socketPath, host: undefined } as Docker.DockerOptions);
  if (
    await docker
      .getImage(BASE_IMAGE)
      .inspect()
      .then(
        () => true,
        () => false,
      )
  )
    return { socketPath };
  try {
    const [repo, tag] = BASE_IMAGE.split(':') as [string, string];
    const answer = await docker.importImage(createReadStream(await baseTar()), { repo, tag });
    await new Promise((resolve, reject) => {
      docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve(null)));
    });
    return { socketPath };
  } catch (error) {
    return { reason: `${BASE_IMAGE} cannot be made: ${lastLine((error as Error).message)}` };
  }
}

async function baseTar(): Promise<string> {
  const store = process.env.FASTFN_TEST_STORE ?? join(tmpdir(), 'fastfn-test-store');
  const file = join(store, 'debian-bookworm-slim.tar');
  if (existsSync(file)) return file;
  if ((await which('debootstrap', { nothrow: true })) === null) throw new Error('debootstrap is not installed');
  await mkdir(store, { recursive: true });
  const work = await mkdtemp(join(store, 'base-'));
  try {
    await run('debootstrap', ['--variant=minbase', 'bookworm', join(work, 'root')], { maxBuffer: 1 << 26 });
    const left = ['--exclude=./var/cache/apt/archives/*', '--exclude=./var/lib/apt/lists/*', '--exclude=./dev/*'];
    await run('tar', ['-C', join(work, 'root'), ...left, '-cf', join(work, 'base.tar'), '.']);
    await rename(join(work, 'base.tar'), file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return file;
}
