import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Fields of /proc/<pid>/stat that matter here (proc(5)): the name in parentheses may hold blanks and parentheses itself. */
export function parseStat(text) {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

/** The pids of these processes and all that descend from them; `parents` maps each pid to its parent. */
export function descendants(roots, parents) {
  const tree = new Set(roots);
  let size;
  do {
    size = tree.size;
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid);
  } while (tree.size > size);
  return tree;
}

/** User and system time used between two looks, in clock ticks. A process that is new used all it has; one that ended is lost. */
export function ticksBetween(before, after) {
  let sum = 0;
  for (const [pid, ticks] of after) sum += ticks - (before.get(pid) ?? 0);
  return sum;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export function cpuSeconds(before, after) {
  return ticksBetween(before, after) / TICKS_PER_SECOND;
}

/** Clock ticks used so far by each process of the tree. */
export function readTicks(roots) {
  const stats = readStats();
  const tree = descendants(roots, new Map([...stats].map(([pid, { parent }]) => [pid, parent])));
  return new Map([...tree].filter((pid) => stats.has(pid)).map((pid) => [pid, stats.get(pid).ticks]));
}

/** Proportional set size of the tree in bytes: shared pages count once in all. */
export function readPss(roots) {
  let kilobytes = 0;
  for (const pid of readTicks(roots).keys()) {
    const rollup = readIfThere(`/proc/${pid}/smaps_rollup`);
    kilobytes += Number(/^Pss:\s+(\d+) kB/m.exec(rollup ?? '')?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

function readStats() {
  const stats = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = readIfThere(`/proc/${name}/stat`);
    if (text !== null) stats.set(Number(name), parseStat(text));
  }
  return stats;
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // the process ended meanwhile
  }
}
