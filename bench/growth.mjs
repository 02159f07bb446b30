// Whether one route keeps its speed when the project grows.
import { join } from 'node:path';
import { stop } from './lib/children.mjs';
import { answering } from './lib/http.mjs';
import { readPss } from './lib/process-tree.mjs';
import { startProduct } from './lib/product.mjs';
import { HELLO, pathOf, writeFiles } from './lib/project.mjs';
import { number, say, table } from './lib/report.mjs';
import { median, pairedRatio } from './lib/statistics.mjs';
import { runWrk } from './lib/wrk.mjs';

const GROUP = 100; // functions per folder

export async function growth({ scratch, rounds, seconds, sizes }) {
  const stacks = [];
  for (const size of sizes) stacks.push(await startStack(join(scratch, String(size)), size));
  for (let round = 0; round < rounds; round += 1) {
    for (const stack of stacks) stack.slices.push(await runWrk({ url: stack.url, connections: 16, seconds }));
  }
  const rates = stacks.map(({ slices }) => slices.map(({ perSecond }) => perSecond));
  const rows = stacks.map(({ size, readyMs, roots, slices }, index) => [
    number(size),
    number(readyMs),
    number(median(rates[index])),
    number(pairedRatio(rates[index], rates[0]), 2),
    number(median(slices.map(({ p99Ms }) => p99Ms)), 2),
    number(readPss(roots) / 2 ** 20),
  ]);
  say('\nOne route among so many functions, 16 connections');
  say(table(['functions', 'ready ms', 'requests/s', 'ratio', 'p99 ms', 'PSS MiB'], rows));
  await Promise.all(stacks.map(({ started }) => stop(started)));
}

async function startStack(scratch, size) {
  const functions = join(scratch, 'functions');
  writeFiles(functions, { [HELLO.node.file]: HELLO.node.source });
  for (let index = 1; index < size; index += 1) {
    writeFiles(functions, { [`g${Math.floor(index / GROUP)}/f${index}.js`]: `exports.handler = () => '${index}';\n` });
  }
  const product = await startProduct('run', functions, scratch);
  const url = `${product.url}${pathOf(HELLO.node.file)}?name=Ada`;
  await answering(url);
  return { ...product, url, size, slices: [] };
}
