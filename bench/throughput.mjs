// Requests per second, p99 and CPU time per request of every language beside the server one would write by hand.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLua, startNode, startPhp, startReturn, startUvicorn } from './baselines.mjs';
import { answering } from './lib/http.mjs';
import { cpuSeconds, readTicks } from './lib/process-tree.mjs';
import { startProduct } from './lib/product.mjs';
import { HELLO, pathOf, writeFiles } from './lib/project.mjs';
import { number, say, table } from './lib/report.mjs';
import { median, pairedRatio } from './lib/statistics.mjs';
import { runWrk } from './lib/wrk.mjs';

const BASELINES = {
  node: ['nginx → node:http', startNode],
  python: ['nginx → uvicorn', startUvicorn],
  php: ['nginx → php-fpm', startPhp],
  lua: ['nginx content_by_lua', startLua],
};
const ECHO_BYTES = 64 * 1024;

/** Measures all pairs in short slices, one after the other, for several rounds. */
export async function throughput({ scratch, rounds, seconds, connections, only }) {
  const pairs = await startPairs(scratch, only);
  for (const pair of pairs) for (const side of pair.sides) await runWrk({ ...side, connections: 16, seconds: 1 });
  for (const count of connections) {
    const measured = await measure(
      pairs.filter(({ at }) => at === undefined || at === count),
      count,
      rounds,
      seconds,
    );
    say(`\n${count} connection${count === 1 ? '' : 's'}, ${rounds} rounds of ${seconds} s`);
    say(table(['', 'requests/s', 'ratio', 'p99 ms', 'CPU µs/request', 'ratio', 'errors'], measured.flatMap(rowsOf)));
  }
}

async function startPairs(scratch, only) {
  const functions = join(scratch, 'functions');
  const languages = Object.keys(BASELINES).filter((language) => only.length === 0 || only.includes(language));
  for (const language of languages) writeFiles(functions, { [HELLO[language].file]: HELLO[language].source });
  writeFiles(functions, { 'post.echo.js': 'exports.handler = async (event) => JSON.parse(event.body);\n' });
  const product = await startProduct('run', functions, scratch);
  const pairs = [];
  for (const language of languages) {
    const [name, startBaseline] = BASELINES[language];
    const own = { ...product, name: 'FastFN', url: `${product.url}${pathOf(HELLO[language].file)}?name=Ada` };
    pairs.push(await pairWith(language, own, name, () => startBaseline(emptyDir(scratch, language))));
  }
  await addEcho(pairs, product, scratch);
  const limit = await startReturn(emptyDir(scratch, 'return'));
  pairs.push({ title: 'nginx', sides: [{ ...limit, name: 'return 200' }] });
  for (const { sides } of pairs) for (const { url, script } of sides) if (script === undefined) await answering(url);
  return pairs;
}

/** A baseline that cannot be had here is left out, with the reason. */
async function pairWith(title, own, name, startBaseline) {
  try {
    const baseline = await startBaseline();
    const url = `${baseline.url}/?name=Ada`;
    await answering(url).catch((error) => Promise.reject(new Error(`${error.message}\n${baseline.output()}`)));
    return { title, sides: [own, { ...baseline, name, url }] };
  } catch (error) {
    say(`${title}: ${name} is left out: ${error.message}`);
    return { title, sides: [own] };
  }
}

/** The same body forth and back, 64 KiB of JSON, at one number of connections. */
async function addEcho(pairs, product, scratch) {
  const node = pairs.find(({ title, sides }) => title === 'node' && sides.length === 2);
  if (node === undefined) return;
  const script = join(scratch, 'echo.lua');
  const items = Array.from({ length: ECHO_BYTES / 64 }, (_, id) => ({ id, text: 'x'.repeat(44) }));
  writeFileSync(
    script,
    `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[${JSON.stringify(items)}]==]\n`,
  );
  const sides = node.sides.map((side, index) => ({
    ...side,
    script,
    url: index === 0 ? `${product.url}/echo` : side.url,
  }));
  pairs.push({ title: 'node, 64 KiB echo', sides, at: 16 });
}

async function measure(pairs, connections, rounds, seconds) {
  const results = pairs.map(({ title, sides }) => ({ title, sides: sides.map(({ name }) => ({ name, slices: [] })) }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { sides }] of pairs.entries()) {
      const order = round % 2 === 0 ? sides.keys() : [...sides.keys()].reverse();
      for (const side of order) results[index].sides[side].slices.push(await slice(sides[side], connections, seconds));
    }
  }
  return results;
}

async function slice({ url, script, roots }, connections, seconds) {
  const before = readTicks(roots);
  const result = await runWrk({ url, script, connections, seconds });
  return { ...result, cpuMicroseconds: (cpuSeconds(before, readTicks(roots)) * 1e6) / result.requests };
}

function rowsOf({ title, sides }) {
  const values = (side, key) => sides[side].slices.map((slice) => slice[key]);
  const ratio = (key) => (sides.length === 2 ? number(pairedRatio(values(0, key), values(1, key)), 2) : '');
  return sides.map(({ name }, side) => [
    `${side === 0 ? title : ''}`.padEnd(18) + name,
    number(median(values(side, 'perSecond'))),
    side === 0 ? ratio('perSecond') : '',
    number(median(values(side, 'p99Ms')), 2),
    number(median(values(side, 'cpuMicroseconds')), 1),
    side === 0 ? ratio('cpuMicroseconds') : '',
    number(values(side, 'errors').reduce((sum, errors) => sum + errors, 0)),
  ]);
}

function emptyDir(scratch, name) {
  const dir = join(scratch, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}
