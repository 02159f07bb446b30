import { expect, test } from 'vitest';
import { PhpWorker, vectors } from './php-worker-support.ts';

const { heads } = vectors('heads');
const { cases } = vectors('responses');

/** F96: the gateway drops these, so the worker may send them. */
const DROPPED_BY_GATEWAY =
  /^(content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|x-request-id|x-fastfn-.*)$/;

test('every response vector for PHP holds', async () => {
  const worker = await PhpWorker.with("<?php function handler($e) { return json_decode($e['body'], true); }");
  for (const { name, result, expect: wanted, languages } of cases as VectorCase[]) {
    if (languages !== undefined && !languages.includes('php')) continue;
    const { answer, error } = await worker.request({ method: 'POST', body: JSON.stringify(result) });
    if (wanted.contract) {
      expect.soft(error?.kind, name).toBe('contract');
    } else if (wanted.proxy !== undefined) {
      expect.soft(answer?.head.proxy, name).toEqual(wanted.proxy);
    } else {
      const kept = Object.entries(answer?.headers ?? {}).filter(([header]) => !DROPPED_BY_GATEWAY.test(header));
      const got = {
        status: answer?.status,
        headers: Object.fromEntries(kept),
        body_base64: answer?.body.toString('base64'),
      };
      expect.soft(got, `${name} ${JSON.stringify(error)}`).toEqual(wanted);
    }
  }
});

test('every head vector holds', async () => {
  const worker = await PhpWorker.with("<?php function handler($e) { unset($e['raw_body']); return ['body' => $e]; }");
  for (const { name, hex, event } of heads as HeadCase[]) {
    const got = (await worker.json({ head: Buffer.from(hex, 'hex') })) as Record<string, unknown>;
    for (const [field, wanted] of Object.entries(event)) {
      if (field === 'context') expect.soft(got.context, name).toMatchObject(wanted as object);
      else expect.soft(got[field], `${name}: ${field}`).toEqual(withListsForEmptyMaps(wanted));
    }
  }
});

interface HeadCase {
  name: string;
  hex: string;
  event: Record<string, unknown>;
}

interface VectorCase {
  name: string;
  result: unknown;
  languages?: string[];
  expect: { contract?: boolean; proxy?: unknown };
}

/** PHP has one kind of array: an empty map is written as a list. */
function withListsForEmptyMaps(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withListsForEmptyMaps);
  const entries = Object.entries(value).map(([key, member]) => [key, withListsForEmptyMaps(member)]);
  return entries.length === 0 ? [] : Object.fromEntries(entries);
}
