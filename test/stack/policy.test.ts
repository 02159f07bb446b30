import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inEachLanguage, LANGUAGES } from './languages.ts';
import { head, sendRaw } from './raw-http.ts';
import { type Answer, TestStack, until } from './support.ts';

const sleeping = {
  js: 'let n = 0; exports.handler = async ({ query }) => { n += 1; const mine = n; await new Promise((resolve) => setTimeout(resolve, Number(query.ms ?? 0))); return { body: { n: mine, pid: process.pid } }; };',
  py: 'import os, time\nn = 0\ndef handler(event):\n    global n\n    n += 1\n    mine = n\n    time.sleep(int(event["query"].get("ms", 0)) / 1000)\n    return {"body": {"n": mine, "pid": os.getpid()}}\n',
  ph: '<?php function handler($event) { static $n = 0; $n++; usleep(1000 * (int) ($event["query"]["ms"] ?? 0)); return ["body" => ["n" => $n, "pid" => getmypid()]]; }',
  lu: 'local n = 0\nfunction handler(event) n = n + 1 local mine = n ngx.sleep(tonumber(event.query.ms or 0) / 1000) return { body = { n = mine } } end',
};

/** Holds its requests until a file appears, and leaves one when it holds 1,024; a look at it is answered at once. */
const HELD = `const { existsSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const opened = new Promise((resolve) => {
  const timer = setInterval(() => {
    if (existsSync(join(process.env.FN_FUNCTIONS_ROOT, '.open'))) resolve(clearInterval(timer));
  }, 20);
});
let held = 0;
exports.handler = async ({ query }) => {
  if (query.look) return 'look';
  if (++held === 1024) writeFileSync(join(process.env.FN_FUNCTIONS_ROOT, '.full'), '');
  return opened.then(() => 'held');
};`;

