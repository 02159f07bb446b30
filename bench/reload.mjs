// How long a save takes to be what every request sees, and whether an old answer ever comes after a new one.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answering, createClient } from './lib/http.mjs';
import { startProduct } from './lib/product.mjs';
import { NUMBER, writeFiles } from './lib/project.mjs';
import { number, say, table } from './lib/report.mjs';
import { quantile } from './lib/statistics.mjs';

const CONNECTIONS = 8; // spread over nginx's workers
const CHECKS = 24; // answers looked at after the first new one
const GIVE_UP_MS = 5000;
const PAUSE_MS = 600; // a spare worker has taken the place of the last one by then

export async function reload({ scratch, samples }) {
  const functions = join(scratch, 'functions');
  const fileOf = (language) => `${language}-fn.${NUMBER[language].extension}`;
  for (const language of Object.keys(NUMBER)) writeFiles(functions, { [fileOf(language)]: NUMBER[language].source(0) });
  const product = await startProduct('dev', functions, scratch);
  const rows = [];
  for (const language of Object.keys(NUMBER)) {
    const url = `${product.url}/${language}-fn`;
    await answering(url);
    const { times, stale } = await saves(url, join(functions, fileOf(language)), NUMBER[language].source, samples);
    rows.push([
      language,
      number(quantile(times, 0.5), 1),
      number(quantile(times, 0.95), 1),
      number(Math.max(...times), 1),
      number(stale),
    ]);
  }
  say(`\nSave to first new answer, ${samples} saves each; old answers among the ${CHECKS} after it`);
  say(table(['', 'p50 ms', 'p95 ms', 'max ms', 'stale'], rows));
}

async function saves(url, file, source, samples) {
  const client = createClient(CONNECTIONS);
  const valueNow = async () => JSON.parse((await client.get(url)).body).value;
  const times = [];
  let stale = 0;
  for (let value = 1; value <= samples; value += 1) {
    await delay(PAUSE_MS * (0.75 + Math.random() / 2)); // saves of a person do not follow a beat
    save(file, source(value), value % 2 === 0);
    times.push(await firstAnswer(valueNow, value));
    const checks = await Promise.all(Array.from({ length: CHECKS }, valueNow));
    stale += checks.filter((seen) => seen !== value).length;
  }
  client.close();
  return { times, stale };
}

/** In place, or by renaming as many editors do. */
function save(file, content, isAtomic) {
  if (!isAtomic) return writeFileSync(file, content);
  writeFileSync(`${file}~`, content);
  renameSync(`${file}~`, file);
}

async function firstAnswer(valueNow, value) {
  const savedAt = performance.now();
  while ((await valueNow()) !== value) {
    if (performance.now() - savedAt > GIVE_UP_MS) return Number.POSITIVE_INFINITY;
  }
  return performance.now() - savedAt;
}
