import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';

/** Moves `file` to `file.1`, `file.1` to `file.2` and so on, keeping that many (P117); the caller opens a new one. */
export function rotate(file: string, keep: number): void {
  for (let index = keep; index > 0; index -= 1) {
    const older = index === 1 ? file : `${file}.${index - 1}`;
    if (existsSync(older)) renameSync(older, `${file}.${index}`);
  }
  if (keep === 0) rmSync(file, { force: true });
}

/** Logs hold what functions printed: only their owner may read them (P117). */
export const LOG_MODE = 0o600;

export function createLog(file: string): void {
  closeSync(openSync(file, 'a', LOG_MODE));
}
