import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inEachLanguage, LANGUAGES, type Language } from './languages.ts';
import { head, sendRaw } from './raw-http.ts';
import { TestStack, until } from './support.ts';

const SECRET = 'hunter2-very-secret';

const SPEAK = {
  js: 'exports.handler = () => { console.log("to out %s", { a: 1 }); console.warn("to err"); process.stdout.write("direct\\n"); return "x"; };',
  py: 'import sys, logging\ndef handler(event):\n    print("to out", {"a": 1})\n    print("to err", file=sys.stderr)\n    sys.stdout.write("direct\\n")\n    logging.warning("by logging")\n    return "x"\n',
  ph: '<?php function handler($event) { fwrite(STDERR, "to err\\n"); return "x"; }',
  lu: 'function handler() print("to out", 1, true) return "x" end',
};
/** What each of them must leave in the log: stream and text. */
const SPOKEN: Readonly<Record<Language['dir'], readonly (readonly ['stdout' | 'stderr', string])[]>> = {
  js: [
    ['stdout', 'to out { a: 1 }'],
    ['stderr', 'to err'],
    ['stdout', 'direct'],
  ],
  py: [
    ['stdout', "to out {'a': 1}"],
    ['stderr', 'to err'],
    ['stdout', 'direct'],
    ['stderr', 'by logging'],
  ],
  ph: [['stderr', 'to err']],
  lu: [['stdout', 'to out\t1\ttrue']],
};
const LONG = {
  js: 'exports.handler = () => { console.log("y".repeat(1000000) + "END"); return "x"; };',
  py: 'def handler(event):\n    print("y" * 1000000 + "END")\n    return "x"\n',
  ph: '<?php function handler($event) { fwrite(STDERR, str_repeat("y", 1000000) . "END\\n"); return "x"; }',
  lu: 'function handler() print(("y"):rep(1000000) .. "END") return "x" end',
};
const FLOOD = {
  js: 'exports.handler = () => { for (let i = 0; i < 50000; i++) console.log("flood " + i); return "x"; };',
  py: 'def handler(event):\n    for i in range(50000):\n        print("flood", i)\n    return "x"\n',
  ph: '<?php function handler($event) { for ($i = 0; $i < 50000; $i++) fwrite(STDERR, "flood $i\\n"); return "x"; }',
  lu: 'function handler() for i = 1, 50000 do print("flood " .. i) end return "x" end',
};
const TELL = {
  js: 'exports.handler = (event) => { console.log("key=" + process.env.API_KEY + " open=" + event.env.OPEN); throw new Error("failed with " + event.env.API_KEY); };',
  py: 'import os\ndef handler(event):\n    print("key=" + os.environ["API_KEY"] + " open=" + event["env"]["OPEN"])\n    raise ValueError("failed with " + event["env"]["API_KEY"])\n',
  ph: '<?php function handler($event) { fwrite(STDERR, "key=" . getenv("API_KEY") . " open=" . $event["env"]["OPEN"] . "\\n"); throw new Exception("failed with " . $event["env"]["API_KEY"]); }',
  lu: 'function handler(event) print("key=" .. os.getenv("API_KEY") .. " open=" .. event.env.OPEN) error("failed with " .. event.env.API_KEY) end',
};

interface Line {
  readonly time: string;
  readonly level: string;
  readonly source: string;
  readonly function: string | null;
  readonly stream: string | null;
  readonly requestId: string | null;
  readonly message: string;
  readonly fields?: { readonly continued?: boolean };
}

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { timeout_ms: 20_000 },
    ...Object.fromEntries(
      LANGUAGES.map(({ dir }) => [`${dir}/fn.env.json`, { API_KEY: SECRET, OPEN: 'visible-value', SHORT_TOKEN: 'x' }]),
    ),
    ...inEachLanguage('speak', SPEAK),
    ...inEachLanguage('long', LONG),
    ...inEachLanguage('flood', FLOOD),
    ...inEachLanguage('tell', TELL),
    'ph/by-error-log.php': '<?php function handler($event) { error_log("by error_log"); return "x"; }',
    'ph/notices.php':
      '<?php function handler($event) { $a = []; echo $a["missing"] ?? ""; $x = $a["nope"]; trigger_error("my notice"); return "body"; }',
    'js/later.js': 'exports.handler = () => { setTimeout(() => console.log("after the answer"), 20); return "x"; };',
    'js/nobody.js':
      'console.log("while loading"); exports.handler = () => { Promise.reject(new Error("nobody caught this")); return "x"; };',
    'js/bytes.js':
      'exports.handler = () => { process.stdout.write(Buffer.from([0x61, 0xff, 0x62, 0x0a])); return "x"; };',
    'ts/typed.ts':
      'interface E { query: Record<string, string> }\n\n\nexport const handler = (event: E): string => {\n  const unused: number = 1;\n  throw new Error("typed failure");\n};\n',
  });
}, 60_000);
afterAll(() => stack?.stop());

