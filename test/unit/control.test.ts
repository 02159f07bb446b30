import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FastfnError } from '../../src/errors.ts';
import { encodeFrame, type Frame, FrameType, frameReader } from '../../src/workers/codec.ts';
import { connectControl } from '../../src/workers/control.ts';
import type { Loaded, Log } from '../../src/workers/messages.ts';
import { temporaryRunDir } from '../fixtures/workers/harness.ts';

const HELLO = {
  protocol: 1,
  runtime: 'node',
  version: '20',
  pid: 7,
  function: null,
  revision: null,
  concurrency: 1,
  head: 'raw',
};
const LOADED = { revision: '1', concurrency: 4, head: 'raw', files: ['/srv/fn/hello.js'] };

/** The worker's end of a control connection, played by the test. */
interface Peer {
  send(type: number, payload: string | Uint8Array): void;
  sendJson(type: number, value: unknown): void;
  /** The next frame that arrives. */
  received(): Promise<Frame>;
  readonly socket: Socket;
}

async function connected({ hello = HELLO as unknown } = {}) {
  const path = join(temporaryRunDir(), 'w1.sock');
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const logs: Log[] = [];
  const loads: Loaded[] = [];
  let closed: (broken: FastfnError | undefined) => void = () => {};
  const ended = new Promise<FastfnError | undefined>((resolve) => {
    closed = resolve;
  });
  const opening = connectControl(path, {
    onLog: (log) => logs.push(log),
    onLoaded: (loaded) => loads.push(loaded),
    onClose: closed,
  });
  opening.catch(() => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const peer = peerOf(socket);
  onTestFinished(() => void socket.destroy());
  if (hello !== null) peer.sendJson(FrameType.HELLO, hello);
  return { opening, peer, logs, loads, ended };
}

function peerOf(socket: Socket): Peer {
  const frames: Frame[] = [];
  const waiting: ((frame: Frame) => void)[] = [];
  const read = frameReader((frame) => {
    const next = waiting.shift();
    if (next === undefined) frames.push(frame);
    else next(frame);
  });
  socket.on('data', read);
  socket.on('error', () => {});
  const send = (type: number, payload: string | Uint8Array) => void socket.write(encodeFrame(type, 0, payload));
  return {
    socket,
    send,
    sendJson: (type, value) => send(type, JSON.stringify(value)),
    received: () => {
      const frame = frames.shift();
      return frame === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(frame);
    },
  };
}

async function open() {
  const { opening, ...rest } = await connected();
  return { control: await opening, ...rest };
}

describe('HELLO', () => {
  test('opens the connection', async () => {
    const { opening } = await connected();
    expect((await opening).hello).toMatchObject({ runtime: 'node', pid: 7 });
  });

  test.each<[string, unknown, string]>([
    ['of another protocol', { ...HELLO, protocol: 2 }, 'HELLO from a worker is invalid'],
    ['without a pid', { ...HELLO, pid: undefined }, 'HELLO from a worker is invalid'],
  ])('%s is refused', async (_name, hello, message) => {
    const { opening, ended } = await connected({ hello });
    await expect(opening).rejects.toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining(message) });
    expect((await ended)?.code).toBe('PROTOCOL');
  });

  test('that is not JSON is refused', async () => {
    const { opening, peer } = await connected({ hello: null });
    peer.send(FrameType.HELLO, '{"protocol":');
    await expect(opening).rejects.toThrow('HELLO from a worker is not JSON');
  });

  test('must be the first frame', async () => {
    const { opening, peer } = await connected({ hello: null });
    peer.sendJson(FrameType.LOADED, LOADED);
    await expect(opening).rejects.toThrow('instead of HELLO');
  });

  test('that never comes because the worker ends is a failure', async () => {
    const { opening, peer } = await connected({ hello: null });
    peer.socket.destroy();
    await expect(opening).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });
});

