import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestStack, until, writeFiles } from './support.ts';

const ROUNDS = 5;
/** Large enough that writing it takes many system calls. */
const PADDING = `// ${'x'.repeat(512 * 1024)}\n`;
const codeOf = (n: number) => `${PADDING}exports.handler = () => ({ n: ${n} });\n`;
const configOf = (n: number) => ({ timeout_ms: 1000 + n, note: 'x'.repeat(64 * 1024) });
const CREATED = ['fn.config.json', 'fn.env.json', 'handler.js'];

let base: string;
let dir: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'fastfn-test-'));
  dir = join(base, 'project');
  mkdirSync(dir);
  writeFiles(dir, {
    'hello/handler.js': codeOf(0),
    'hello/fn.config.json': configOf(0),
    'hello/fn.env.json': { N: 0 },
  });
});
afterAll(() => rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

function start(): Promise<TestStack> {
  const stack = TestStack.over(base, dir, { env: { FN_CONSOLE_WRITE_ENABLED: '1' } });
  return stack.untilReady().then(() => stack);
}

function send(stack: TestStack, method: string, path: string, body?: unknown) {
  return stack.get(`/_fn/${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
}

/** Writes of every kind at once, one after another of each, until the stack is gone; `onAnswer` hears of each that worked. */
async function writeUntilKilled(stack: TestStack, from: number, onAnswer: () => void): Promise<void> {
  const writers: ((n: number) => Promise<unknown>)[] = [
    (n) => send(stack, 'PUT', 'function-code?name=hello', { code: codeOf(n) }),
    (n) => send(stack, 'PUT', 'function-config?name=hello', configOf(n)),
    (n) => send(stack, 'PUT', 'function-env?name=hello', { N: n }),
    (n) => send(stack, 'POST', `function?runtime=node&name=made/fn${n}`, { code: codeOf(n), env: { N: n } }),
    (n) => send(stack, 'DELETE', `function?name=made/fn${n - 1}&all=1`),
  ];
  const untilGone = async (write: (n: number) => Promise<unknown>) => {
    for (let n = from; ; n += 1) {
      await write(n);
      onAnswer();
    }
  };
  await Promise.allSettled(writers.map(untilGone));
}

test('P164: kill -9 in the middle of writes leaves every file old or new, and the next start finds them', async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const stack = await start();
    let answers = 0;
    await writeUntilKilled(stack, round * 1000 + 1, () => {
      answers += 1;
      if (answers === 7 + round * 3) stack.kill('SIGKILL');
    });
    expect((await stack.exited).signal).toBe('SIGKILL');
    expectWhole();
  }
  const stack = await start();
  try {
    const { n } = (await stack.get('/hello')).json();
    expect(readFileSync(join(dir, 'hello/handler.js'), 'utf8')).toBe(codeOf(n));
    const functions = (await stack.get('/_fn/api/functions')).json() as { name: string }[];
    const made = existsSync(join(dir, 'made')) ? visible('made').map((name) => `made/${name}`) : [];
    expect(functions.map(({ name }) => name).sort()).toEqual(['hello', ...made].sort());
    await expectCleanedByWrites(stack);
  } finally {
    stack.kill('SIGTERM');
    await stack.exited;
  }
}, 120_000);

const visible = (path: string) => readdirSync(join(dir, path)).filter((name) => !name.startsWith('.'));

function expectWhole(): void {
  expect(visible('')).toEqual(expect.arrayContaining(['hello']));
  expect(visible('hello').sort()).toEqual(CREATED);
  const code = readFileSync(join(dir, 'hello/handler.js'), 'utf8');
  expect(code).toBe(codeOf(Number(/n: (\d+)/.exec(code)?.[1])));
  const config = JSON.parse(readFileSync(join(dir, 'hello/fn.config.json'), 'utf8'));
  expect(config).toEqual(configOf(config.timeout_ms - 1000));
  expect(JSON.parse(readFileSync(join(dir, 'hello/fn.env.json'), 'utf8'))).toHaveProperty('N');
  for (const name of existsSync(join(dir, 'made')) ? visible('made') : []) {
    expect(visible(`made/${name}`).sort()).toEqual(CREATED);
    expect(readFileSync(join(dir, `made/${name}/handler.js`), 'utf8')).toBe(codeOf(Number(name.slice(2))));
  }
}

/** What killed writers left has names that nothing scans or serves; the next write beside it takes it away. */
async function expectCleanedByWrites(stack: TestStack): Promise<void> {
  const hidden = (path: string) => readdirSync(join(dir, path)).filter((name) => name.endsWith('.tmp'));
  await send(stack, 'PUT', 'function-code?name=hello', { code: codeOf(1) });
  await send(stack, 'PUT', 'function-config?name=hello', configOf(1));
  await send(stack, 'PUT', 'function-env?name=hello', { N: 1 });
  await send(stack, 'POST', 'function?runtime=node&name=made/last');
  await until(() => hidden('hello').length + hidden('made').length === 0, 'leftovers are gone');
  expect((await stack.get('/made/last')).status).toBe(200);
}
