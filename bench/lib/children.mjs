import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const STOP_GRACE_MS = 5000;
const running = new Set();

/** Starts a program in a process group of its own; what it prints is kept for error messages. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const started = { child, pid: child.pid, output: '', exited: once(child, 'exit').catch((error) => [error]) };
  running.add(started);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      started.output = (started.output + text).slice(-8192);
    });
  }
  started.exited.then(() => running.delete(started));
  return started;
}

/** Ends a program and its group, and waits until it is gone. */
export async function stop(started) {
  if (!running.has(started)) return;
  signal(started, 'SIGTERM');
  const overdue = new AbortController();
  const outcome = await Promise.race([
    started.exited,
    delay(STOP_GRACE_MS, 'overdue', { signal: overdue.signal }).catch(() => 'ended'),
  ]);
  overdue.abort();
  if (outcome === 'overdue') signal(started, 'SIGKILL', -1);
  await started.exited;
}

export async function stopAll() {
  await Promise.all([...running].map(stop));
}

/** Waits for a text in a program's output; fails with the output if it ends first or takes too long. */
export async function printed(started, pattern, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  while (!pattern.test(started.output)) {
    if (!running.has(started)) throw new Error(`ended early:\n${started.output}`);
    if (performance.now() > deadline) throw new Error(`not ready within ${timeoutMs} ms:\n${started.output}`);
    await delay(2);
  }
  return pattern.exec(started.output);
}

function signal({ pid }, name, sign = 1) {
  try {
    process.kill(sign * pid, name);
  } catch {
    // gone already
  }
}
