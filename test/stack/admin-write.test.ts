import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, TestStack } from './support.ts';

/** A handler in each language that answers with a word of its own, one of its environment, and how often it was called. */
const LANGUAGES = [
  {
    runtime: 'node',
    file: 'handler.js',
    code: 'let n = 0; exports.handler = ({ env }) => ({ body: { word: "WORD", key: env.KEY ?? null, n: ++n } });',
    broken: 'exports.handler = () => {\n  return (\n};',
    brokenLine: 3,
  },
  {
    runtime: 'python',
    file: 'handler.py',
    code: 'n = 0\ndef handler(event):\n    global n\n    n += 1\n    return {"body": {"word": "WORD", "key": event["env"].get("KEY"), "n": n}}\n',
    broken: 'def handler(event):\n    return (\n',
    brokenLine: 2,
  },
  {
    runtime: 'php',
    file: 'handler.php',
    code: '<?php\nfunction handler($event) { static $n = 0; return ["body" => ["word" => "WORD", "key" => $event["env"]["KEY"] ?? null, "n" => ++$n]]; }',
    broken: '<?php\nfunction handler($event) {\n  return [;\n}',
    brokenLine: 3,
  },
  {
    runtime: 'lua',
    file: 'handler.lua',
    code: 'local n = 0\nfunction handler(event) n = n + 1 return { body = { word = "WORD", key = event.env.KEY, n = n } } end',
    broken: 'function handler(event)\n  return (\nend',
    brokenLine: 3,
  },
] as const;

const PYTHON = 'def handler(event):\n    return event["env"].get("API_KEY", "none")\n';

let stack: TestStack;
beforeAll(async () => {
  const files = LANGUAGES.map(({ runtime, file, code }) => [`${runtime}-fn/${file}`, code]);
  stack = await TestStack.start(
    { ...Object.fromEntries(files), 'hello/handler.py': PYTHON, 'single/hi.py': PYTHON, 'single/ho.py': PYTHON },
    { env: { FN_CONSOLE_WRITE_ENABLED: '1' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

const JSON_TYPE = { 'content-type': 'application/json' };

function admin(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return stack.get(`/_fn/${path}`, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** The line of the documentation, literally. */
function curl(name: string, value: string): unknown {
  const line = `curl -sS 'http://127.0.0.1:8080/_fn/function-env?runtime=python&name=${name}' -X PUT -H 'Content-Type: application/json' --data '{"API_KEY":{"value":"${value}","is_secret":true}}'`;
  return JSON.parse(execFileSync('bash', ['-c', line.replace('8080', String(stack.port))], { encoding: 'utf8' }));
}

describe('P182, F149: variables', () => {
  test.each([
    ['a folder', 'hello', '/hello', 'hello/fn.env.json'],
    ['a single file', 'single/hi', '/single/hi', 'single/fn.env.json'],
  ])(
    'P156: the curl line of the documentation works for %s, and the next request sees the value',
    async (_, name, path, file) => {
      expect((await stack.get(path)).text).toBe('none');
      for (const value of ['hello-secret', 'another-secret']) {
        expect(curl(name, value)).toMatchObject({
          runtime: 'python',
          version: 'default',
          fn_env: { API_KEY: { value: '<hidden>', is_secret: true } },
          file_path: file,
          load: { status: 'ok' },
        });
        expect((await stack.get(path)).text).toBe(value);
      }
      expect(statSync(join(stack.dir, file)).mode & 0o777).toBe(0o600);
    },
  );

  test('F145: single-file functions share the variables of their folder', async () => {
    expect((await stack.get('/single/ho')).text).toBe('another-secret');
  });

  test.each(LANGUAGES)('F149: $runtime: the very next request sees a changed value', async ({ runtime }) => {
    const target = `function-env?name=${runtime}-fn`;
    for (const value of ['one', 'two']) {
      const answer = await admin('PUT', target, { KEY: value });
      expect(answer.json()).toMatchObject({ fn_env: { KEY: { value, is_secret: false } }, load: { status: 'ok' } });
      expect((await stack.get(`/${runtime}-fn`)).json()).toMatchObject({ key: value, n: 1 });
    }
    await admin('PUT', target, { KEY: null });
    expect((await stack.get(`/${runtime}-fn`)).json().key ?? null).toBeNull();
  });
});
