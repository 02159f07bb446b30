import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ECHO_BODY, inEachLanguage, LANGUAGES } from './languages.ts';
import { head, type RawAnswer, RawConnection, sendRaw } from './raw-http.ts';
import { TestStack, until } from './support.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const languages = LANGUAGES.map((language) => [language.runtime, language.dir] as const);

/** Bytes that repeat with a period no buffer size shares. */
function pattern(size: number): Buffer {
  const period = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7) % 256));
  return Buffer.alloc(size, period);
}

const digest = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');

/** Text that compresses, with the length and type the query asks for. */
const SIZED = {
  js: 'exports.handler = ({ query }) => ({ status: Number(query.status ?? 200), headers: { "Content-Type": query.type ?? "text/plain", ...(query.header && { [query.header]: query.value }) }, body: "x".repeat(Number(query.size)) });',
  py: 'def handler(event):\n    q = event["query"]\n    return {"headers": {"Content-Type": q.get("type", "text/plain")}, "body": "x" * int(q["size"])}\n',
  ph: '<?php function handler($event) { return ["headers" => ["Content-Type" => $event["query"]["type"] ?? "text/plain"], "body" => str_repeat("x", (int) $event["query"]["size"])]; }',
  lu: 'function handler(event) return { headers = { ["Content-Type"] = event.query.type or "text/plain" }, body = ("x"):rep(tonumber(event.query.size)) } end',
};
const COUNTS = {
  js: 'exports.handler = (event) => ({ body: { query: Object.keys(event.query).length, headers: Object.keys(event.headers).length } });',
  py: 'def handler(event):\n    return {"body": {"query": len(event["query"]), "headers": len(event["headers"])}}\n',
  ph: '<?php function handler($event) { return ["body" => ["query" => count($event["query"]), "headers" => count($event["headers"])]]; }',
  lu: 'local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end\nfunction handler(event) return { body = { query = count(event.query), headers = count(event.headers) } } end',
};

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    ...inEachLanguage('echo', ECHO_BODY),
    ...inEachLanguage('sized', SIZED),
    ...inEachLanguage('counts', COUNTS),
    ...inEachLanguage('small/echo', ECHO_BODY),
    ...Object.fromEntries(LANGUAGES.map(({ dir }) => [`${dir}/small/fn.config.json`, { max_body_bytes: 1000 }])),
    ...inEachLanguage('large/echo', { js: ECHO_BODY.js, py: ECHO_BODY.py }),
    ...Object.fromEntries(
      ['js', 'py'].map((dir) => [`${dir}/large/fn.config.json`, { max_body_bytes: 32 * MIB, timeout_ms: 20_000 }]),
    ),
  });
}, 60_000);
afterAll(() => stack?.stop());

function chunked(path: string, chunks: readonly Buffer[]): Buffer {
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([
    Buffer.from(head('POST', path, ['Transfer-Encoding: chunked'])),
    ...parts,
    Buffer.from('0\r\n\r\n'),
  ]);
}

function sized(path: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(head('POST', path, [`Content-Length: ${body.length}`])), body]);
}

