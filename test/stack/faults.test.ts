import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, isAlive, TestStack, until } from './support.ts';

const TIMEOUT = { timeout_ms: 400 };

/** In every language: a counter that shows a living worker, an endless loop, an end of the process, a sleep, a throw. */
const FILES = {
  'node/fn.config.json': TIMEOUT,
  'node/ok.js': 'let n = 0; exports.handler = async () => ({ n: ++n, pid: process.pid });',
  'node/loop.js': 'exports.handler = (event) => { if (event.query.ok) return "fine"; for (;;); };',
  'node/exit.js': 'exports.handler = (event) => { if (event.query.ok) return "fine"; process.exit(3); };',
  'node/throw.js': 'exports.handler = () => { throw new Error("secret detail"); };',
  'node/await.js':
    'let n = 0; exports.handler = async (event) => { if (event.query.ok) return { n, pid: process.pid }; n++; await new Promise(() => {}); };',
  'python_/fn.config.json': TIMEOUT,
  'py/fn.config.json': TIMEOUT,
  'py/ok.py':
    'import os\nn = 0\ndef handler(event):\n    global n\n    n += 1\n    return {"n": n, "pid": os.getpid()}\n',
  'py/loop.py': 'def handler(event):\n    if event["query"].get("ok"): return "fine"\n    while True: pass\n',
  'py/exit.py': 'import sys\ndef handler(event):\n    if event["query"].get("ok"): return "fine"\n    sys.exit(3)\n',
  'py/hardexit.py': 'import os\ndef handler(event):\n    if event["query"].get("ok"): return "fine"\n    os._exit(3)\n',
  'py/throw.py': 'def handler(event):\n    raise ValueError("secret detail")\n',
  'ph/fn.config.json': TIMEOUT,
  'ph/ok.php': '<?php function handler($event) { static $n = 0; return ["n" => ++$n, "pid" => getmypid()]; }',
  'ph/loop.php': '<?php function handler($event) { if (isset($event["query"]["ok"])) return "fine"; while (true); }',
  'ph/exit.php': '<?php function handler($event) { if (isset($event["query"]["ok"])) return "fine"; die("bye"); }',
  'ph/throw.php': '<?php function handler($event) { throw new Exception("secret detail"); }',
  'lu/fn.config.json': TIMEOUT,
  'lu/ok.lua': 'local n = 0 function handler(event) n = n + 1 return { n = n } end',
  'lu/loop.lua': 'function handler(event) if event.query.ok then return "fine" end while true do end end',
  'lu/pcall.lua':
    'function handler(event) if event.query.ok then return "fine" end while true do pcall(function() while true do end end) end end',
  'lu/throw.lua': 'function handler(event) error("secret detail") end',
  'slow.js':
    'exports.handler = async (event) => { await new Promise((r) => setTimeout(r, Number(event.query.ms))); return "slept"; };',
  'once.js': `const { appendFileSync } = require("node:fs");
exports.handler = async (event) => { appendFileSync(process.env.MARKS, event.query.mark + "\\n"); await new Promise(() => {}); };`,
};

let stack: TestStack;
beforeAll(async () => {
  const { 'python_/fn.config.json': _, ...files } = FILES;
  stack = await TestStack.start({ ...files, 'fn.env.json': { MARKS: `/tmp/fastfn-marks-${process.pid}` } });
}, 60_000);
afterAll(() => stack?.stop());

async function status(path: string): Promise<number> {
  return (await stack.get(path)).status;
}

async function untilOk(path: string, ms: number): Promise<Answer> {
  let answer: Answer | undefined;
  await until(
    async () => (answer = await stack.get(path)).status === 200,
    `${path} answers 200, last ${answer?.status} ${answer?.text}`,
    ms,
  );
  return answer as Answer;
}

describe('F102: a handler that never returns', () => {
  test.each(['/node/loop', '/py/loop', '/ph/loop', '/lu/loop', '/lu/pcall'])(
    '%s gets 504 at its deadline, and the function is back within a second',
    async (path) => {
      await untilOk(`${path}?ok=1`, 10_000);
      const startedAt = performance.now();
      const answer = await stack.get(path);
      const ms = performance.now() - startedAt;
      expect([answer.status, answer.json().error]).toEqual([504, 'runtime timeout']);
      expect(ms).toBeGreaterThan(380);
      expect(ms).toBeLessThan(1500);
      const backAt = performance.now();
      await untilOk(`${path}?ok=1`, 3000);
      expect(performance.now() - backAt).toBeLessThan(1000);
    },
    20_000,
  );

  test('its neighbours never notice', async () => {
    await Promise.all(['/node/ok', '/py/ok', '/ph/ok'].map((path) => untilOk(path, 10_000)));
    const loops = ['/node/loop', '/py/loop', '/ph/loop'].map((path) => stack.get(path));
    const neighbours = await Promise.all(
      Array.from({ length: 30 }, (_, i) => status(['/node/ok', '/py/ok', '/ph/ok'][i % 3] as string)),
    );
    expect(new Set(neighbours)).toEqual(new Set([200]));
    expect((await Promise.all(loops)).map((answer) => answer.status)).toEqual([504, 504, 504]);
  }, 20_000);

  test('an async handler that merely awaits is abandoned, its worker lives on', async () => {
    const before = (await untilOk('/node/await?ok=1', 10_000)).json();
    expect(await status('/node/await')).toBe(504);
    const after = (await stack.get('/node/await?ok=1')).json();
    expect(after).toEqual({ n: before.n + 1, pid: before.pid });
  }, 20_000);
});

