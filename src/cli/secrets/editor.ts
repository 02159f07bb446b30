import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FastfnError } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

/**
 * Lets the user edit a text that nobody else may see: a file of mode 0600 in a folder of its own, in memory where the system
 * has a place for that (XDG_RUNTIME_DIR), removed whatever ends the edit but kill -9.
 */
export async function editText(text: string, terminal: Terminal): Promise<string> {
  const interruption = awaitSignals(terminal.hasTerminalInput);
  const folder = mkdtempSync(join(terminal.env.XDG_RUNTIME_DIR || tmpdir(), 'fastfn-edit-')); // mode 0700
  const file = join(folder, 'fn.env.json');
  try {
    writeFileSync(file, text, { mode: 0o600 });
    await runEditor(file, terminal, interruption.signal);
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(folder, { recursive: true, force: true });
    interruption.release();
  }
}

/** VISUAL or EDITOR may hold arguments, so a shell splits it, as git does. */
async function runEditor(file: string, { env }: Terminal, signal: AbortSignal): Promise<void> {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  const child = spawn('/bin/sh', ['-c', `exec ${editor} "$1"`, 'sh', file], {
    stdio: 'inherit',
    env: withoutKeys(env),
  });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const outcome = await new Promise<string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) => resolve(code === 0 ? null : (by ?? `code ${code}`)));
  });
  if (signal.aborted) throw new FastfnError('INTERRUPTED', 'interrupted; nothing was changed');
  if (outcome !== null) {
    throw new FastfnError('EDIT_FAILED', `the editor ended with ${outcome}; nothing was changed`, {
      hint: `VISUAL or EDITOR names the editor; it is "${editor}".`,
    });
  }
}

/** From before there is plain text until it is gone. At a terminal, Ctrl+C belongs to the editor, which gets it as well. */
function awaitSignals(hasTerminalInput: boolean): { readonly signal: AbortSignal; release(): void } {
  const interrupted = new AbortController();
  const end = () => interrupted.abort();
  const handlers: [NodeJS.Signals, () => void][] = [
    ['SIGTERM', end],
    ['SIGHUP', end],
    ['SIGINT', hasTerminalInput ? () => undefined : end],
  ];
  for (const [name, handler] of handlers) process.on(name, handler);
  return {
    signal: interrupted.signal,
    release: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}

function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FN_')));
}
