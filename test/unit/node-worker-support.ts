// Starts the real Node worker in a temporary folder and speaks FNP/1 with it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { encodeFrame, type Frame, FrameType, frameReader } from '../../src/workers/codec.ts';

const MAIN = fileURLToPath(new URL('../../runtimes/node/main.js', import.meta.url));

export const Flag = { END: 1, ANNOUNCE: 2, CAPTURE: 4 } as const;

/** A temporary folder with these files, removed after the test. */
export function project(files: Readonly<Record<string, string>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'fastfn-node-')));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

export type Json = Record<string, unknown>;

/** The LOAD of `entry` in `root`. */
export function loadMessage(root: string, entry: string, overrides: Json = {}): Json {
  return {
    function: 'node/hello@default',
    revision: '7',
    root,
    dir: root,
    entry: join(root, entry),
    compiled: null,
    handler: 'handler',
    adapter: 'native',
    env: { GREETING: 'hi' },
    paths: [],
    limits: { concurrency: 1024 },
    context: {
      runtime: 'node',
      function_name: 'hello',
      version: 'default',
      timeout_ms: 2500,
      max_concurrency: 1024,
      max_body_bytes: 1_048_576,
      worker_pool: { enabled: false },
      debug: { enabled: false },
    },
    ...overrides,
  };
}

/** A spare: started and listening, nothing loaded. Ended after the test. */
export async function startSpare(): Promise<Worker> {
  const dir = mkdtempSync(join(tmpdir(), 'fastfn-worker-'));
  const socketPath = join(dir, 'w.sock');
  const child = spawn(process.execPath, [MAIN, socketPath], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });
  const ready = child.stdio[3] as Readable;
  ready.setEncoding('utf8');
  let said = '';
  for await (const text of ready) said += text;
  if (said !== 'listening\n') throw new Error(`worker said ${JSON.stringify(said)}`);
  return new Worker(child, socketPath, await Peer.connect(socketPath));
}

/** A worker that has loaded the first of `files`. */
export async function startWorker(files: Readonly<Record<string, string>>, overrides: Json = {}): Promise<Worker> {
  const root = project(files);
  const [entry] = Object.keys(files);
  const worker = await startSpare();
  const reply = await worker.load(loadMessage(root, String(entry), overrides));
  if (reply.type !== FrameType.LOADED) throw new Error(`load failed: ${reply.payload}`);
  return worker;
}

/** A worker of one file that serves `source`, and a data connection to it. */
export async function serve(source: string, overrides: Json = {}): Promise<Peer> {
  const worker = await startWorker({ 'hello.js': source }, overrides);
  return worker.connect();
}

export class Worker {
  readonly child: ChildProcess;
  readonly socketPath: string;
  readonly control: Peer;
  readonly exit: Promise<unknown[]>;
  stderr = '';

  constructor(child: ChildProcess, socketPath: string, control: Peer) {
    this.child = child;
    this.socketPath = socketPath;
    this.control = control;
    this.exit = once(child, 'exit');
    child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
  }

  /** Sends LOAD and gives the answer: LOADED or ERROR. */
  load(message: Json): Promise<Frame> {
    this.control.send(FrameType.LOAD, 0, JSON.stringify(message));
    return this.control.next((frame) => frame.type === FrameType.LOADED || frame.type === FrameType.ERROR);
  }

  async connect(): Promise<Peer> {
    const peer = await Peer.connect(this.socketPath);
    peer.worker = this;
    return peer;
  }

  /** The LOG frames received so far, in order. */
  get log(): LogLine[] {
    return this.control.frames.filter(({ type }) => type === FrameType.LOG).map(json) as unknown as LogLine[];
  }

  /** Waits until a log line satisfies `test`. */
  async logged(test: (line: LogLine) => boolean): Promise<LogLine> {
    const frame = await this.control.next((f) => f.type === FrameType.LOG && test(json(f) as unknown as LogLine));
    return json(frame) as unknown as LogLine;
  }
}

export interface LogLine {
  readonly request_id: string | null;
  readonly stream: string;
  readonly level: string;
  readonly message: string;
  readonly fields?: Json;
  readonly last?: boolean;
}

export function json(frame: Frame): Json {
  return JSON.parse(frame.payload.toString('utf8')) as Json;
}

export interface RequestOptions {
  readonly id?: string;
  readonly ts?: number;
  /** Request line and header lines, each without its line end. */
  readonly lines?: readonly string[];
  readonly path?: string;
  readonly extra?: Json;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly flags?: number;
}