describe('LOAD', () => {
  test('is sent as it is and answered by LOADED', async () => {
    const { control, peer, loads } = await open();
    const loading = control.load('{"function":"node/hello@default"}');
    const { type, payload } = await peer.received();
    expect([type, payload.toString()]).toEqual([FrameType.LOAD, '{"function":"node/hello@default"}']);
    peer.sendJson(FrameType.LOADED, LOADED);
    await expect(loading).resolves.toMatchObject({ concurrency: 4 });
    expect(loads).toHaveLength(1);
  });

  test('P122: files that are loaded later are told too', async () => {
    const { control, peer, loads } = await open();
    const loading = control.load('{}');
    peer.sendJson(FrameType.LOADED, LOADED);
    await loading;
    peer.sendJson(FrameType.LOADED, { ...LOADED, files: ['/srv/fn/hello.js', '/srv/fn/late.js'] });
    const answered = control.ping();
    await peer.received();
    peer.send(FrameType.PONG, (await peer.received()).payload);
    await answered;
    expect(loads.at(-1)?.files).toEqual(['/srv/fn/hello.js', '/srv/fn/late.js']);
  });

  test('that fails is told in the words of the worker', async () => {
    const { control, peer } = await open();
    const loading = control.load('{}');
    peer.sendJson(FrameType.ERROR, {
      kind: 'load',
      error: 'handler not found',
      message: 'no handler in hello.js',
      stack: 'at hello.js:1',
    });
    await expect(loading).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: 'no handler in hello.js',
      cause: { error: 'handler not found', stack: 'at hello.js:1' },
    });
  });

  test('is over when the worker ends, and refused after', async () => {
    const { control, peer, ended } = await open();
    const loading = control.load('{}');
    peer.socket.destroy();
    await expect(loading).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    expect(await ended).toBeUndefined();
    await expect(control.load('{}')).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });
});

describe('PING', () => {
  test('is answered by PONG, in order', async () => {
    const { control, peer } = await open();
    const both = [control.ping(), control.ping()];
    for (const _ of both) peer.send(FrameType.PONG, (await peer.received()).payload);
    expect(await Promise.all(both)).toEqual([true, true]);
  });

  test('is false when the worker ends, and after', async () => {
    const { control, peer } = await open();
    const answered = control.ping();
    peer.socket.destroy();
    expect(await answered).toBe(false);
    expect(await control.ping()).toBe(false);
  });

  test('of the worker is echoed', async () => {
    const { peer } = await open();
    peer.send(FrameType.PING, 'opaque');
    const { type, payload } = await peer.received();
    expect([type, payload.toString()]).toEqual([FrameType.PONG, 'opaque']);
  });
});

test('LOG lines arrive as they were sent', async () => {
  const { peer, logs, control } = await open();
  const line = { request_id: 'req-1', stream: 'stdout', level: 'info', message: 'größe', fields: { a: 1 }, last: true };
  peer.sendJson(FrameType.LOG, line);
  const answered = control.ping();
  peer.send(FrameType.PONG, (await peer.received()).payload);
  await answered;
  expect(logs).toEqual([line]);
});

test.each<[string, number, string]>([
  ['a LOG that is no JSON', FrameType.LOG, 'x'],
  ['a LOG without a stream', FrameType.LOG, '{"request_id":null,"level":"info","message":""}'],
  ['LOADED with no concurrency', FrameType.LOADED, '{"revision":"1","files":[]}'],
  ['an ERROR that is not about loading', FrameType.ERROR, '{"kind":"handler","message":"x"}'],
])('%s ends the connection with the reason', async (_name, type, payload) => {
  const { peer, ended } = await open();
  peer.send(type, payload);
  expect(await ended).toMatchObject({ code: 'PROTOCOL' });
});

test('frames of types from a later protocol are ignored', async () => {
  const { peer, control } = await open();
  peer.send(99, 'whatever');
  const answered = control.ping();
  peer.send(FrameType.PONG, (await peer.received()).payload);
  expect(await answered).toBe(true);
});

test('DRAIN and CONTEXT are sent; after the end of the worker they are harmless', async () => {
  const { control, peer, ended } = await open();
  control.context('{"timeout_ms":1}');
  control.drain();
  expect((await peer.received()).payload.toString()).toBe('{"timeout_ms":1}');
  expect((await peer.received()).type).toBe(FrameType.DRAIN);
  control.close();
  await ended;
  control.drain();
});
