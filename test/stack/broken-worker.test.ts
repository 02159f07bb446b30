import { mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findNativePrerequisites } from '../../src/doctor/native.ts';
import { isMissing } from '../../src/doctor/types.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { FunctionRecord, RouteEntry } from '../../src/gateway/route-table.ts';
import { encodeFrame, FrameType } from '../../src/workers/codec.ts';
import { freePort, makeTempDir, send, testConfig, until } from './support.ts';

/** A worker of the test's own: what it answers to a REQUEST is up to each case. */
class FakeWorker {
  readonly socket: string;
  readonly #server: Server;
  connections = 0;
  /** What came in, frame by frame: type and stream. */
  readonly heard: { type: number; stream: number }[] = [];
  onRequest: (stream: number, socket: Socket) => void = () => {};
  onCancel: (stream: number, socket: Socket) => void = () => {};

  constructor(socket: string) {
    this.socket = socket;
    this.#server = createServer((peer) => {
      this.connections += 1;
      peer.on('error', () => {});
      peer.write(encodeFrame(FrameType.HELLO, 0, JSON.stringify({ protocol: 1, head: 'raw', pid: 1 })));
      let buffer = Buffer.alloc(0);
      peer.on('data', (chunk) => {
        buffer = Buffer.concat([buffer, chunk]);
        while (buffer.length >= 9 && buffer.length >= 9 + buffer.readUInt32BE(0)) {
          const [type, stream] = [buffer.readUInt8(4), buffer.readUInt32BE(5)];
          buffer = buffer.subarray(9 + buffer.readUInt32BE(0));
          this.heard.push({ type, stream });
          if (type === FrameType.REQUEST) this.onRequest(stream, peer);
          if (type === FrameType.CANCEL) this.onCancel(stream, peer);
        }
      });
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socket, resolve));
  }

  close(): void {
    this.#server.close();
  }
}

const response = (stream: number, head: object, body: string | Buffer = '') => {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return encodeFrame(FrameType.RESPONSE, stream, Buffer.concat([length, text, Buffer.from(body)]));
};
const OK = { status: 200, headers: ['Content-Type', 'text/plain'], end: true };

const temp = makeTempDir();
const stuck: number[] = [];
let gateway: Gateway;
let url: string;
let broken: FakeWorker;
let sound: FakeWorker;

const record = (key: string): FunctionRecord => ({
  key,
  runtime: 'node',
  name: key,
  version: 'default',
  revision: '1',
  timeout_ms: 300,
  boot_timeout_ms: 300,
  stream_idle_ms: 1000,
  admitted: 64,
  slots: 0,
  pooled: false,
  queue_timeout_ms: 300,
  overflow_status: 429,
  max_workers: 0,
  max_queue: 0,
  max_body_bytes: 1_048_576,
  debug: false,
  debug_output: true,
});

function announce(key: string, worker: FakeWorker, concurrency = 64): void {
  const pid = key === 'broken' ? 1 : 2;
  gateway.announce({
    functionKey: key,
    revision: '1',
    workers: [{ pid, socket: worker.socket, concurrency, index: 1 }],
  });
}

beforeAll(async () => {
  const config = await testConfig(temp.path, { FN_NGINX_WORKERS: '1' });
  const { nginx } = await findNativePrerequisites(config, []);
  if (isMissing(nginx)) throw new Error(nginx.problem);
  const port = await freePort();
  const runDir = join(temp.path, 'run');
  mkdirSync(runDir, { mode: 0o700 });
  mkdirSync(config.logs.dir, { recursive: true });
  gateway = new Gateway({
    config,
    nginx,
    runDir,
    port,
    routes: 2,
    user: process.getuid?.() === 0 ? { uid: 0, gid: 0, name: 'root', group: 'root' } : null,
    loopbackPeer: null,
    onMessage: (message) => {
      if (message.type === 'stuck') stuck.push(message.pid);
      if (message.type === 'need' && message.function === 'broken') announce('broken', broken); // a new one, as the pool would
    },
    onWorkerGone: () => {},
    onLine: () => {},
    onExit: () => {},
    onMaster: () => {},
  });
  await gateway.start();
  broken = new FakeWorker(join(runDir, 'broken.sock'));
  sound = new FakeWorker(join(runDir, 'sound.sock'));
  await Promise.all([broken.listen(), sound.listen()]);
  sound.onRequest = (stream, socket) => socket.write(response(stream, OK, 'sound'));
  announce('broken', broken);
  announce('sound', sound);
  const entry = (target: string): RouteEntry[] => [{ methods: { GET: true, POST: true }, hosts: [], order: 0, target }];
  await gateway.push({
    settings: { max_headers: 200, max_query_args: 1000, trusts_proxies: false, dev_errors: false },
    functions: new Map([
      ['broken', record('broken')],
      ['sound', record('sound')],
    ]),
    routes: new Map([
      ['/broken', entry('broken')],
      ['/sound', entry('sound')],
    ]),
  });
  await gateway.acknowledged();
  url = `http://127.0.0.1:${port}`;
}, 60_000);
afterAll(async () => {
  await gateway?.stop(0);
  broken?.close();
  sound?.close();
  temp.remove();
});