describe('F104: the end of a process costs only its open requests', () => {
  test.each(['/node/exit', '/py/exit', '/py/hardexit', '/ph/exit'])(
    '%s: 502 `worker died`, many times in a row, never a back-off (P100)',
    async (path) => {
      for (let i = 0; i < 6; i++) {
        const answer = await stack.get(path);
        expect([answer.status, answer.json().error]).toEqual([502, 'worker died']);
        await untilOk(`${path}?ok=1`, 1500);
      }
    },
    30_000,
  );

  test.each(['node/ok.js', 'py/ok.py', 'ph/ok.php'])(
    'kill -9 of the worker of %s: the next request is served',
    async (name) => {
      const path = `/${name.replace(/\.\w+$/, '')}`;
      const { pid } = (await untilOk(path, 10_000)).json();
      process.kill(pid, 'SIGKILL');
      await until(() => !isAlive(pid), 'the worker is gone');
      const answer = await untilOk(path, 1000);
      expect(answer.json().pid).not.toBe(pid);
    },
    20_000,
  );

  test('only the requests of that worker fail: the others of the stack are answered', async () => {
    const { pid } = (await untilOk('/node/ok', 10_000)).json();
    const sleeping = stack.get('/slow?ms=300');
    process.kill(pid, 'SIGKILL');
    expect((await sleeping).text).toBe('slept');
  }, 20_000);
});

describe('F72, F104: at most once', () => {
  test('a request whose worker dies while it runs is not run again', async () => {
    const marks = `/tmp/fastfn-marks-${process.pid}`;
    const pending = stack.get('/once?mark=a');
    const count = () => {
      try {
        return readFileSync(marks, 'utf8')
          .split('\n')
          .filter((line) => line === 'a').length;
      } catch {
        return 0;
      }
    };
    await until(() => count() === 1, 'the handler runs');
    const pid = await until(() => stack.workers('once.js')[0], 'run.json names the worker');
    process.kill(pid, 'SIGKILL');
    expect((await pending).status).toBe(502);
    expect(count()).toBe(1);
  }, 20_000);
});

describe('F100, F2: exceptions', () => {
  test.each(['/node/throw', '/py/throw', '/ph/throw', '/lu/throw'])(
    '%s: 500 without a word of the exception',
    async (path) => {
      const answer = await stack.get(path);
      expect(answer.status).toBe(500);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json()).toMatchObject({
        status: 500,
        error: 'handler error',
        request_id: answer.headers['x-request-id'],
      });
      expect(answer.text).not.toContain('secret');
      await until(() => stack.output.includes('secret detail'), 'the log has the exception');
    },
    20_000,
  );
});

describe('nginx', () => {
  const nginxPids = () => {
    const master = stack.runFile().children.find(({ role }) => role === 'nginx')?.pid as number;
    const workers = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ').map(Number);
    return { master, workers };
  };

  test('kill -9 of an nginx worker: the master starts another, requests go on, counts are not lost', async () => {
    await untilOk('/node/ok', 10_000);
    const { workers } = nginxPids();
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await until(
      async () => (await stack.get('/node/ok').catch(() => null))?.status === 200,
      'requests are served again',
      2000,
    );
    for (const path of ['/py/ok', '/lu/ok']) await untilOk(path, 2000);
  }, 20_000);

  test('P102: kill -9 of the master: its workers are ended, the port is served again within 1.5 s', async () => {
    await untilOk('/node/ok', 10_000);
    const { master, workers } = nginxPids();
    process.kill(master, 'SIGKILL');
    const startedAt = performance.now();
    await until(() => !workers.some(isAlive), 'the old workers are gone', 3000);
    await until(
      async () => (await stack.get('/node/ok').catch(() => null))?.status === 200,
      'requests are served again',
      5000,
    );
    expect(performance.now() - startedAt).toBeLessThan(1500);
    for (const path of ['/py/ok', '/ph/ok', '/lu/ok']) await untilOk(path, 2000);
  }, 20_000);
});