/** The payload of a REQUEST. */
export function requestPayload(options: RequestOptions = {}): Buffer {
  const params = Object.entries(options.params ?? {});
  const fields = [
    options.id ?? 'req-1',
    String(options.ts ?? Date.now()),
    '71',
    '127.0.0.1',
    options.path ?? '',
    options.extra === undefined ? '' : JSON.stringify(options.extra),
    String(params.length),
    ...params.flat(),
  ];
  const lines = options.lines ?? ['GET /hello HTTP/1.1', 'Host: h'];
  const head = Buffer.from(`${fields.map((field) => `${field}\0`).join('')}${lines.join('\r\n')}\r\n\r\n`);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(options.flags ?? Flag.END, 0);
  prefix.writeUInt32BE(head.length, 1);
  return Buffer.concat([prefix, head, Buffer.from(options.body ?? '')]);
}

/** An answer as the gateway would see it. */
export interface Answer {
  readonly status: number;
  /** Values by lower-case name. */
  readonly headers: Readonly<Record<string, string[]>>;
  readonly body: Buffer;
  readonly head: Json;
  /** The closing frame's type. */
  readonly closedBy: number;
}

const CLOSING: ReadonlySet<number> = new Set([FrameType.END, FrameType.ERROR]);

export class Peer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<void>;
  worker!: Worker;
  #waiting: { test: (frame: Frame) => boolean; resolve: (frame: Frame) => void }[] = [];
  #nextId = 1;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    const read = frameReader((frame) => this.#onFrame({ ...frame, payload: Buffer.from(frame.payload) }));
    socket.on('data', (chunk) => read(chunk));
    socket.on('error', () => {});
  }

  static async connect(path: string): Promise<Peer> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Peer(socket);
  }

  #onFrame(frame: Frame): void {
    this.frames.push(frame);
    const satisfied = this.#waiting.filter(({ test }) => test(frame));
    this.#waiting = this.#waiting.filter((waiter) => !satisfied.includes(waiter));
    for (const { resolve } of satisfied) resolve(frame);
  }

  send(type: number, stream: number, payload: Uint8Array | string = ''): void {
    this.socket.write(encodeFrame(type, stream, payload));
  }

  /** The first frame, received already or to come, that satisfies `test`. */
  next(test: (frame: Frame) => boolean): Promise<Frame> {
    const received = this.frames.find(test);
    if (received !== undefined) return Promise.resolve(received);
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }

  of(stream: number): Frame[] {
    return this.frames.filter((frame) => frame.stream === stream);
  }

  /** Opens a stream and returns its id. */
  open(options: RequestOptions = {}): number {
    const id = this.#nextId++;
    this.send(FrameType.REQUEST, id, requestPayload(options));
    return id;
  }

  /** Waits for a stream to close, giving credit as a body arrives, and puts its answer together. */
  async answer(id: number): Promise<Answer> {
    let seen = 0;
    await this.next((frame) => {
      if (frame.stream !== id) return false;
      if (frame.type === FrameType.BODY && this.frames.indexOf(frame) >= seen) {
        seen = this.frames.length;
        this.credit(id, frame.payload.length);
      }
      return CLOSING.has(frame.type) || (frame.type === FrameType.RESPONSE && headOf(frame).end === true);
    });
    return assemble(this.of(id));
  }

  credit(id: number, bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes);
    this.send(FrameType.WINDOW, id, payload);
  }

  request(options: RequestOptions = {}): Promise<Answer> {
    return this.answer(this.open(options));
  }

  /** The answer's body as text. */
  async text(options: RequestOptions = {}): Promise<string> {
    return (await this.request(options)).body.toString('utf8');
  }

  /** Resolves when the worker has read everything sent so far and answered what it could at once. */
  async settled(): Promise<void> {
    const token = `settled-${this.frames.length}-${Math.random()}`;
    this.send(FrameType.PING, 0, token);
    await this.next((frame) => frame.type === FrameType.PONG && frame.payload.toString() === token);
  }
}

function headOf(frame: Frame): Json {
  const length = frame.payload.readUInt32BE(0);
  return JSON.parse(frame.payload.subarray(4, 4 + length).toString('utf8')) as Json;
}

function assemble(frames: readonly Frame[]): Answer {
  const response = frames.find(({ type }) => type === FrameType.RESPONSE);
  const last = frames.at(-1)!;
  const head =
    response === undefined ? (CLOSING.has(last.type) && last.payload.length > 0 ? json(last) : {}) : headOf(response);
  const pieces = frames.filter(({ type }) => type === FrameType.BODY).map(({ payload }) => payload);
  if (response !== undefined) pieces.unshift(response.payload.subarray(4 + response.payload.readUInt32BE(0)));
  return {
    status: Number(head.status ?? 0),
    headers: headerMap((head.headers as string[] | undefined) ?? []),
    body: Buffer.concat(pieces),
    head,
    closedBy: last.type,
  };
}

function headerMap(flat: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = String(flat[i]).toLowerCase();
    headers[name] = [...(headers[name] ?? []), String(flat[i + 1])];
  }
  return headers;
}
