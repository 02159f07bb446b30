// What a stack costs that nobody calls: time to be ready, memory, processor.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stop } from './lib/children.mjs';
import { cpuSeconds, readPss, readTicks } from './lib/process-tree.mjs';
import { startProduct } from './lib/product.mjs';
import { HELLO, writeFiles } from './lib/project.mjs';
import { number, say, table } from './lib/report.mjs';

const SETTLE_MS = 2000; // spares have booted

export async function idle({ scratch, seconds }) {
  const functions = join(scratch, 'functions');
  writeFiles(functions, Object.fromEntries(Object.values(HELLO).map(({ file, source }) => [file, source])));
  const rows = [];
  for (const command of ['dev', 'run']) {
    const { started, roots, readyMs } = await startProduct(command, functions, join(scratch, command));
    await delay(SETTLE_MS);
    const before = readTicks(roots);
    await delay(seconds * 1000);
    const after = readTicks(roots);
    const share = cpuSeconds(before, after) / seconds;
    rows.push([
      command,
      number(readyMs),
      number(after.size),
      number(readPss(roots) / 2 ** 20, 1),
      `${number(share * 100, 2)} %`,
    ]);
    await stop(started);
  }
  say(`\nA stack with a function per language, idle for ${seconds} s`);
  say(table(['', 'ready ms', 'processes', 'PSS MiB', 'CPU'], rows));
}