function split(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

function expectEcho(answer: RawAnswer, body: Buffer): void {
  expect([answer.status, answer.body.length, digest(answer.body)]).toEqual([200, body.length, digest(body)]);
}

describe('F82-F84: a body arrives and returns byte by byte', () => {
  const sizes = [0, 1, 256, 64 * KIB, 128 * KIB, 128 * KIB + 1, 300 * KIB, MIB];
  const table = languages.flatMap(([runtime, dir]) => sizes.map((size) => ({ runtime, dir, size })));

  test.each(table)('$size bytes with Content-Length ($runtime)', async ({ dir, size }) => {
    const body = size === 256 ? EVERY_BYTE : pattern(size);
    expectEcho(await sendRaw(stack.port, sized(`/${dir}/echo`, body)), body);
  });

  test.each(table)('$size bytes chunked ($runtime)', async ({ dir, size }) => {
    const body = size === 256 ? EVERY_BYTE : pattern(size);
    expectEcho(await sendRaw(stack.port, chunked(`/${dir}/echo`, split(body, 10_007))), body);
  });

  test.each(['js', 'py'])('20 MiB with and without Content-Length, where fn.config.json allows it: %s', async (dir) => {
    const body = pattern(20 * MIB);
    expectEcho(await sendRaw(stack.port, sized(`/${dir}/large/echo`, body)), body);
    expectEcho(await sendRaw(stack.port, chunked(`/${dir}/large/echo`, split(body, MIB))), body);
  });

  test.each(languages)('trickled byte by byte, with extensions and trailers: %s', async (_, dir) => {
    const connection = await RawConnection.open(stack.port);
    for (const byte of `${head('POST', `/${dir}/echo`, ['Transfer-Encoding: chunked'])}3;x=y\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n`)
      connection.write(byte);
    expect((await connection.read()).text).toBe('abc');
    for (const byte of `${head('POST', `/${dir}/echo`, ['Content-Length: 3'])}def`) connection.write(byte);
    expect((await connection.read()).text).toBe('def');
    connection.destroy();
  });
});

describe('F2, F87: max_body_bytes', () => {
  test.each(languages)('exactly the limit passes, one more is 413: %s', async (_, dir) => {
    for (const make of [sized, (path: string, body: Buffer) => chunked(path, [body])]) {
      expectEcho(await sendRaw(stack.port, make(`/${dir}/small/echo`, pattern(1000))), pattern(1000));
      const refused = await sendRaw(stack.port, make(`/${dir}/small/echo`, pattern(1001)));
      expect([refused.status, refused.json().error]).toEqual([413, 'payload too large']);
    }
  });

  test.each(languages)('413 by Content-Length comes before the body is sent: %s', async (_, dir) => {
    const answer = await sendRaw(stack.port, head('POST', `/${dir}/small/echo`, ['Content-Length: 2000']));
    expect([answer.status, answer.json().error]).toEqual([413, 'payload too large']);
  });

  test.each(languages)('413 of a chunked body comes while it is sent: %s', async (_, dir) => {
    const connection = await RawConnection.open(stack.port);
    connection.write(head('POST', `/${dir}/echo`, ['Transfer-Encoding: chunked']));
    const chunk = Buffer.concat([Buffer.from('40000\r\n'), pattern(256 * KIB), Buffer.from('\r\n')]);
    for (let i = 0; i < 8; i++) connection.write(chunk);
    const answer = await connection.read();
    connection.destroy();
    expect([answer.status, answer.json().error]).toEqual([413, 'payload too large']);
  });

  test.each(languages)(
    'a connection goes on after a 413 whose body it sent, or is closed, and never mistakes the body for a request: %s',
    async (_, dir) => {
      const connection = await RawConnection.open(stack.port);
      const smuggled = Buffer.concat([Buffer.from(head('GET', '/smuggled')), pattern(2000)]);
      connection.write(sized(`/${dir}/small/echo`, smuggled));
      expect((await connection.read()).status).toBe(413);
      connection.write(head('GET', `/${dir}/counts`));
      const next = await connection.read().catch(() => 'closed' as const);
      if (next !== 'closed') expect(next.status).toBe(200);
      connection.destroy();
    },
  );

  test('a Content-Length beyond the ceiling is 413, beyond numbers 400', async () => {
    const [large, absurd] = await Promise.all(
      ['2000000000', '99999999999999999999999'].map((length) =>
        sendRaw(stack.port, head('POST', '/js/echo', [`Content-Length: ${length}`])),
      ),
    );
    expect([large?.status, large?.json().error]).toEqual([413, 'payload too large']);
    expect([400, 413]).toContain(absurd?.status);
  });
});

describe('Expect: 100-continue', () => {
  test.each(languages)('is answered before the body is sent: %s', async (_, dir) => {
    for (const size of [3, 300 * KIB]) {
      const connection = await RawConnection.open(stack.port);
      connection.write(head('POST', `/${dir}/echo`, [`Content-Length: ${size}`, 'Expect: 100-continue']));
      expect((await connection.read()).status).toBe(100);
      connection.write(pattern(size));
      expectEcho(await connection.read(), pattern(size));
      connection.destroy();
    }
  });

  test('a body that is too large is refused without 100', async () => {
    const answer = await sendRaw(
      stack.port,
      head('POST', '/js/small/echo', ['Content-Length: 2000', 'Expect: 100-continue']),
    );
    expect(answer.status).toBe(413);
  });
});

describe('F103: a client that leaves', () => {
  const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

  test.each(languages)('in mid-upload or mid-answer costs nobody anything: %s', async (_, dir) => {
    expect((await stack.get(`/${dir}/sized?size=1`)).status).toBe(200);
    const name = `${dir}/echo.${LANGUAGES.find((one) => one.dir === dir)?.extension}`;
    await stack.get(`/${dir}/echo`, { method: 'POST', body: 'x' });
    const workers = stack.workers(name);
    const before = workers.map(filesOf);
    for (let i = 0; i < 10; i++) {
      const uploading = await RawConnection.open(stack.port);
      uploading.write(
        Buffer.concat([Buffer.from(head('POST', `/${dir}/echo`, ['Content-Length: 1000000'])), pattern(i * 60_000)]),
      );
      uploading.destroy();
      const inChunks = await RawConnection.open(stack.port);
      inChunks.write(`${head('POST', `/${dir}/echo`, ['Transfer-Encoding: chunked'])}5\r\nab`);
      inChunks.destroy();
      const reading = await RawConnection.open(stack.port);
      reading.write(head('GET', `/${dir}/sized?size=5000000`));
      await reading.peek(1000);
      reading.destroy();
    }
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => stack.get(`/${dir}/echo`, { method: 'POST', body: 'after' })),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['200 after']));
    for (const pid of workers) expect(stack.workers(name)).toContain(pid);
    const after = workers.map(filesOf);
    for (const [i, count] of after.entries()) expect(count).toBeLessThanOrEqual((before[i] as number) + 2);
  });
});

