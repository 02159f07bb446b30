import { type ChildProcess, execFile } from 'node:child_process';

/** P42: a program that does not answer a question about itself in this time counts as missing. */
const PROBE_LIMIT_MS = 5000;

export interface ProbeOutcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it failed, one line. */
  readonly reason: string;
}

/** Programs that are being asked: a command that ends before they answer leaves none behind. */
const asked = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of asked) child.kill('SIGKILL');
});

/** Runs a program once with a time limit; failing is an outcome, not an exception. */
export function probe(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { ...options, timeout: PROBE_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 20 },
      (error, stdout, stderr) => {
        asked.delete(child);
        resolve({ ok: error === null, stdout, stderr, reason: reasonOf(error, stderr) });
      },
    );
    asked.add(child);
    child.stdin?.end();
  });
}

function reasonOf(
  error: (Error & { code?: unknown; killed?: boolean; signal?: unknown }) | null,
  stderr: string,
): string {
  if (error === null) return '';
  if (error.killed) return `no answer within ${PROBE_LIMIT_MS / 1000} s`;
  if (typeof error.code === 'string') return error.code === 'EACCES' ? 'it is not executable' : error.code;
  const firstLine = stderr.trim().split('\n', 1)[0];
  return firstLine || (error.signal ? `it ended by ${error.signal}` : `it exited with ${error.code}`);
}
