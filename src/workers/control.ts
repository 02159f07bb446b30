import { connect, type Socket } from 'node:net';
import { FastfnError } from '../errors.ts';
import { encodeFrame, type Frame, FrameType, frameReader } from './codec.ts';
import { type Hello, type Loaded, type Log, parseHello, parseLoaded, parseLoadFailed, parseLog } from './messages.ts';

const NO_BYTES = new Uint8Array();
const CONNECTION = 0; // stream id of frames that concern the connection itself

export interface ControlEvents {
  onLog(log: Log): void;
  /** Every LOADED, also those that name files loaded later. */
  onLoaded(loaded: Loaded): void;
  /** Once, when the connection has ended; with the reason if the worker broke the protocol. */
  onClose(broken?: FastfnError): void;
}

/** The supervisor's connection to one worker. Its end ends the worker. */
export interface Control {
  readonly hello: Hello;
  /** Rejects with LOAD_FAILED (cause: what the worker said), or WORKER_FAILED when the connection ended instead. */
  load(message: string): Promise<Loaded>;
  /** True with the PONG; false when the connection ended first. */
  ping(): Promise<boolean>;
  context(message: string): void;
  drain(): void;
  close(): void;
}

/** Connects to a listening worker and waits for its HELLO. Rejects with WORKER_FAILED or PROTOCOL. */
export function connectControl(socketPath: string, events: ControlEvents): Promise<Control> {
  return new ControlConnection(connect(socketPath), events).opened;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: FastfnError): void;
}

class ControlConnection implements Control {
  readonly #socket: Socket;
  readonly #events: ControlEvents;
  readonly #opened: Deferred<Control> = deferred();
  readonly #pings: ((answered: boolean) => void)[] = [];
  #hello: Hello | undefined;
  #loading: Deferred<Loaded> | undefined;
  #broken: FastfnError | undefined;

  constructor(socket: Socket, events: ControlEvents) {
    this.#socket = socket;
    this.#events = events;
    const read = frameReader((frame) => this.#receive(frame));
    socket.on('data', (chunk) => {
      try {
        read(chunk);
      } catch (error) {
        if (!(error instanceof FastfnError)) throw error;
        this.#broken = error;
        socket.destroy();
      }
    });
    socket.on('error', () => {}); // 'close' follows and says all there is to do
    socket.on('close', () => this.#closed());
  }

  get opened(): Promise<Control> {
    return this.#opened.promise;
  }

  get hello(): Hello {
    if (this.#hello === undefined) throw new Error('a connection is handed out after its HELLO');
    return this.#hello;
  }

  load(message: string): Promise<Loaded> {
    this.#loading = deferred();
    if (this.#socket.destroyed) this.#loading.reject(connectionEnded());
    else this.#send(FrameType.LOAD, message);
    return this.#loading.promise;
  }

  ping(): Promise<boolean> {
    if (this.#socket.destroyed) return Promise.resolve(false);
    this.#send(FrameType.PING, NO_BYTES);
    return new Promise((resolve) => this.#pings.push(resolve));
  }

  context(message: string): void {
    this.#send(FrameType.CONTEXT, message);
  }

  drain(): void {
    this.#send(FrameType.DRAIN, NO_BYTES);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(type: number, payload: Uint8Array | string): void {
    if (!this.#socket.destroyed) this.#socket.write(encodeFrame(type, CONNECTION, payload));
  }

  #receive({ type, payload }: Frame): void {
    if (this.#hello === undefined && type !== FrameType.HELLO) {
      throw new FastfnError('PROTOCOL', `a worker began with a frame of type ${type} instead of HELLO`);
    }
    switch (type) {
      case FrameType.HELLO:
        this.#hello = parseHello(payload);
        this.#opened.resolve(this);
        break;
      case FrameType.LOADED:
        this.#loaded(parseLoaded(payload));
        break;
      case FrameType.ERROR:
        this.#loadFailed(payload);
        break;
      case FrameType.LOG:
        this.#events.onLog(parseLog(payload));
        break;
      case FrameType.PING:
        this.#send(FrameType.PONG, payload);
        break;
      case FrameType.PONG:
        this.#pings.shift()?.(true);
        break;
    }
  }

  #loaded(loaded: Loaded): void {
    this.#loading?.resolve(loaded);
    this.#events.onLoaded(loaded);
  }

  #loadFailed(payload: Buffer): void {
    const { error, message, stack } = parseLoadFailed(payload);
    this.#loading?.reject(new FastfnError('LOAD_FAILED', message, { cause: { error, stack } }));
  }

  #closed(): void {
    const reason = this.#broken ?? connectionEnded();
    this.#opened.reject(reason);
    this.#loading?.reject(reason);
    for (const answer of this.#pings.splice(0)) answer(false);
    this.#events.onClose(this.#broken);
  }
}

/** A worker that is gone, seen from its connection. */
export function connectionEnded(): FastfnError {
  return new FastfnError('WORKER_FAILED', 'the worker closed its control connection');
}

/** A promise with its functions; a rejection nobody waits for any more is not an unhandled one. */
function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: FastfnError) => void;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