describe('F98: large answers', () => {
  test.each(languages)('5 MiB arrive whole, also where the client reads slowly: %s', async (_, dir) => {
    const connection = await RawConnection.open(stack.port);
    connection.socket.pause();
    connection.write(head('GET', `/${dir}/sized?size=${5 * MIB}`) + head('GET', `/${dir}/sized?size=3`));
    const other = await stack.get(`/${dir}/sized?size=2`);
    expect(other.text).toBe('xx');
    connection.socket.resume();
    const answer = await connection.read();
    expect([answer.status, answer.body.length]).toEqual([200, 5 * MIB]);
    expect(answer.body.every((byte) => byte === 120)).toBe(true);
    expect((await connection.read()).text).toBe('xxx');
    connection.destroy();
  });
});

describe('pipelining', () => {
  test.each(languages)('requests of one write are answered in order: %s', async (_, dir) => {
    const connection = await RawConnection.open(stack.port);
    const bodies = Array.from({ length: 20 }, (_unused, i) => Buffer.from(`body ${i}`));
    connection.write(
      Buffer.concat(
        bodies.map((body, i) =>
          (i % 2 ? sized : (path: string, bytes: Buffer) => chunked(path, [bytes]))(`/${dir}/echo`, body),
        ),
      ),
    );
    const answers: string[] = [];
    for (let i = 0; i < bodies.length; i++) answers.push((await connection.read()).text);
    connection.destroy();
    expect(answers).toEqual(bodies.map(String));
  });
});

