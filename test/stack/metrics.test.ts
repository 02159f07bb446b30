import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Samples, samplesOf } from './exposition.ts';
import { LANGUAGES } from './languages.ts';
import { isAlive, TestStack, until } from './support.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(
    {
      'js/hello.js': 'exports.handler = () => "hello from node";',
      'py/hello.py': 'def handler(event):\n    return "hello from python"\n',
      'ph/hello.php': '<?php function handler($event) { return "hello from php"; }',
      'lu/hello.lua': 'return function(event) return "hello from lua" end',
      'throws.js': 'exports.handler = () => { throw new Error("no"); };',
      'exits.js': 'exports.handler = () => process.exit(3);',
      'sleeps.js': 'exports.handler = () => new Promise(() => {});',
      'wrong.js': 'exports.handler = () => ({ status: 999 });',
      'post.only.js': 'exports.handler = () => "posted";',
      'small/fn.config.json': { max_body_bytes: 1000 },
      'small/post.body.js': 'exports.handler = () => "small";',
      'limited/fn.config.json': { rate_limit: { requests: 1, window_seconds: 3600 } },
      'limited/a.js': 'exports.handler = () => "limited";',
      'full/fn.config.json': {
        timeout_ms: 20_000,
        worker_pool: { max_workers: 1, max_queue: 1, queue_timeout_ms: 20_000 },
      },
      'full/a.py':
        'import os, time\ndef handler(event):\n    while not os.path.exists(os.path.join(os.environ["FN_FUNCTIONS_ROOT"], ".open")):\n        time.sleep(0.01)\n    return "full"\n',
      'slow/fn.config.json': { timeout_ms: 300 },
      'slow/a.js': 'exports.handler = () => new Promise(() => {});',
      'keyed/fn.config.json': { auth: { api_key: { keys: [{ id: 'one', env: 'KEY' }] } } },
      'keyed/fn.env.json': { KEY: { value: 'a key of at least thirty-two characters', is_secret: true } },
      'keyed/a.js': 'exports.handler = () => "keyed";',
      'streams.js':
        'exports.handler = () => new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("x".repeat(70000))); c.close(); } }));',
      'edited.js': 'exports.handler = () => "one";',
    },
    { env: { FN_ADMIN_TOKEN: 'a token of at least thirty-two characters' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

const HELLO = 'node/js/hello.js@default';

/** What was added to the metrics while `act` ran. */
async function during(act: () => Promise<unknown>): Promise<(read: (samples: Samples) => number) => number> {
  const before = await samplesOf(stack);
  await act();
  const after = await samplesOf(stack);
  return (read) => read(after) - read(before);
}

const rejected = (reason: string) => (samples: Samples) => samples.value(`fastfn_rejected_total{reason="${reason}"}`);

describe('requests', () => {
  test.each(LANGUAGES)(
    'P217: answers of $runtime are counted as soon as they have come',
    async ({ dir, runtime, extension }) => {
      await stack.get(`/${dir}/hello`);
      const added = await during(async () => {
        for (let turn = 0; turn < 3; turn += 1) expect(await stack.get(`/${dir}/hello`)).toMatchObject({ status: 200 });
      });
      const key = `${runtime}/${dir}/hello.${extension}@default`;
      expect(added((samples) => samples.requests(key, 'GET', 200))).toBe(3);
      expect(added((samples) => samples.value(`fastfn_http_request_duration_seconds_count{function="${key}"}`))).toBe(
        3,
      );
    },
  );

  test('P217: concurrent requests are counted exactly, over all nginx workers', async () => {
    const added = await during(async () => {
      for (let turn = 0; turn < 5; turn += 1) {
        await Promise.all(Array.from({ length: 40 }, () => stack.get('/js/hello')));
      }
    });
    expect(added((samples) => samples.requests(HELLO, 'GET', 200))).toBe(200);
  });

  test.each([
    ['GET', '/throws', 'throws', 500],
    ['GET', '/exits', 'exits', 502],
    ['GET', '/wrong', 'wrong', 502],
    ['GET', '/slow/a', 'slow/a', 504],
    ['GET', '/streams', 'streams', 200],
    ['HEAD', '/js/hello', 'js/hello', 200],
  ])('P217: %s %s counts for its function as %s %i', async (method, path, name, code) => {
    const added = await during(async () => expect((await stack.get(path, { method })).status).toBe(code));
    expect(added((samples) => samples.requests(`node/${name}.js@default`, method, code))).toBe(1);
  });

  test.each([
    ['GET', '/nowhere', 404, 'GET'],
    ['GET', '/only', 405, 'GET'],
    ['PURGE', '/nowhere', 404, 'OTHER'],
  ])('P217: %s %s is counted without a function as %i %s', async (method, path, code, label) => {
    const added = await during(async () => expect((await stack.get(path, { method })).status).toBe(code));
    expect(added((samples) => samples.requests('', label, code))).toBe(1);
  });

  test('P217: what nginx itself refuses is counted with the method that was sent', async () => {
    const added = await during(async () => {
      const request = `POST /js/hello HTTP/1.1\r\nHost: a\r\nX-Long: ${'z'.repeat(40_000)}\r\n\r\n`;
      expect(String(await exchange(request))).toMatch(/^HTTP\/1.1 431 /);
    });
    expect(added((samples) => samples.requests('', 'POST', 431))).toBe(1);
  });

  test.each([
    ['announced', { 'content-length': '5000' }],
    ['chunked', { 'transfer-encoding': 'chunked' }],
  ])('P217: a body above the limit counts as 413 of its function (%s)', async (_how, headers) => {
    const options = { method: 'POST', headers, body: 'x'.repeat(5000) };
    const counted = (samples: Samples) => samples.requests('node/small/post.body.js@default', 'POST', 413);
    const before = await samplesOf(stack);
    expect((await stack.get('/small/body', options)).status).toBe(413);
    const after = await until(async () => {
      const samples = await samplesOf(stack);
      return counted(samples) > counted(before) && samples;
    }, 'nginx has done with the body that nobody reads');
    expect(counted(after) - counted(before)).toBe(1);
    expect(rejected('body_size')(after) - rejected('body_size')(before)).toBe(1);
  });

  test('P217: a rate limit counts 429 and a rejection', async () => {
    await stack.get('/limited/a');
    const added = await during(async () => expect((await stack.get('/limited/a')).status).toBe(429));
    expect(added((samples) => samples.requests('node/limited/a.js@default', 'GET', 429))).toBe(1);
    expect(added(rejected('rate_limit'))).toBe(1);
  });

  test.each([
    ['missing', {}],
    ['invalid', { 'x-api-key': 'another key of thirty-two characters' }],
  ])('P217: refused credentials count as 401 and by what was wrong (%s)', async (kind, headers) => {
    const added = await during(async () => expect((await stack.get('/keyed/a', { headers })).status).toBe(401));
    expect(added((samples) => samples.requests('node/keyed/a.js@default', 'GET', 401))).toBe(1);
    expect(added((samples) => samples.value(`fastfn_auth_failures_total{kind="${kind}"}`))).toBe(1);
  });

  test('P217: a client that leaves is counted as 499', async () => {
    const added = await during(async () => {
      const leaving = new AbortController();
      const request = stack.get('/sleeps', { signal: leaving.signal }).catch(() => null);
      await until(async () => (await samplesOf(stack)).value('fastfn_http_in_flight') > 0, 'the request is in flight');
      leaving.abort();
      await request;
      await until(async () => (await samplesOf(stack)).value('fastfn_http_in_flight') === 0, 'the request is over');
    });
    expect(added((samples) => samples.requests('node/sleeps.js@default', 'GET', 499))).toBe(1);
  });

  test('P217: bytes of requests and answers are those on the wire', async () => {
    const request = 'POST /only HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc';
    let answer: Buffer = Buffer.alloc(0);
    const added = await during(async () => {
      answer = await exchange(request);
    });
    expect(added((samples) => samples.value('fastfn_http_request_bytes_total'))).toBe(request.length);
    expect(added((samples) => samples.value('fastfn_http_response_bytes_total'))).toBe(answer.length);
  });

  test('P217: probes and other addresses of the platform are not counted as requests', async () => {
    const count = (samples: Samples) => samples.value('fastfn_http_request_duration_seconds_count{function=""}');
    const added = await during(async () => {
      expect((await stack.get('/_fn/live')).status).toBe(200);
      expect((await stack.get('/_fn/nowhere')).status).toBe(404);
    });
    expect(added(count)).toBe(0);
  });

  test('P217: requests in flight and in the queue are seen while they last, and overflow is counted', async () => {
    const held = [stack.get('/full/a'), stack.get('/full/a')];
    const inQueue = await until(async () => {
      const samples = await samplesOf(stack);
      return samples.value('fastfn_http_in_flight') === 2 && samples.value('fastfn_queue_depth') === 1 && samples;
    }, 'one request runs and one waits');
    expect(inQueue.value('fastfn_http_in_flight')).toBe(2);
    const added = await during(async () => expect((await stack.get('/full/a')).status).toBe(429));
    expect(added(rejected('overflow'))).toBe(1);
    stack.write({ '.open': '' });
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
    const after = await samplesOf(stack);
    expect([after.value('fastfn_http_in_flight'), after.value('fastfn_queue_depth')]).toEqual([0, 0]);
  });
});

describe('the rest of the stack', () => {
  test('P217: counters survive a reload; the reload is counted and timed', async () => {
    const key = 'node/edited.js@default';
    await stack.get('/edited');
    const before = await samplesOf(stack);
    stack.write({ 'edited.js': 'exports.handler = () => "two";' });
    await until(async () => (await stack.get('/edited')).text === 'two', 'the edit is served');
    const after = await samplesOf(stack);
    expect(after.requests(key, 'GET', 200)).toBeGreaterThan(before.requests(key, 'GET', 200));
    const added = (name: string) => after.value(name) - before.value(name);
    await until(
      async () =>
        (await samplesOf(stack)).value('fastfn_reloads_total{result="done"}') >
        before.value('fastfn_reloads_total{result="done"}'),
      'the reload is counted',
    );
    expect(added('fastfn_route_table_version')).toBeGreaterThan(0);
  });

  test('P217: a save that does not load is counted as a failed reload', async () => {
    const failed = 'fastfn_reloads_total{result="failed"}';
    const before = (await samplesOf(stack)).value(failed);
    stack.write({ 'edited.js': 'exports.handler = () => {' });
    await until(async () => (await samplesOf(stack)).value(failed) > before, 'the failure is counted');
  });

  test('P217: gauges tell routes, functions, workers and connections', async () => {
    const samples = await samplesOf(stack);
    expect(samples.value('fastfn_functions{runtime="lua"}')).toBe(1);
    expect(samples.value('fastfn_functions{runtime="php"}')).toBe(1);
    expect(samples.value('fastfn_routes')).toBeGreaterThan(10);
    expect(samples.value('fastfn_route_conflicts')).toBe(0);
    expect(samples.value('fastfn_workers{runtime="node",state="ready"}')).toBeGreaterThan(0);
    expect(samples.value('fastfn_worker_rss_bytes')).toBeGreaterThan(1_000_000);
    expect(samples.value('fastfn_worker_starts_total{reason="spare"}')).toBeGreaterThan(0);
    expect(samples.value('fastfn_worker_exits_total{reason="exit"}')).toBeGreaterThan(0);
    expect(samples.value('fastfn_cold_starts_total')).toBeGreaterThan(3);
    expect(samples.keys.filter((key) => key.startsWith('fastfn_nginx_connections'))).toHaveLength(3);
    expect(samples.value('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  });

  test('P205: the workers of a function, with what they have served', async () => {
    await stack.get('/js/hello');
    const served = await until(async () => {
      const [worker] = (await stack.get('/_fn/workers?name=js/hello')).json().workers;
      return worker.requests > 0 && worker;
    }, 'the beat has told what the worker served');
    expect(served).toMatchObject({ runtime: 'node', function: HELLO, state: 'ready', index: 1, outstanding: 0 });
    expect(isAlive(served.pid)).toBe(true);
    const all = (await stack.get('/_fn/workers')).json().workers;
    expect(all.some(({ state }: { state: string }) => state === 'spare')).toBe(true);
  });

  test('P203: the dashboard sums up the last hour, by function', async () => {
    const dashboard = (await stack.get('/_fn/dashboard?window=1h&name=js/hello')).json();
    const requests = dashboard.requests_24h;
    expect(requests).toBeGreaterThan(200);
    expect(dashboard.invocations_chart.data.reduce((sum: number, count: number) => sum + count, 0)).toBe(requests);
    expect(dashboard.by_function).toMatchObject([{ key: HELLO, requests, errors: 0 }]);
    const all = (await stack.get('/_fn/dashboard')).json();
    expect(all.errors_24h).toBeGreaterThanOrEqual(4);
    expect(all.invocations_chart.labels).toHaveLength(96);
    expect(await stack.get('/_fn/dashboard?window=1w')).toMatchObject({ status: 400 });
  });

  test('P204: the Accept header chooses the format', async () => {
    const plain = await stack.get('/_fn/metrics');
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
    const open = await stack.get('/_fn/metrics', { headers: { accept } });
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(open.text.endsWith('# EOF\n')).toBe(true);
  });

  test('P217: requests to the admin API and refused tokens are counted', async () => {
    const added = await during(async () => {
      expect((await stack.get('/_fn/nowhere')).status).toBe(404);
      await stack.get('/_fn/health', { headers: { 'x-fn-admin-token': 'wrong' } });
    });
    expect(added((samples) => samples.value('fastfn_admin_requests_total{code="404"}'))).toBe(1);
    expect(added((samples) => samples.value('fastfn_auth_failures_total{kind="admin_token"}'))).toBe(1);
  });

  test('P217: an nginx worker that is killed takes no counts with it that were told before', async () => {
    const before = (await samplesOf(stack)).requests(HELLO, 'GET', 200);
    const [victim] = nginxWorkers();
    process.kill(victim as number, 'SIGKILL');
    await until(
      () => nginxWorkers().length === 2 && !nginxWorkers().includes(victim as number),
      'nginx has replaced it',
    );
    await until(async () => (await stack.get('/js/hello').catch(() => null))?.status === 200, 'requests are answered');
    const added = await during(() => Promise.all(Array.from({ length: 20 }, () => stack.get('/js/hello'))));
    expect(added((samples) => samples.requests(HELLO, 'GET', 200))).toBe(20);
    expect((await samplesOf(stack)).requests(HELLO, 'GET', 200)).toBeGreaterThanOrEqual(before + 20);
  });

  test.skipIf(spawnSync('promtool', ['--version']).error !== undefined)(
    'P217: promtool check metrics is clean (skipped where promtool is absent)',
    async () => {
      const { text } = await samplesOf(stack);
      expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
    },
  );
});

function nginxWorkers(): number[] {
  const pid = stack.runFile().children.find(({ role }) => role === 'nginx')?.pid;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Sends these bytes and resolves with all that comes until the server closes the connection. */
function exchange(bytes: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(new URL(stack.url).port), '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}