const frame = (length: number, type: number, stream: number, payload = Buffer.alloc(0)) => {
  const header = Buffer.alloc(9);
  header.writeUInt32BE(length);
  header.writeUInt8(type, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
};

describe('a worker that breaks the protocol', () => {
  const CASES: [string, (stream: number) => Buffer][] = [
    ['a payload above 1 MiB', () => frame(1_048_577, FrameType.RESPONSE, 1)],
    ['a payload of 4 GiB', () => frame(0xffffffff, FrameType.RESPONSE, 1)],
    ['a head beyond its payload', (s) => encodeFrame(FrameType.RESPONSE, s, Buffer.from([0, 0, 1, 0]))],
    ['a head that is not JSON', (s) => encodeFrame(FrameType.RESPONSE, s, Buffer.from([0, 0, 0, 2, 0x7b, 0x7b]))],
    ['a RESPONSE of three bytes', (s) => encodeFrame(FrameType.RESPONSE, s, Buffer.from([0, 0, 0]))],
    ['a status of 99', (s) => response(s, { ...OK, status: 99 })],
    ['a header with a line break', (s) => response(s, { ...OK, headers: ['X', 'a\r\nSet-Cookie: b'] })],
    ['a header name that is no token', (s) => response(s, { ...OK, headers: ['X Y', 'a'] })],
    ['BODY before RESPONSE', (s) => encodeFrame(FrameType.BODY, s, Buffer.from('x'))],
    ['END before RESPONSE', (s) => encodeFrame(FrameType.END, s, '')],
    ['two RESPONSE frames', (s) => Buffer.concat([response(s, { ...OK, end: false }), response(s, OK)])],
    ['an ERROR that is not JSON', (s) => encodeFrame(FrameType.ERROR, s, 'oops')],
    ['a WINDOW of two bytes', (s) => encodeFrame(FrameType.WINDOW, s, Buffer.from([0, 1]))],
    ['a frame only a gateway may send', (s) => encodeFrame(FrameType.CANCEL, s, '')],
    ['bytes that are no frames', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n')],
    ['the end of the connection', () => Buffer.alloc(0)],
  ];

  test.each(CASES)(
    '%s: 502 at once for its own request, nothing for others, and the next worker serves',
    async (_, answer) => {
      broken.onRequest = (stream, socket) => {
        const bytes = answer(stream);
        if (bytes.length === 0) socket.destroy();
        else socket.write(bytes);
      };
      const startedAt = performance.now();
      const [bad, good] = await Promise.all([send(url, '/broken'), send(url, '/sound')]);
      expect([bad.status, bad.json().error]).toEqual([502, 'worker died']);
      expect(performance.now() - startedAt).toBeLessThan(290);
      expect(good.text).toBe('sound');
      broken.onRequest = (stream, socket) => socket.write(response(stream, OK, 'mended'));
      await until(async () => (await send(url, '/broken')).text === 'mended', 'the next connection serves');
    },
  );

  test('frames of unknown types and of streams that are not open are ignored', async () => {
    broken.onRequest = (stream, socket) => {
      socket.write(
        Buffer.concat([
          frame(3, 200, stream, Buffer.from('abc')),
          encodeFrame(FrameType.BODY, 77_777, Buffer.from('x')),
          encodeFrame(FrameType.END, 77_778, ''),
          response(stream, OK, 'fine'),
          response(stream, OK, 'late'),
        ]),
      );
    };
    const before = broken.connections;
    for (let i = 0; i < 3; i++) expect((await send(url, '/broken')).text).toBe('fine');
    expect(broken.connections).toBe(before);
  });

  test('an answer cut into single bytes is the same answer', async () => {
    broken.onRequest = async (stream, socket) => {
      socket.setNoDelay(true);
      for (const byte of response(stream, OK, 'bytewise')) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    expect((await send(url, '/broken')).text).toBe('bytewise');
  });

  test('any garbage after HELLO: the gateway answers, and its neighbour never notices', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), async (garbage) => {
        broken.onRequest = (_, socket) => {
          socket.write(garbage);
          setImmediate(() => socket.end());
        };
        const [bad, good] = await Promise.all([send(url, '/broken'), send(url, '/sound')]);
        expect([502, 503, 504]).toContain(bad.status);
        expect(good.text).toBe('sound');
      }),
      { numRuns: 60 },
    );
    broken.onRequest = (stream, socket) => socket.write(response(stream, OK, 'mended'));
    await until(async () => (await send(url, '/broken')).text === 'mended', 'the next connection serves');
  });
});