describe('F97, P85: gzip', () => {
  const get = (query: string, lines = ['Accept-Encoding: gzip']) =>
    sendRaw(stack.port, head('GET', `/js/sized?${query}`, lines));
  test.each([
    'text/plain',
    'text/plain;%20charset=utf-8',
    'text/html',
    'application/json',
    'text/css',
    'application/javascript',
    'text/javascript',
    'application/xml',
    'image/svg%2Bxml',
    'text/csv',
  ])('%s of 1 KiB is compressed on request', async (type) => {
    const answer = await get(`size=1024&type=${type}`);
    expect([answer.status, answer.values('content-encoding'), answer.values('vary')]).toEqual([
      200,
      ['gzip'],
      ['Accept-Encoding'],
    ]);
    expect(gunzipSync(answer.body).length).toBe(1024);
  });

  test.each([
    ['below 1 KiB', 'size=1023'],
    ['an image', 'size=4096&type=image/png'],
    ['bytes', 'size=4096&type=application/octet-stream'],
    ['server-sent events', 'size=4096&type=text/event-stream'],
    ['encoded already', 'size=4096&header=Content-Encoding&value=br'],
    ['no-transform', 'size=4096&header=Cache-Control&value=no-transform'],
    ['a status nginx leaves alone', 'size=4096&status=201'],
  ])('%s is not compressed', async (_, query) => {
    const answer = await get(query);
    expect(answer.values('content-encoding')).not.toContain('gzip');
    expect(answer.body.length).toBeGreaterThan(1000);
  });

  test('an answer after one with no-transform is compressed again', async () => {
    const connection = await RawConnection.open(stack.port);
    const lines = ['Accept-Encoding: gzip'];
    connection.write(
      head('GET', '/js/sized?size=4096&header=Cache-Control&value=no-transform', lines) +
        head('GET', '/js/sized?size=4096', lines),
    );
    expect((await connection.read()).values('content-encoding')).toEqual([]);
    expect((await connection.read()).values('content-encoding')).toEqual(['gzip']);
    connection.destroy();
  });

  test('nobody who did not ask gets gzip', async () => {
    expect((await get('size=4096', [])).values('content-encoding')).toEqual([]);
  });
});

describe('F87: nothing is cut silently', () => {
  const args = (count: number) => Array.from({ length: count }, (_, i) => `a${i}=1`).join('&');
  const lines = (count: number) => Array.from({ length: count - 1 }, (_, i) => `X-${i}: 1`);

  test.each(languages)('1,000 query arguments and 200 header lines arrive: %s', async (_, dir) => {
    expect((await sendRaw(stack.port, head('GET', `/${dir}/counts?${args(1000)}`))).json()).toEqual({
      query: 1000,
      headers: 1,
    });
    expect((await sendRaw(stack.port, head('GET', `/${dir}/counts`, lines(200)))).json()).toEqual({
      query: 0,
      headers: 200,
    });
  });

  test.each(languages)('one more is 400 and 431: %s', async (_, dir) => {
    const many = await sendRaw(stack.port, head('GET', `/${dir}/counts?${args(1001)}`));
    expect([many.status, many.json().error]).toEqual([400, 'bad request']);
    const tall = await sendRaw(stack.port, head('GET', `/${dir}/counts`, lines(201)));
    expect([tall.status, tall.json().error]).toEqual([431, 'request header fields too large']);
  });

  test('short arguments and short lines are counted too', async () => {
    const short = await sendRaw(stack.port, head('GET', `/js/counts?${'&a'.repeat(1001).slice(1)}`));
    expect(short.status).toBe(400);
    const shortLines = await sendRaw(
      stack.port,
      head(
        'GET',
        '/js/counts',
        Array.from({ length: 200 }, () => 'a:'),
      ),
    );
    expect(shortLines.status).toBe(431);
  });
});

test('after all of this the workers are those that were there, and none restarted for a fault', async () => {
  await until(() => stack.workers('js/echo.js').length >= 1, 'a worker is there');
  expect(stack.output).not.toMatch(/worker died|exited with/);
});
