import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

export interface ToolCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export type ToolOutcome =
  | { readonly type: 'exit'; readonly code: number | null; readonly signal: NodeJS.Signals | null }
  | { readonly type: 'missing'; readonly program: string }
  | { readonly type: 'timeout' };

const KILL_GRACE_MS = 2000; // pip and npm remove their temporary folders on SIGTERM

/**
 * Runs an installer with its output appended to a file. It gets a process group of its own, so that ending it also ends
 * the compilers and helpers it started. Reports `timeout` when `signal` aborted it.
 */
export function runTool(command: ToolCommand, logFile: string, signal: AbortSignal): Promise<ToolOutcome> {
  const [program, ...args] = command.argv as [string, ...string[]];
  const log = openSync(logFile, 'a', 0o600);
  writeSync(log, `$ ${command.argv.join(' ')}\n`);
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return new Promise((resolve) => {
    let killTimer: NodeJS.Timeout | undefined;
    const end = (): void => {
      killGroup(child.pid, 'SIGTERM');
      killTimer = setTimeout(killGroup, KILL_GRACE_MS, child.pid, 'SIGKILL');
    };
    const settle = (outcome: ToolOutcome): void => {
      clearTimeout(killTimer);
      signal.removeEventListener('abort', end);
      resolve(signal.aborted ? { type: 'timeout' } : outcome);
    };
    signal.addEventListener('abort', end, { once: true });
    child.once('error', () => settle({ type: 'missing', program }));
    child.once('exit', (code, by) => {
      killGroup(child.pid, 'SIGKILL'); // what outlives the tool would write into a folder that is renamed next
      settle({ type: 'exit', code, signal: by });
    });
    if (signal.aborted) end();
  });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is gone
  }
}

/** The host's environment (proxies, PIP_*, npm_config_*) without the platform's own settings and secrets. */
export function toolEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const host = Object.entries(process.env).filter(([name]) => !name.startsWith('FN_'));
  return { ...Object.fromEntries(host), ...extra };
}