describe('streams', () => {
  test('P101: a stream that is not closed 250 ms after its CANCEL is reported stuck, one that is closed is not', async () => {
    stuck.length = 0;
    broken.onRequest = () => {};
    expect((await send(url, '/broken')).status).toBe(504);
    await until(() => stuck.includes(1), 'it is reported');
    const open = broken.heard.filter(({ type }) => type === FrameType.REQUEST).at(-1);
    expect(broken.heard).toContainEqual({ type: FrameType.CANCEL, stream: open?.stream });
    stuck.length = 0;
    broken.onCancel = (stream, socket) => socket.write(encodeFrame(FrameType.END, stream, ''));
    expect((await send(url, '/broken')).status).toBe(504);
    await new Promise((resolve) => setTimeout(resolve, 400)); // the grace must pass for nothing to have happened
    expect(stuck).toEqual([]);
  });

  test('a request that had not begun moves to another worker when its own dies; one that had begun does not', async () => {
    announce('broken', broken, 1); // one slot: the second request is announced
    const seen: number[] = [];
    broken.onRequest = (stream, socket) => {
      seen.push(stream);
      if (seen.length === 2) setImmediate(() => socket.destroy());
      if (seen.length > 2)
        socket.write(Buffer.concat([encodeFrame(FrameType.START, stream, ''), response(stream, OK, 'moved')]));
    };
    const answers = await Promise.all([send(url, '/broken'), send(url, '/broken')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 502]);
    expect(answers.find(({ status }) => status === 200)?.text).toBe('moved');
    announce('broken', broken);
  });

  test('a large body comes in pieces within the credit, and arrives whole', async () => {
    broken.onRequest = (stream, socket) => {
      const piece = Buffer.alloc(65_536, 'x');
      socket.write(response(stream, { ...OK, end: false, length: 262_144 }));
      for (let i = 0; i < 4; i++) socket.write(encodeFrame(FrameType.BODY, stream, piece));
      socket.write(encodeFrame(FrameType.END, stream, ''));
    };
    const answer = await send(url, '/broken');
    expect(answer.headers['content-length']).toBe('262144');
    expect(answer.bytes.equals(Buffer.alloc(262_144, 'x'))).toBe(true);
  });

  test('a body beyond the credit breaks the connection; the client sees no clean end', async () => {
    broken.onRequest = (stream, socket) => {
      const piece = Buffer.alloc(200_000, 'x');
      socket.write(
        Buffer.concat([
          response(stream, { ...OK, end: false }),
          ...[1, 2].map(() => encodeFrame(FrameType.BODY, stream, piece)),
        ]),
      );
    };
    await expect(send(url, '/broken')).rejects.toThrow();
    expect((await send(url, '/sound')).text).toBe('sound');
  });
});
