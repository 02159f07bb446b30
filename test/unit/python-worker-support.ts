// A Python worker as the supervisor and the gateway see it: the real process, its socket, its frames.
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

const MAIN = fileURLToPath(new URL('../../runtimes/python/main.py', import.meta.url));
const WAIT_MS = 10_000;

export const PYTHON = process.env.FN_TEST_PYTHON ?? 'python3';
/** As the supervisor starts a worker: Python keeps bytecode where nothing forbids it. */
export const WITH_BYTECODE = { ...process.env, PYTHONDONTWRITEBYTECODE: '' };

export const Flag = { END: 1, ANNOUNCE: 2, CAPTURE: 4 } as const;
export const CREDIT_BYTES = 262_144;

export type Json = { [name: string]: any };

/** One connection to a worker: what arrives is kept until a test takes it. */
export class Peer {
  readonly #socket: Socket;
  readonly #frames: Frame[] = [];
  readonly #waiting = new Set<() => void>();
  closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const read = frameReader((frame) => this.#frames.push({ ...frame, payload: Buffer.from(frame.payload) }));
    socket.on('data', (chunk) => {
      read(chunk);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  send(type: number, stream: number, payload: Uint8Array | string = ''): this {
    this.#socket.write(encodeFrame(type, stream, payload));
    return this;
  }

  /** Bytes as they are, for what no codec would write. */
  raw(bytes: Uint8Array): this {
    this.#socket.write(bytes);
    return this;
  }

  /** Frames sent by `write` leave in one write. */
  together(write: () => void): void {
    this.#socket.cork();
    write();
    this.#socket.uncork();
  }

  request(stream: number, request: RequestOptions = {}): this {
    return this.send(FrameType.REQUEST, stream, requestPayload(request));
  }

  /** The first frame that matches, whether it has arrived or not. */
  async take(matches: (frame: Frame) => boolean): Promise<Frame> {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const index = this.#frames.findIndex(matches);
      if (index >= 0) return this.#frames.splice(index, 1)[0]!;
      if (this.closed) throw new Error('the worker closed the connection');
      await this.#change(deadline);
    }
  }

  takeType(type: number, stream = 0): Promise<Frame> {
    return this.take((frame) => frame.type === type && frame.stream === stream);
  }

  async json(type: number, stream = 0): Promise<Json> {
    return JSON.parse((await this.takeType(type, stream)).payload.toString());
  }

  /** Frames that have arrived and were not taken. */
  get pending(): readonly Frame[] {
    return this.#frames;
  }

  async untilClosed(): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!this.closed) await this.#change(deadline);
  }

  /** The whole answer of a stream; credit is given back as it arrives. */
  async answer(stream: number): Promise<Answer> {
    const first = await this.take((frame) => frame.stream === stream && ANSWERS.has(frame.type));
    if (first.type === FrameType.ERROR) return { error: JSON.parse(first.payload.toString()) };
    if (first.type === FrameType.END) return { cancelled: true };
    const { head, body } = responseOf(first);
    if (head.end) return { head, ...answered(head), body };
    const pieces = [body];
    for (;;) {
      const frame = await this.take((next) => next.stream === stream && next.type !== FrameType.START);
      if (frame.type === FrameType.END) return { head, ...answered(head), body: Buffer.concat(pieces) };
      if (frame.type === FrameType.ERROR) return { head, error: JSON.parse(frame.payload.toString()) };
      pieces.push(frame.payload);
      this.window(stream, frame.payload.length);
    }
  }

  window(stream: number, bytes: number): this {
    return this.send(FrameType.WINDOW, stream, u32(bytes));
  }

  /** PING, and its PONG: whatever was sent before has been read. */
  async ping(text = 'are you there'): Promise<void> {
    this.send(FrameType.PING, 0, text);
    await this.take((frame) => frame.type === FrameType.PONG && frame.payload.toString() === text);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.destroy();
  }

  async #change(deadline: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let wake: (() => void) | undefined;
    await new Promise<void>((resolve, reject) => {
      wake = resolve;
      this.#waiting.add(resolve);
      const seen = this.#frames.map((frame) => `${frame.type}/${frame.stream}`).join(' ');
      timer = setTimeout(() => reject(new Error(`not within ${WAIT_MS} ms; untaken: ${seen}`)), deadline - Date.now());
    }).finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(wake!);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}

const ANSWERS = new Set<number>([FrameType.RESPONSE, FrameType.ERROR, FrameType.END]);

export interface Answer {
  readonly head?: Json;
  readonly status?: number;
  /** Lower-case name: values of its lines in order. */
  readonly headers?: { readonly [name: string]: readonly string[] };
  readonly body?: Buffer;
  readonly error?: Json;
  /** END without an answer. */
  readonly cancelled?: boolean;
}

export interface RequestOptions {
  readonly flags?: number;
  readonly target?: string;
  readonly method?: string;
  readonly id?: string;
  readonly headers?: readonly string[];
  readonly params?: { readonly [name: string]: string };
  readonly body?: Uint8Array | string;
  readonly head?: Uint8Array;
}

export function requestPayload({ flags = Flag.END, body = '', head, ...rest }: RequestOptions = {}): Buffer {
  const bytes = head ?? rawHead(rest);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes, Buffer.from(body)]);
}

