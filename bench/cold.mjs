// How long the first request of a function that was never called takes.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from './lib/http.mjs';
import { startProduct } from './lib/product.mjs';
import { NUMBER, writeFiles } from './lib/project.mjs';
import { number, say, table } from './lib/report.mjs';
import { quantile } from './lib/statistics.mjs';

const PAUSE_MS = 300; // a spare worker has taken the place of the last one by then

export async function cold({ scratch, samples }) {
  const functions = join(scratch, 'functions');
  for (const [language, { extension, source }] of Object.entries(NUMBER)) {
    for (let index = 0; index < samples; index += 1) {
      writeFiles(functions, { [`${language}-fn${index}.${extension}`]: source(index) });
    }
  }
  const product = await startProduct('run', functions, scratch);
  const client = createClient(1);
  const rows = [];
  for (const language of Object.keys(NUMBER)) {
    const times = [];
    let wrong = 0;
    for (let index = 0; index < samples; index += 1) {
      await delay(PAUSE_MS);
      const startedAt = performance.now();
      const { status, body } = await client.get(`${product.url}/${language}-fn${index}`);
      times.push(performance.now() - startedAt);
      if (status !== 200 || JSON.parse(body).value !== index) wrong += 1;
    }
    rows.push([
      language,
      number(quantile(times, 0.5), 1),
      number(quantile(times, 0.95), 1),
      number(Math.max(...times), 1),
      number(wrong),
    ]);
  }
  client.close();
  say(`\nFirst request to a function, ${samples} functions each`);
  say(table(['', 'p50 ms', 'p95 ms', 'max ms', 'wrong'], rows));
}
