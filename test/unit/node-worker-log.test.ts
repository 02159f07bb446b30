import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { Flag, type LogLine, type Peer, serve, startWorker } from './node-worker-support.ts';

/** What a handler of this body prints for one request: the lines up to the one with `last`. */
async function output(body: string): Promise<LogLine[]> {
  const peer = await serve(`exports.handler = async (event) => { ${body} };`);
  await peer.request({ id: 'req-7', flags: Flag.END | Flag.CAPTURE });
  await peer.worker.logged(({ last }) => last === true);
  return peer.worker.log;
}

const brief = (lines: readonly LogLine[]) => lines.map(({ stream, level, message }) => [stream, level, message]);

describe('F106: what a handler prints', () => {
  test('goes to stdout or stderr with its level, one frame per line, before the last one', async () => {
    const lines =
      await output(`console.log('a'); console.info('b'); console.debug('c'); console.warn('d'); console.error('e\\nf');
      process.stdout.write('g\\n'); process.stderr.write('h\\n');`);
    expect(brief(lines)).toEqual([
      ['stdout', 'info', 'a'],
      ['stdout', 'info', 'b'],
      ['stdout', 'debug', 'c'],
      ['stderr', 'warn', 'd'],
      ['stderr', 'error', 'e'],
      ['stderr', 'error', 'f'],
      ['stdout', 'info', 'g'],
      ['stderr', 'error', 'h'],
      ['stdout', 'info', ''],
    ]);
    expect(lines.every(({ request_id }) => request_id === 'req-7')).toBe(true);
    expect(lines.map(({ last }) => last === true)).toEqual([...Array(8).fill(false), true]);
  });

  test('is formatted as the console does', async () => {
    const lines =
      await output(`console.log('%s is %d, %j', 'x', 7, { a: 1 }, { b: [1, { c: 2 }] }); console.log(event.method, new Map([[1, 2]]));
      console.table([{ a: 1 }]); console.trace('here'); console.dir({ a: 1 }); console.group('g'); console.log('in'); console.groupEnd();`);
    const text = lines.map(({ message }) => message);
    expect(text.slice(0, 2)).toEqual(['x is 7, {"a":1} { b: [ 1, { c: 2 } ] }', 'GET Map(1) { 1 => 2 }']);
    expect(text).toEqual(expect.arrayContaining(['│ 0       │ 1 │', 'Trace: here', '{ a: 1 }', 'g', '  in']));
  });

  test('is gathered into lines; what has no newline is sent at the end', async () => {
    const lines = await output(
      `process.stdout.write('a'); await null; process.stdout.write('b\\nc'); process.stderr.write('');`,
    );
    expect(brief(lines)).toEqual([
      ['stdout', 'info', 'ab'],
      ['stdout', 'info', 'c'],
      ['stdout', 'info', ''],
    ]);
  });

  test('keeps empty lines', async () => {
    expect((await output(`console.log(); console.log('a\\n\\nb');`)).map(({ message }) => message)).toEqual([
      '',
      'a',
      '',
      'b',
      '',
    ]);
  });

  test('P116: a line above 16 KiB is split between characters, all pieces but the last are marked', async () => {
    const lines = await output(`console.log('x' + 'é'.repeat(20000));`);
    const pieces = lines.filter(({ last }) => !last);
    expect(pieces.map(({ message }) => message).join('')).toBe(`x${'é'.repeat(20_000)}`);
    expect(pieces.map(({ message }) => Buffer.byteLength(message))).toEqual([16_383, 16_384, 7_234]);
    expect(pieces.map(({ fields }) => fields)).toEqual([{ continued: true }, { continued: true }, undefined]);
  });

  test('P116: a line that never ends is sent in pieces, too', async () => {
    const lines = await output(`for (let i = 0; i < 50; i++) process.stdout.write('x'.repeat(1000));`);
    expect(lines.map(({ message }) => message).join('').length).toBe(50_000);
    expect(lines.filter(({ fields }) => fields?.continued).length).toBe(3);
  });

  test('P116: bytes that are not UTF-8 are replaced in the text and kept as base64', async () => {
    const [line] = await output('process.stdout.write(Buffer.from([0x61, 0xff, 0x0a]));');
    expect(line).toMatchObject({ message: 'a\ufffd', fields: { base64: 'Yf8=' } });
  });

  test('a character that two writes share stays whole', async () => {
    const lines = await output(
      `process.stdout.write(Buffer.from([0xc3])); await null; process.stdout.write(Buffer.from([0xa9, 0x0a]));`,
    );
    expect(lines[0]?.message).toBe('é');
  });

  test('ends with no one: process.stdout cannot be closed', async () => {
    const lines = await output(`process.stdout.end('a\\n'); process.stdout.destroy(); console.log('b');`);
    expect(lines.map(({ message }) => message)).toEqual(['a', 'b', '']);
  });

  test('can be piped into process.stdout', async () => {
    const lines = await output(`await new Promise((done) => {
      const { Readable } = require('node:stream'); Readable.from(['p\\n', 'q\\n']).on('end', () => setImmediate(done)).pipe(process.stdout); });`);
    expect(lines.map(({ message }) => message)).toEqual(expect.arrayContaining(['p', 'q']));
  });
});

