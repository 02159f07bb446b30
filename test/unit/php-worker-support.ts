import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { encodeFrame, type Frame, FrameType, frameReader } from '../../src/workers/codec.ts';

const MAIN = join(import.meta.dirname, '../../runtimes/php/main.php');

/** The name is free for the worker from the start: it need not start itself again. */
export const PHP_FLAGS = ['-d', 'disable_functions=error_log'];

export const Flag = { END: 1, ANNOUNCE: 2, CAPTURE: 4 } as const;

export interface Answer {
  readonly status: number;
  /** Lower-case name to the values of its lines. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
  readonly head: Readonly<Record<string, unknown>>;
}

/** What came back on one stream: an answer, or the ERROR that took its place. */
export interface Outcome {
  readonly answer?: Answer;
  readonly error?: { readonly kind: string; readonly message: string; readonly stack?: string };
}

/** The data of test/vectors, not as a module: there, the name `__proto__` would mean something. */
export function vectors(name: 'frames' | 'heads' | 'responses') {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../vectors/${name}.json`), 'utf8'));
}

export const until = <T>(check: () => T) => vi.waitFor(check, { timeout: 8_000, interval: 5 });

/** One connection to a worker: all frames that came, and a way to wait for one. */
export class Peer {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  isClosed = false;

  constructor(path: string) {
    this.socket = connect(path);
    const read = frameReader((frame) => this.frames.push(frame));
    this.socket.on('data', read);
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  send(type: number, stream: number, payload: Uint8Array | string = ''): void {
    this.socket.write(encodeFrame(type, stream, payload));
  }

  of(type: number, stream = 0): Frame[] {
    return this.frames.filter((frame) => frame.type === type && frame.stream === stream);
  }

  first(type: number, stream = 0): Promise<Frame> {
    return until(() => {
      const frame = this.of(type, stream)[0];
      if (frame === undefined) throw new Error(`no frame of type ${type} on stream ${stream}`);
      return frame;
    });
  }

  async json(type: number, stream = 0): Promise<Record<string, unknown>> {
    return JSON.parse((await this.first(type, stream)).payload.toString());
  }

  closed(): Promise<void> {
    return until(() => {
      if (!this.isClosed) throw new Error('the connection is still open');
    });
  }

  /** Waits for the frame that closes the stream. */
  async outcome(stream: number): Promise<Outcome> {
    await until(() => {
      if (!this.frames.some((frame) => frame.stream === stream && closes(frame)))
        throw new Error(`stream ${stream} is open`);
    });
    return outcomeOf(this.frames.filter((frame) => frame.stream === stream));
  }
}

function closes({ type, payload }: Frame): boolean {
  return (
    type === FrameType.END ||
    type === FrameType.ERROR ||
    (type === FrameType.RESPONSE && responseHead(payload).end === true)
  );
}

function responseHead(payload: Buffer): Record<string, unknown> {
  return JSON.parse(payload.toString('utf8', 4, 4 + payload.readUInt32BE(0)));
}

function outcomeOf(frames: readonly Frame[]): Outcome {
  const error = frames.find(({ type }) => type === FrameType.ERROR);
  if (error !== undefined) return { error: JSON.parse(error.payload.toString()) };
  const response = frames.find(({ type }) => type === FrameType.RESPONSE);
  if (response === undefined) return {};
  const head = responseHead(response.payload);
  const bodies = frames.filter(({ type }) => type === FrameType.BODY).map(({ payload }) => payload);
  const body = Buffer.concat([response.payload.subarray(4 + response.payload.readUInt32BE(0)), ...bodies]);
  return { answer: { status: head.status as number, headers: headerLines(head.headers as string[]), body, head } };
}

function headerLines(flat: readonly string[]): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!.toLowerCase();
    lines[name] = [...(lines[name] ?? []), flat[i + 1]!];
  }
  return lines;
}

export interface RequestOptions {
  readonly id?: string;
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly string[];
  readonly params?: Readonly<Record<string, string>>;
  readonly flags?: number;
  readonly body?: Uint8Array | string;
  /** The whole head, instead of one made of the members above. */
  readonly head?: Uint8Array;
}

/** The payload of a REQUEST. */
export function requestPayload(options: RequestOptions = {}): Buffer {
  const { id = 'req-1-1-000001', method = 'GET', target = '/x', headers = [], params = {}, flags = Flag.END } = options;
  const pairs = Object.entries(params);
  const fields = [id, '1783012345678', '71', '127.0.0.1', '', '', String(pairs.length), ...pairs.flat()];
  const block = [`${method} ${target} HTTP/1.1`, 'Host: h', ...headers].map((line) => `${line}\r\n`).join('');
  const head = options.head ?? Buffer.from(`${fields.join('\0')}\0${block}\r\n`);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(head.length, 1);
  return Buffer.concat([prefix, head, Buffer.from(options.body ?? '')]);
}

export interface WorkerOptions {
  readonly entry?: string;
  readonly load?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly phpArgs?: readonly string[];
}

/** A worker process of its own, with a folder of files as the functions root. Ends with the test. */
export class PhpWorker {
  readonly root: string;
  readonly control: Peer;
  readonly child: ChildProcess;
  readonly #socket: string;
  readonly #output = { stdout: '', stderr: '' };
  #streams = 0;
  #data: Peer | undefined;

  private constructor(root: string, socket: string, child: ChildProcess) {
    this.root = root;
    this.#socket = socket;
    this.child = child;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.on('data', (bytes) => {
        this.#output[name] += bytes;
      });
    }
    this.control = new Peer(socket);
  }

  /** Starts a spare: it listens and has said HELLO. */
  static async spare(
    files: Readonly<Record<string, string>>,
    phpArgs: readonly string[] = PHP_FLAGS,
  ): Promise<PhpWorker> {
    const root = mkdtempSync(join(tmpdir(), 'fastfn-php-'));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    const socket = join(root, '.sock');
    const child = spawn('php', [...phpArgs, MAIN, socket], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    });
    const [line] = await once(child.stdio[3]!, 'data');
    if (String(line) !== 'listening\n') throw new Error(`the worker said ${line}`);
    const worker = new PhpWorker(root, socket, child);
    await worker.control.first(FrameType.HELLO);
    return worker;
  }

  /** Starts a worker whose entry is `code` and waits until it has loaded. */
  static async with(code: string, options: WorkerOptions = {}): Promise<PhpWorker> {
    const worker = await PhpWorker.spare({ [options.entry ?? 'fn.php']: code }, options.phpArgs);
    worker.load(options);
    await worker.control.first(FrameType.LOADED);
    return worker;
  }

  load({ entry = 'fn.php', load = {}, context = {} }: WorkerOptions = {}): void {
    const loaded = {
      function: 'php/fn@default',
      revision: '7',
      root: this.root,
      dir: dirname(join(this.root, entry)),
      entry: join(this.root, entry),
      compiled: null,
      handler: 'handler',
      adapter: 'native',
      env: {},
      paths: [],
      limits: { concurrency: 1 },
      context: {
        runtime: 'php',
        function_name: 'fn',
        version: 'default',
        timeout_ms: 2_500,
        debug: { enabled: false },
        ...context,
      },
      ...load,
    };
    this.control.send(FrameType.LOAD, 0, JSON.stringify(loaded));
  }

  connect(): Peer {
    return new Peer(this.#socket);
  }

  /** The data connection that `send` and `request` share. */
  get data(): Peer {
    this.#data ??= this.connect();
    return this.#data;
  }

  /** Sends one request and returns its stream. */
  send(options: RequestOptions = {}): number {
    this.#streams += 1;
    this.data.send(FrameType.REQUEST, this.#streams, requestPayload(options));
    return this.#streams;
  }

  request(options: RequestOptions = {}): Promise<Outcome> {
    return this.data.outcome(this.send(options));
  }

  /** The body of a JSON answer. */
  async json(options: RequestOptions = {}): Promise<unknown> {
    const { answer, error } = await this.request(options);
    if (answer === undefined) throw new Error(`ERROR ${JSON.stringify(error)}`);
    return JSON.parse(answer.body.toString());
  }

  async text(options: RequestOptions = {}): Promise<string> {
    const { answer, error } = await this.request(options);
    if (answer === undefined) throw new Error(`ERROR ${JSON.stringify(error)}`);
    return answer.body.toString();
  }

  /** LOG lines so far. */
  get logs(): Record<string, unknown>[] {
    return this.control.of(FrameType.LOG).map(({ payload }) => JSON.parse(payload.toString()));
  }

  /** What reached descriptors 1 and 2 themselves. */
  get output(): Readonly<{ stdout: string; stderr: string }> {
    return this.#output;
  }

  async exited(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }
}