const POOL = { max_workers: 1, max_queue: 1 };
const everywhere = (folder: string, config: object) => ({
  ...inEachLanguage(`${folder}/sleep`, sleeping),
  ...Object.fromEntries(
    LANGUAGES.map(({ dir }) => [`${dir}/${folder}/fn.config.json`, { timeout_ms: 8000, ...config }]),
  ),
});

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(
    {
      ...everywhere('pool', { worker_pool: POOL }),
      ...everywhere('brief', { worker_pool: { ...POOL, queue_timeout_ms: 200 } }),
      ...everywhere('busy', { worker_pool: { ...POOL, max_queue: 0, overflow_status: 503 } }),
      ...everywhere('limit-one', { max_concurrency: 1, worker_pool: { max_workers: 1, max_queue: 1000 } }),
      ...everywhere('free', {}),
      ...everywhere('debug', { response: { include_debug_headers: true } }),
      'js/many.js': 'exports.handler = async () => "ok";',
      'js/wide/fn.config.json': { max_concurrency: 4000 },
      'js/wide/many.js': 'exports.handler = async () => "ok";',
      'js/held/fn.config.json': { timeout_ms: 20_000 },
      'js/held/a.js': HELD,
      'js/idle/fn.config.json': { worker_pool: { max_workers: 2, idle_ttl_seconds: 1 } },
      'js/idle/a.js': sleeping.js,
      'js/kept/fn.config.json': { worker_pool: { max_workers: 2, min_warm: 1, idle_ttl_seconds: 1 } },
      'js/kept/a.js': sleeping.js,
      'js/out.js':
        'exports.handler = () => { console.log("to stdout é\\nsecond"); console.error("to stderr"); return "x"; };',
      'js/debug/out.js':
        'exports.handler = () => { console.log("to stdout é%\\nsecond"); console.error("to stderr"); return "x"; };',
      'rate/ip/fn.config.json': { rate_limit: { requests: 3, window_seconds: 60 } },
      'rate/ip/a.js': 'exports.handler = () => "ok";',
      'rate/global/fn.config.json': { rate_limit: { requests: 2, window_seconds: 60, key: 'global' } },
      'rate/global/a.lua': 'function handler() return "ok" end',
      'rate/header/fn.config.json': {
        rate_limit: { requests: 2, window_seconds: 60, burst: 1, key: 'header:X-Tenant' },
      },
      'rate/header/a.py': 'def handler(event):\n    return "ok"\n',
    },
    { env: { FN_TRUSTED_PROXY_CIDRS: '' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort();
const languages = LANGUAGES.map((language) => [language.runtime, language.dir] as const);
const times = <T>(count: number, run: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)));

async function untilWarm(path: string): Promise<void> {
  await until(async () => (await stack.get(path)).status === 200, `${path} answers`);
}

describe('F123: worker_pool', () => {
  test.each(languages)(
    '1 worker, queue 1, three calls of 0.9 s at once: 200, 200 after the queue, 429: %s',
    async (_, dir) => {
      await untilWarm(`/${dir}/pool/sleep`);
      const answers = await times(3, () => stack.get(`/${dir}/pool/sleep?ms=900`));
      expect(statuses(answers)).toEqual([200, 200, 429]);
      const served = answers.filter(({ status }) => status === 200);
      expect(served.map(({ headers }) => headers['x-fastfn-queued'] ?? 'no').sort()).toEqual(['no', 'true']);
      const refused = answers.find(({ status }) => status === 429) as Answer;
      expect(refused.json()).toMatchObject({ status: 429, error: 'worker pool overflow' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    },
  );

  test.each(languages)(
    'F2: who waits longer than queue_timeout_ms gets 429 `worker pool queue timeout`: %s',
    async (_, dir) => {
      await untilWarm(`/${dir}/brief/sleep`);
      const answers = await times(2, () => stack.get(`/${dir}/brief/sleep?ms=3000`));
      expect(statuses(answers)).toEqual([200, 429]);
      const refused = answers.find(({ status }) => status === 429) as Answer;
      expect([refused.json().error, refused.headers['x-fastfn-queued']]).toEqual(['worker pool queue timeout', 'true']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      await untilWarm(`/${dir}/brief/sleep`);
    },
  );

  test.each(languages)('F122: overflow_status 503, and an overflow leaves nothing behind: %s', async (_, dir) => {
    await untilWarm(`/${dir}/busy/sleep`);
    const answers = await times(4, () => stack.get(`/${dir}/busy/sleep?ms=300`));
    expect(statuses(answers)).toEqual([200, 503, 503, 503]);
    const refused = answers.find(({ status }) => status === 503) as Answer;
    expect([refused.json().error, Number(refused.headers['retry-after']) >= 1]).toEqual(['worker pool overflow', true]);
    expect((await stack.get(`/${dir}/busy/sleep`)).status).toBe(200);
  });

  /** A Lua function has its module state in each nginx worker (F114): a limit of 1 bounds its calls, not its copies. */
  const ofProcesses = languages.filter(([runtime]) => runtime !== 'lua');
  test.each(ofProcesses)('F124: with a limit of 1 module state counts up call by call: %s', async (_, dir) => {
    const answers = await times(20, () => stack.get(`/${dir}/limit-one/sleep?ms=1`));
    expect(new Set(statuses(answers))).toEqual(new Set([200]));
    expect(answers.map((answer) => answer.json().n).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_unused, i) => i + 1),
    );
    expect((await stack.get(`/${dir}/limit-one/sleep`)).json().n).toBe(21);
  });
});

test('F123: who leaves while a Lua function runs gives its place back', async () => {
  await untilWarm('/lu/busy/sleep');
  const left = new AbortController();
  const running = stack.get('/lu/busy/sleep?ms=2000', { signal: left.signal }).catch(() => 'left');
  await until(async () => (await stack.get('/lu/busy/sleep')).status === 503, 'it runs');
  left.abort();
  expect(await running).toBe('left');
  await untilWarm('/lu/busy/sleep');
});

test('F123: who leaves the queue of a Lua function gives its place back', async () => {
  await untilWarm('/lu/pool/sleep');
  const left = new AbortController();
  const running = stack.get('/lu/pool/sleep?ms=900');
  const queued = stack.get('/lu/pool/sleep?ms=900', { signal: left.signal }).catch(() => 'left');
  await until(async () => (await stack.get('/lu/pool/sleep')).status === 429, 'the function and its queue are full');
  left.abort();
  expect([await queued, (await running).status]).toEqual(['left', 200]);
  const answers = await times(3, () => stack.get('/lu/pool/sleep?ms=300'));
  expect(statuses(answers)).toEqual([200, 200, 429]); // one runs, one waits: nothing of the one who left counts
});

test.each(languages)('P207: health tells of a pool what it does and what it refused: %s', async (_, dir) => {
  const pool = async () => {
    const { states } = (await stack.get('/_fn/health')).json().functions;
    return states.find(({ name }: { name: string }) => name.startsWith(`${dir}/pool/`)).worker_pool;
  };
  const before = (await pool()).queue_drops.overflow;
  const calls = times(3, () => stack.get(`/${dir}/pool/sleep?ms=1500`));
  await until(async () => (await pool()).queued === 1, 'one runs and one waits');
  expect(await pool()).toMatchObject({ active: 1, queued: 1, queue_drops: { overflow: before + 1, timeout: 0 } });
  expect(statuses(await calls)).toEqual([200, 200, 429]);
  await until(async () => (await pool()).active === 0, 'nothing runs any more');
});

describe('F123a: a burst is slow, not refused', () => {
  test.each([
    ['/py/free/sleep?ms=20', 100],
    ['/ph/free/sleep?ms=5', 100],
    ['/lu/free/sleep?ms=20', 100],
    ['/js/free/sleep?ms=20', 500],
    ['/js/wide/many', 2000],
  ])(
    '%s, %i at once, warm or not',
    async (path, count) => {
      const answers = await times(count, () => stack.get(path));
      expect(new Set(statuses(answers))).toEqual(new Set([200]));
    },
    60_000,
  );
});

test('F123a: 1,024 requests of a function may be in flight, the next is 429, and none of them is lost', async () => {
  await untilWarm('/js/held/a?look=1');
  const held = times(1024, () => stack.get('/js/held/a'));
  await until(() => existsSync(join(stack.dir, '.full')), 'the function is full');
  const refused = await stack.get('/js/held/a?look=1');
  expect([refused.status, refused.json().error]).toEqual([429, 'worker pool overflow']);
  stack.write({ '.open': '' });
  expect(new Set(statuses(await held))).toEqual(new Set([200]));
  expect((await stack.get('/js/held/a?look=1')).status).toBe(200);
}, 60_000);

describe('F144: rate limits', () => {
  test('by address: the bucket empties, 429 says when to come back', async () => {
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await stack.get('/rate/ip/a'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    for (const { headers } of answers) {
      expect(headers.ratelimit).toMatch(/\d/);
      expect(headers['ratelimit-policy']).toMatch(/3.*60/);
    }
    const refused = answers[4] as Answer;
    expect(refused.json()).toMatchObject({ status: 429, error: 'rate limit exceeded' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  });

  test('global: one bucket for all', async () => {
    const seen = [];
    for (let i = 0; i < 3; i++)
      seen.push((await stack.get('/rate/global/a', { headers: { 'x-forwarded-for': `10.0.0.${i}` } })).status);
    expect(seen).toEqual([200, 200, 429]);
  });

  test('by header: a bucket for each value, as large as burst', async () => {
    const ask = async (tenant: string) =>
      (await stack.get('/rate/header/a', { headers: { 'x-tenant': tenant } })).status;
    expect([await ask('a'), await ask('a'), await ask('b'), await ask('b')]).toEqual([200, 429, 200, 429]);
  });

  test('F99: OPTIONS is answered before the limit', async () => {
    expect((await stack.get('/rate/ip/a', { method: 'OPTIONS' })).status).toBe(204);
  });
});

describe('F3: life-cycle headers', () => {
  test.each(languages)('the first answer is cold and warmed, the next warm: %s', async (_, dir) => {
    const [first, second] = [await stack.get(`/${dir}/debug/sleep`), await stack.get(`/${dir}/debug/sleep`)];
    expect([first?.headers['x-fastfn-function-state'], first?.headers['x-fastfn-warmed']]).toEqual(['cold', 'true']);
    expect([second?.headers['x-fastfn-function-state'], second?.headers['x-fastfn-warmed']]).toEqual([
      'warm',
      undefined,
    ]);
  });
});

describe('F108: debug headers', () => {
  test.each(LANGUAGES.map((language) => [language.runtime, language] as const))(
    'say what ran where: %s',
    async (_, { dir, runtime, extension }) => {
      const { headers } = await stack.get(`/${dir}/debug/sleep`);
      expect(headers).toMatchObject({
        'x-fn-request-id': headers['x-request-id'],
        'x-fn-runtime': runtime,
        'x-fn-function': `${dir}/debug/sleep.${extension}`,
        'x-fn-version': 'default',
        'x-fn-latency-ms': expect.stringMatching(/^\d+(\.\d+)?$/),
        'x-fn-worker-pool-max-workers': expect.stringMatching(/^\d+$/),
        'x-fn-worker-pool-max-queue': '0',
        'x-fn-runtime-routing': dir === 'lu' ? 'in_process' : 'single',
      });
      expect(headers['x-fn-runtime-socket-index']).toBe(dir === 'lu' ? undefined : '1');
    },
  );

  test('carry the output, percent-encoded, and only where they are asked for', async () => {
    const { headers } = await stack.get('/js/debug/out');
    expect(headers['x-fn-stdout']).toMatch(/^to stdout %C3%A9%25%0Asecond/);
    expect(headers['x-fn-stderr']).toMatch(/^to stderr/);
    const plain = await stack.get('/js/out');
    expect(Object.keys(plain.headers).filter((name) => name.startsWith('x-fn-'))).toEqual([]);
  });
});

describe('F1: request ids', () => {
  test('are fresh for each request; a stranger cannot choose one', async () => {
    const answers = await times(20, () => stack.get('/js/many', { headers: { 'x-request-id': 'mine' } }));
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^req-\d{13}-\d+-\d{6}$/);
  });
});

describe('F125, P111: idle workers', () => {
  test('end after idle_ttl_seconds, and the next call starts one', async () => {
    const { pid } = (await stack.get('/js/idle/a')).json();
    await until(() => stack.workers('js/idle/a.js').includes(pid), 'its worker is on record');
    await until(() => stack.workers('js/idle/a.js').length === 0, 'the idle worker ended');
    const again = await stack.get('/js/idle/a');
    expect([again.status, again.headers['x-fastfn-function-state']]).toEqual([200, 'cold']);
    expect(again.json().pid).not.toBe(pid);
  });

  test('min_warm are started unasked, and stay', async () => {
    await until(() => stack.workers('js/kept/a.js').length === 1, 'a warm worker is there before any call');
    const [pid] = stack.workers('js/kept/a.js');
    const answer = await stack.get('/js/kept/a');
    expect([answer.headers['x-fastfn-function-state'], answer.json().pid]).toEqual(['warm', pid]);
    await stack.get('/js/idle/a');
    await until(() => stack.workers('js/idle/a.js').length === 1, 'its worker is on record');
    await until(() => stack.workers('js/idle/a.js').length === 0, 'an idle worker without min_warm ended meanwhile');
    expect(stack.workers('js/kept/a.js')).toEqual([pid]);
  });
});

describe('with a trusted proxy and recycling', () => {
  let proxied: TestStack;
  beforeAll(async () => {
    proxied = await TestStack.start(
      {
        'ip.js': 'exports.handler = (event) => ({ body: { ip: event.client.ip, id: event.id, pid: process.pid } });',
        'def.py': 'import os\ndef handler(event):\n    return {"body": {"pid": os.getpid()}}\n',
        'fun.php': '<?php function handler($event) { return ["body" => ["pid" => getmypid()]]; }',
        'rate/fn.config.json': { rate_limit: { requests: 1, window_seconds: 60 } },
        'rate/a.js': 'exports.handler = () => "ok";',
      },
      { env: { FN_TRUSTED_PROXY_CIDRS: '127.0.0.0/8', FN_WORKER_MAX_REQUESTS: '20' } },
    );
  }, 60_000);
  afterAll(() => proxied?.stop());

  const through = (lines: string[], path = '/ip') => sendRaw(proxied.port, head('GET', path, lines));

  test('F1, P94: it may name the request, in the right form only', async () => {
    const good = await through(['X-Forwarded-For: 9.9.9.9', 'X-Request-Id: trace-1.A_b']);
    expect([good.values('x-request-id'), good.json().id]).toEqual([['trace-1.A_b'], 'trace-1.A_b']);
    for (const bad of ['with space', 'x'.repeat(129), 'a/b', '']) {
      expect((await through(['X-Forwarded-For: 9.9.9.9', `X-Request-Id: ${bad}`])).values('x-request-id')).toEqual([
        expect.stringMatching(/^req-/),
      ]);
    }
  });

  test('F74: it names the client: the last address that is not a proxy', async () => {
    expect((await through(['X-Forwarded-For: 8.8.8.8, 9.9.9.9'])).json().ip).toBe('9.9.9.9');
    expect((await through(['X-Forwarded-For: 8.8.8.8, 127.0.0.5'])).json().ip).toBe('8.8.8.8');
    expect((await through([])).json().ip).toBe('127.0.0.1');
  });

  test('F144: `ip` limits count the client behind it', async () => {
    const ask = async (ip: string) => (await through([`X-Forwarded-For: ${ip}`], '/rate/a')).status;
    expect([await ask('1.1.1.1'), await ask('1.1.1.1'), await ask('2.2.2.2')]).toEqual([200, 429, 200]);
  });

  test.each(['/ip', '/def', '/fun'])(
    'P112: FN_WORKER_MAX_REQUESTS replaces the workers of %s without failing a request',
    async (path) => {
      const pids = new Set<number>();
      for (let round = 0; round < 12; round++) {
        const answers = await times(10, () => proxied.get(path));
        expect(new Set(statuses(answers))).toEqual(new Set([200]));
        for (const answer of answers) pids.add(answer.json().pid);
      }
      await until(async () => pids.add((await proxied.get(path)).json().pid).size > 1, 'a worker was replaced');
    },
  );
});

describe('P106, P131: a broken save', () => {
  test('keeps the last good version and says so to local clients only', async () => {
    const saved = await TestStack.start({
      'a.js': 'exports.handler = () => "good";',
      'b.py': 'def handler(event):\n    return "good"\n',
      'c.lua': 'function handler() return "good" end',
      'd.php': '<?php function handler() { return "good"; }',
    });
    try {
      for (const path of ['/a', '/b', '/c', '/d'])
        expect((await saved.get(path)).headers['x-fn-stale']).toBeUndefined();
      saved.write({
        'a.js': 'exports.handler = (',
        'b.py': 'def handler(\n',
        'c.lua': 'function handler( return',
        'd.php': '<?php function handler( {',
      });
      for (const path of ['/a', '/b', '/c', '/d']) {
        await until(
          async () => (await saved.get(path)).headers['x-fn-stale'] === 'error',
          `${path} is known to be stale`,
        );
        expect((await saved.get(path)).text).toBe('good');
        for (const headers of [{ 'x-forwarded-for': '9.9.9.9' }, { via: '1.1 p' }, { host: 'example.com' }]) {
          const answer = await saved.get(path, { headers });
          expect([answer.text, answer.headers['x-fn-stale']]).toEqual(['good', undefined]);
        }
      }
      saved.write({ 'a.js': 'exports.handler = () => "better";' });
      await until(async () => (await saved.get('/a')).text === 'better', 'the mended version serves');
      expect((await saved.get('/a')).headers['x-fn-stale']).toBeUndefined();
    } finally {
      await saved.stop();
    }
  });
});