function rawHead({
  target = '/hello',
  method = 'GET',
  id = 'req-1',
  headers = [],
  params = {},
}: RequestOptions): Buffer {
  const bound = Object.entries(params).flat();
  const fields = [id, '1783012345678', '71', '127.0.0.1', '', '', String(bound.length / 2), ...bound];
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1:8080', ...headers];
  return Buffer.from(`${fields.join('\0')}\0${lines.join('\r\n')}\r\n\r\n`);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function responseOf(frame: Frame): { head: Json; body: Buffer } {
  const end = 4 + frame.payload.readUInt32BE(0);
  return { head: JSON.parse(frame.payload.toString('utf8', 4, end)), body: frame.payload.subarray(end) };
}

function answered(head: Json): { status: number; headers: { [name: string]: string[] } } {
  const headers: { [name: string]: string[] } = {};
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i].toLowerCase();
    headers[name] = [...(headers[name] ?? []), head.headers[i + 1]];
  }
  return { status: head.status, headers };
}

export interface LoadOptions {
  /** Files below the root by path; `entry` is the first if not given. */
  readonly files: { readonly [path: string]: string };
  readonly entry?: string;
  readonly dir?: string;
  readonly handler?: string;
  readonly adapter?: string;
  readonly env?: { readonly [name: string]: string };
  readonly paths?: readonly string[];
  readonly concurrency?: number;
  readonly context?: Json;
}

/** A worker process with its control connection, ended with the test. */
export class PythonWorker {
  readonly root: string;
  readonly control: Peer;
  readonly hello: Json;
  readonly process: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** What bypassed the capture: written to descriptors 1 and 2. */
  stdout = '';
  stderr = '';
  readonly #socketPath: string;

  private constructor(root: string, socketPath: string, child: ChildProcess, control: Peer, hello: Json) {
    this.root = root;
    this.#socketPath = socketPath;
    this.process = child;
    this.control = control;
    this.hello = hello;
    child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.exited = once(child, 'close').then(([code, signal]) => code ?? signal);
  }

  static async start(): Promise<PythonWorker> {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'fastfn-python-')));
    const socketPath = join(home, 'worker.sock');
    const child = spawn(PYTHON, [MAIN, socketPath], {
      env: WITH_BYTECODE,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    });
    const [word] = await Promise.race([once(child.stdio[3] as Readable, 'data'), once(child, 'close')]);
    if (String(word) !== 'listening\n') throw new Error(`the worker did not start: ${child.stderr?.read() ?? word}`);
    const control = await openPeer(socketPath);
    const hello = await control.json(FrameType.HELLO);
    mkdirSync(join(home, 'fn'));
    return new PythonWorker(join(home, 'fn'), socketPath, child, control, hello);
  }

  /** A started worker that has loaded one file of this source. */
  static async serving(source: string, options: Partial<LoadOptions> = {}): Promise<PythonWorker> {
    const worker = await PythonWorker.start();
    const loaded = await worker.load({ files: { 'hello.py': source }, ...options });
    if (loaded.kind === 'load') throw new Error(`${loaded.message}\n${loaded.stack}`);
    return worker;
  }

  /** LOADED, or the ERROR of kind `load`. */
  async load(options: LoadOptions): Promise<Json> {
    this.write(options.files);
    const entry = join(this.root, options.entry ?? Object.keys(options.files)[0]!);
    const order = {
      function: 'python/hello@default',
      revision: '7',
      root: this.root,
      dir: options.dir === undefined ? dirname(entry) : join(this.root, options.dir),
      entry,
      compiled: null,
      handler: options.handler ?? 'handler',
      adapter: options.adapter ?? 'native',
      env: options.env ?? {},
      paths: options.paths ?? [],
      limits: { concurrency: options.concurrency ?? 1024 },
      context: { ...CONTEXT, ...options.context },
    };
    this.control.send(FrameType.LOAD, 0, JSON.stringify(order));
    const frame = await this.control.take(({ type }) => type === FrameType.LOADED || type === FrameType.ERROR);
    return JSON.parse(frame.payload.toString());
  }

  /** Writes files below the functions root. */
  write(files: { readonly [path: string]: string }): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), content);
    }
  }

  /** A data connection, past its HELLO. */
  async connect(): Promise<Peer> {
    const peer = await openPeer(this.#socketPath);
    await peer.takeType(FrameType.HELLO);
    return peer;
  }

  async open(): Promise<Peer> {
    return openPeer(this.#socketPath);
  }

  /** One request on a connection of its own. */
  async call(request: RequestOptions = {}): Promise<Answer> {
    const peer = await this.connect();
    const answer = await peer.request(1, request).answer(1);
    peer.end();
    return answer;
  }

  /** The JSON that the handler answered with. */
  async callJson(request: RequestOptions = {}): Promise<any> {
    const { body, error } = await this.call(request);
    if (body === undefined) throw new Error(`no answer: ${JSON.stringify(error)}`);
    return JSON.parse(body.toString());
  }

  /** The next line of output. */
  log(): Promise<Json> {
    return this.control.json(FrameType.LOG);
  }
}

const CONTEXT: Json = {
  runtime: 'python',
  function_name: 'hello',
  version: 'default',
  timeout_ms: 2500,
  max_concurrency: 1024,
  max_body_bytes: 1_048_576,
  worker_pool: { enabled: false, min_warm: 0 },
  debug: { enabled: false },
};

async function openPeer(path: string): Promise<Peer> {
  const socket = connect(path);
  await once(socket, 'connect');
  return new Peer(socket);
}