const logFile = (name: string) => join(stack.base, 'state/logs', name);

function linesOf(name: string): any[] {
  if (!existsSync(logFile(name))) return [];
  const text = readFileSync(logFile(name), 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

const runtimeLines = (id: string): Line[] => linesOf('runtime.log').filter(({ requestId }) => requestId === id);
const languages = LANGUAGES.map((language) => [language.runtime, language] as const);

async function call(path: string): Promise<string> {
  return (await stack.get(path)).headers['x-request-id'] as string;
}

describe('F106, F107, P116: what a handler prints', () => {
  test.each(languages)(
    'is a line each, with function and request, in terminal and runtime.log: %s',
    async (_, language) => {
      const id = await call(`/${language.dir}/speak`);
      const name = `${language.dir}/speak.${language.extension}@default`;
      for (const [stream, text] of SPOKEN[language.dir]) {
        const stored = await until(
          () => runtimeLines(id).find(({ message }) => message.includes(text)),
          `runtime.log has ${text}`,
        );
        expect(stored).toMatchObject({ source: language.runtime, function: name, stream, requestId: id });
        expect(stored.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        const shown = await until(
          () => stack.output.split('\n').find((line) => line.includes(`[req:${id}]`) && line.includes(text)),
          'the terminal has it',
        );
        expect(shown).toContain(`[${language.runtime}]`);
        expect(shown).toContain(`[fn:${name} ${stream}]`);
      }
    },
  );

  test('PHP warnings and notices are logged and no part of the body', async () => {
    const answer = await stack.get('/ph/notices');
    expect([answer.status, answer.text]).toEqual([200, 'body']);
    const id = answer.headers['x-request-id'] as string;
    await until(() => runtimeLines(id).some(({ message }) => message.includes('my notice')), 'the notice is logged');
    await until(() => runtimeLines(id).some(({ message }) => message.includes('nope')), 'the warning is logged');
  });

  test('PHP error_log names its request', async () => {
    const id = await call('/ph/by-error-log');
    const line = await until(
      () => linesOf('runtime.log').find(({ message }) => message === 'by error_log'),
      'it is logged',
    );
    expect(line.requestId).toBe(id);
  });

  test('P118: output after the answer still names its request', async () => {
    const id = await call('/js/later');
    await until(() => runtimeLines(id).some(({ message }) => message === 'after the answer'), 'the late line is there');
  });

  test('F113: an unhandled rejection is logged and does not end the worker; output of loading names no request', async () => {
    const id = await call('/js/nobody');
    const pid = await until(() => stack.workers('js/nobody.js')[0], 'run.json names the worker');
    const rejection = await until(
      () => linesOf('runtime.log').find(({ message }) => message.includes('nobody caught this')),
      'it is logged',
    );
    expect([rejection.requestId, rejection.level]).toEqual([id, 'error']);
    expect((await stack.get('/js/nobody')).text).toBe('x');
    expect(stack.workers('js/nobody.js')).toEqual([pid]);
    expect(linesOf('runtime.log').find(({ message }) => message === 'while loading')).toMatchObject({
      requestId: null,
    });
    expect(stack.output).toMatch(/\[fn:js\/nobody\.js@default stdout\] \[req:-\] while loading/);
  });

  test('P116: bytes that are not UTF-8 are replaced, not lost', async () => {
    const id = await call('/js/bytes');
    await until(() => runtimeLines(id).some(({ message }) => message === 'a\ufffdb'), 'the line is there');
  });

  test('F66: the stack of a TypeScript handler names its own lines', async () => {
    const id = await call('/ts/typed');
    await until(() => runtimeLines(id).some(({ message }) => message.includes('typed failure')), 'the error is there');
    await until(
      () => runtimeLines(id).some(({ message }) => /typed\.ts:6:/.test(message)),
      'the stack names line 6 of the source',
    );
  });
});

describe('P116: long lines and floods', () => {
  test.each(languages)('a line of a million bytes is kept in pieces of 16 KiB that say so: %s', async (_, { dir }) => {
    const id = await call(`/${dir}/long`);
    await until(() => runtimeLines(id).some(({ message }) => message.endsWith('END')), 'the end of the line is there');
    const pieces = runtimeLines(id);
    expect(pieces.map(({ message }) => message).join('')).toBe(`${'y'.repeat(1_000_000)}END`);
    expect(pieces.every(({ message }) => Buffer.byteLength(message) <= 16_384)).toBe(true);
    expect(pieces.map(({ fields }) => fields?.continued ?? false)).toEqual(
      pieces.map((_unused, i) => i < pieces.length - 1),
    );
  });

  test.each(languages)(
    'P117: 50,000 lines do not stop the handler or its neighbours; what is dropped is counted: %s',
    async (_, { dir }) => {
      const [flood, neighbour] = await Promise.all([stack.get(`/${dir}/flood`), stack.get('/js/later')]);
      expect([flood.status, neighbour.status]).toEqual([200, 200]);
      const id = flood.headers['x-request-id'] as string;
      const total = () => {
        const lines = linesOf('runtime.log').concat(linesOf('runtime.log.1'));
        const kept = lines.filter(({ requestId, message }) => requestId === id && message.startsWith('flood')).length;
        const dropped = lines
          .map(({ message }) => Number(/^(\d+) lines dropped/.exec(message)?.[1] ?? 0))
          .reduce((a, b) => a + b, 0);
        return kept + dropped;
      };
      await until(() => total() >= 50_000, `every line is kept or counted, ${total()} so far`);
      expect((await stack.get(`/${dir}/speak`)).status).toBe(200);
    },
    60_000,
  );
});

describe('F107, P118: secrets', () => {
  test.each(languages)('of fn.env.json never appear in a line, shown or stored: %s', async (_, { dir }) => {
    const answer = await stack.get(`/${dir}/tell`);
    const id = answer.headers['x-request-id'] as string;
    await until(
      () => runtimeLines(id).some(({ message }) => message.includes('key=<hidden> open=visible-value')),
      'the line is there, redacted',
    );
    await until(
      () => runtimeLines(id).some(({ message }) => message.includes('failed with <hidden>')),
      'the error is there, redacted',
    );
    expect(answer.text).not.toContain(SECRET);
    for (const name of ['runtime.log', 'error.log', 'access.log']) {
      if (existsSync(logFile(name))) expect(readFileSync(logFile(name), 'utf8')).not.toContain(SECRET);
    }
    expect(stack.output).not.toContain(SECRET);
  });
});

describe('P89: access.log', () => {
  const entryOf = (id: string) =>
    until(() => linesOf('access.log').find((line) => line.id === id), 'the access log has the request');

  test('says who asked what, with which result, and holds no query, cookie, header value or body', async () => {
    const lines = [
      'User-Agent: probe/1',
      'Cookie: session=c00kie',
      'Authorization: Bearer t0ken',
      'Referer: https://from.example/path?q=1',
      'X-Request-Id: theirs',
    ];
    const answer = await sendRaw(stack.port, head('GET', '/js/later?password=p4ss', lines));
    const id = answer.values('x-request-id')[0] as string;
    const entry = await entryOf(id);
    expect(entry).toMatchObject({
      id,
      client: '127.0.0.1',
      method: 'GET',
      host: '127.0.0.1',
      path: '/js/later',
      status: 200,
      bytes_in: expect.any(Number),
      bytes_out: expect.any(Number),
      ms: expect.any(Number),
      wait_ms: expect.any(Number),
      function: 'node/js/later.js@default',
      ua: 'probe/1',
      referer: 'from.example',
      client_request_id: 'theirs',
    });
    expect(entry.time).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(Number(entry.table)).toBeGreaterThan(0);
    expect(JSON.stringify(entry)).not.toMatch(/p4ss|c00kie|t0ken|q=1/);
  });

  test('has the requests that no function answered, and those nginx refused, under their own path', async () => {
    const missing = await sendRaw(stack.port, head('GET', '/nowhere'));
    expect(await entryOf(missing.values('x-request-id')[0] as string)).toMatchObject({
      status: 404,
      path: '/nowhere',
      function: '',
    });
    const refused = await sendRaw(stack.port, 'GET /js/later HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
    expect(await entryOf(refused.values('x-request-id')[0] as string)).toMatchObject({
      status: 400,
      path: '/js/later',
    });
  });

  test('survives any path, quote and byte', async () => {
    const answer = await sendRaw(stack.port, head('GET', '/a"b%0Ac%FF', ['User-Agent: "q\\ \xff']));
    expect(await entryOf(answer.values('x-request-id')[0] as string)).toMatchObject({ status: 404 });
  });

  test('P117: all logs are private', async () => {
    await call('/js/speak');
    for (const name of ['access.log', 'runtime.log']) expect(statSync(logFile(name)).mode & 0o777).toBe(0o600);
  });
});

test('P119: the terminal has a line for each request', async () => {
  await call('/js/later');
  await until(() => /^GET \/js\/later 200 \d+ms js\/later\.js/m.test(stack.output), 'the line is shown');
});