describe('P118: output is attributed', () => {
  test('F106: to the request on whose behalf it was printed, through awaits, timers, events and promises of others', async () => {
    const peer = await serve(`
      const { EventEmitter } = require('node:events');
      const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      exports.handler = async (event) => {
        console.log(event.id);
        await sleep(Math.random() * 5);
        console.log(event.id);
        await Promise.all([sleep(1).then(() => console.log(event.id)), (async () => { await null; console.log(event.id); })()]);
        await new Promise((resolve) => setImmediate(() => { process.nextTick(() => { console.log(event.id); resolve(); }); }));
      };`);
    const ids = Array.from({ length: 100 }, (_, n) => `req-${n}`);
    await Promise.all(ids.map((id) => peer.request({ id, flags: Flag.END | Flag.CAPTURE })));
    await peer.worker.control.settled();
    const lines = peer.worker.log.filter(({ last }) => !last);
    expect(lines.length).toBe(500);
    expect(lines.every(({ message, request_id }) => message === request_id)).toBe(true);
  });

  test('to nobody while the module loads', async () => {
    const worker = await startWorker({ 'a.js': `console.log('loading'); exports.handler = () => 1;` });
    expect(await worker.logged(({ message }) => message === 'loading')).toMatchObject({ request_id: null });
  });

  test('to nobody at the end of the process, a line without newline too', async () => {
    const peer = await serve(
      `process.on('exit', () => process.stdout.write('last words')); exports.handler = () => 1;`,
    );
    peer.worker.control.send(FrameType.DRAIN, 0);
    peer.socket.end();
    expect(await peer.worker.logged(({ message }) => message === 'last words')).toMatchObject({ request_id: null });
  });

  test('to the request even after its answer', async () => {
    const peer = await serve(
      `exports.handler = () => { setImmediate(() => setImmediate(() => process.stdout.write('late'))); return 1; };`,
    );
    await peer.request({ id: 'req-9' });
    expect(await peer.worker.logged(({ message }) => message === 'late')).toMatchObject({ request_id: 'req-9' });
  });

  test('F113: an unhandled rejection is logged with its request and does not end the worker', async () => {
    const peer = await serve(`exports.handler = () => { Promise.reject(new RangeError('nobody')); return 'ok'; };`);
    expect(await peer.text({ id: 'req-3' })).toBe('ok');
    const line = await peer.worker.logged(({ message }) => message.includes('RangeError: nobody'));
    expect(line).toMatchObject({ request_id: 'req-3', level: 'error' });
    expect(await peer.text()).toBe('ok');
  });
});

describe('F108: include_debug_headers', () => {
  const withDebug = { context: { runtime: 'node', version: 'default', timeout_ms: 1, debug: { enabled: true } } };

  test('the head carries the first 4,096 bytes of both streams', async () => {
    const peer = await serve(
      `exports.handler = () => { console.log('é'); console.error('x'.repeat(5000)); return 1; };`,
      withDebug,
    );
    const { head } = await peer.request();
    expect([head.stdout, head.stderr]).toEqual(['é\n', 'x'.repeat(4096)]);
  });

  test('nothing printed, nothing added', async () => {
    const peer = await serve('exports.handler = () => 1;', withDebug);
    expect(Object.keys((await peer.request()).head)).toEqual(['status', 'headers', 'end']);
  });

  test('without it the head says nothing of the output', async () => {
    const peer = await serve(`exports.handler = () => { console.log('a'); return 1; };`);
    expect(Object.keys((await peer.request()).head)).toEqual(['status', 'headers', 'end']);
  });
});

test('a supervisor that does not read costs lines, never requests; the lines are counted', async () => {
  const peer = await serve(
    `exports.handler = () => { for (let i = 0; i < 300; i++) console.log('x'.repeat(15000)); return 'ok'; };`,
  );
  const { control } = peer.worker;
  control.socket.pause();
  expect(await peer.text()).toBe('ok');
  expect(await peer.text()).toBe('ok');
  control.socket.resume();
  const note = await peer.worker.logged(({ message }) => /^\d+ lines dropped$/.test(message));
  expect(note).toMatchObject({ request_id: null, level: 'warn' });
  const arrived = () => peer.worker.log.filter(({ message }) => message.startsWith('xxx')).length;
  const dropped = () => peer.worker.log.reduce((sum, { message }) => sum + (Number.parseInt(message, 10) || 0), 0);
  await control.settled();
  expect(arrived() + dropped()).toBe(600);
});

test('output never reaches the protocol: a data connection sees only its own answers', async () => {
  const peer: Peer = await serve(
    `exports.handler = () => { process.stdout.write(Buffer.from([0, 0, 0, 0, 7, 0, 0, 0, 1])); return 'ok'; };`,
  );
  expect(await peer.text()).toBe('ok');
  await peer.settled();
  expect(peer.frames.map(({ type }) => type)).toEqual([FrameType.HELLO, FrameType.RESPONSE, FrameType.PONG]);
});
