// Benchmarks of FastFN on this machine: node bench/main.mjs [--quick] [--growth] [--cold] [--reload] [--idle]
// Without a choice: throughput beside plain nginx servers. Everything listens on 127.0.0.1 and is stopped at the end.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cold } from './cold.mjs';
import { growth } from './growth.mjs';
import { idle } from './idle.mjs';
import { stopAll } from './lib/children.mjs';
import { say } from './lib/report.mjs';
import { reload } from './reload.mjs';
import { throughput } from './throughput.mjs';

const FULL = { rounds: 5, seconds: 2, connections: [1, 16, 64], sizes: [10, 500, 5000], samples: 30 };
const QUICK = { rounds: 1, seconds: 1, connections: [16], sizes: [10, 100], samples: 3 };
const PARTS = { growth, cold, reload, idle };

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    cold: { type: 'boolean', default: false },
    reload: { type: 'boolean', default: false },
    idle: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] }, // languages: node, python, php, lua
    rounds: { type: 'string' },
  },
});

const scratch = mkdtempSync(join(tmpdir(), 'fastfn-bench-'));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void finish(130));
try {
  await main();
  await finish(0);
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  await finish(1);
}

async function main() {
  const size = { ...(flags.quick ? QUICK : FULL), ...(flags.rounds && { rounds: Number(flags.rounds) }) };
  say(`${cpus()[0].model}, ${availableParallelism()} CPUs, load ${loadavg()[0].toFixed(2)}, Node ${process.version}`);
  const chosen = Object.keys(PARTS).filter((part) => flags[part]);
  if (chosen.length === 0) await throughput({ ...size, scratch: join(scratch, 'throughput'), only: flags.only });
  for (const part of chosen) await PARTS[part]({ ...size, scratch: join(scratch, part) });
}

async function finish(code) {
  await stopAll();
  rmSync(scratch, { recursive: true, force: true });
  process.exit(code);
}
