import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ProjectConfig } from '../project/types.ts';
import type { Terminal } from './terminal.ts';

/** Whether somebody watches who can be shown more than lines: a terminal that moves its cursor, in the foreground, no CI. */
export function isInteractive({ quiet }: ProjectConfig, { out, err, env }: Terminal): boolean {
  if (quiet || !out.isTerminal || !err.isTerminal || err.size === undefined) return false;
  if (env.TERM === undefined || env.TERM === '' || env.TERM === 'dumb') return false;
  if (env.CI !== undefined && env.CI !== '' && env.CI !== 'false' && env.CI !== '0') return false;
  return isForeground();
}

/** In the background of a shell, redrawing would write over the prompt, and asking for keys would stop the process (SIGTTOU). */
export function isForeground(): boolean {
  try {
    const [group, foregroundGroup] = process.platform === 'linux' ? groupsOfProc() : groupsOfPs();
    return group === foregroundGroup;
  } catch {
    return false;
  }
}

/** proc_pid_stat(5): after the name in parentheses come state, ppid, pgrp, session, tty_nr and tpgid. */
function groupsOfProc(): readonly [number, number] {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[2]), Number(fields[5])];
}

function groupsOfPs(): readonly [number, number] {
  const args = ['-o', 'pgid=,tpgid=', '-p', String(process.pid)];
  const fields = execFileSync('ps', args, { encoding: 'utf8' }).trim().split(/\s+/);
  return [Number(fields[0]), Number(fields[1])];
}
