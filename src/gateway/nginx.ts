import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { FastfnError } from '../errors.ts';

/** Time nginx has to test a configuration or to answer TERM before it is killed. */
const TERM_GRACE_MS = 2000;

/** A running nginx master. */
export interface NginxProcess {
  readonly pid: number;
  /** Resolves when the master is gone, with its exit code or signal. */
  readonly exited: Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** TERM (or QUIT before, by `signal`), then KILL; resolves when the master is gone. */
  stop(): Promise<void>;
}

/** Runs `nginx -t`; throws NGINX_FAILED with what nginx said (P78). */
export async function testConfiguration(binary: string, confPath: string, prefix: string): Promise<void> {
  const child = spawn(binary, ['-t', '-q', '-p', prefix, '-c', confPath, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: nginxEnvironment(),
  });
  const chunks: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw nginxFailed(Buffer.concat(chunks).toString());
}

/** Starts nginx in its own process group, so that a Ctrl-C at the terminal reaches only the supervisor, which drains it. */
export function startNginx(options: {
  readonly binary: string;
  readonly confPath: string;
  readonly prefix: string;
  onLine(line: string): void;
}): NginxProcess {
  const child: ChildProcess = spawn(options.binary, ['-p', options.prefix, '-c', options.confPath, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: nginxEnvironment(),
  });
  if (child.stderr) createInterface({ input: child.stderr }).on('line', options.onLine);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  if (child.pid === undefined) throw new FastfnError('NGINX_FAILED', `nginx cannot be started from ${options.binary}`);
  return {
    pid: child.pid,
    exited,
    signal: (name) => {
      child.kill(name);
    },
    async stop() {
      child.kill('SIGTERM');
      const overdue = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS);
      await exited;
      clearTimeout(overdue);
    },
  };
}

/** nginx needs nothing of the host's environment; TZ is kept for the times in its log. */
function nginxEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ...(process.env.TZ === undefined ? {} : { TZ: process.env.TZ }) };
}

function nginxFailed(output: string): FastfnError {
  const lines = output.trim().split('\n').slice(-5).join('\n  ');
  return new FastfnError('NGINX_FAILED', `nginx does not accept its configuration:\n  ${lines}`);
}
