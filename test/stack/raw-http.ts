import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire: names in their spelling, a line for each header line. */
export interface RawAnswer {
  readonly status: number;
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** Values of all lines with this name, whatever its case. */
  values(name: string): string[];
  readonly body: Buffer;
  readonly text: string;
  json(): any;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/**
 * A client connection that sends exactly the bytes it is given: for what `node:http` would refuse to send, would normalise,
 * or would not do (pipelining, trickling, leaving in the middle).
 */
export class RawConnection {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => {};
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {}); // a reset shows as a close
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next answer; one to HEAD has no body whatever its headers say. */
  async read(method = 'GET'): Promise<RawAnswer> {
    const head = await this.#until(HEAD_END);
    const [statusLine = '', ...rest] = head.toString('latin1').split('\r\n');
    const lines = rest.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), Buffer.from(line.slice(colon + 1).trim(), 'latin1').toString()];
    });
    const values = (name: string) =>
      lines.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    const status = Number(statusLine.split(' ')[1]);
    const body = await this.#body(method, status, values);
    return { status, lines, values, body, text: body.toString(), json: () => JSON.parse(body.toString()) };
  }

  /** The first bytes of an answer, as many as have arrived when there are `count`. */
  async peek(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#more();
    return this.#received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #body(method: string, status: number, values: (name: string) => string[]): Promise<Buffer> {
    if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return Buffer.alloc(0);
    if (values('transfer-encoding').includes('chunked')) return this.#chunks();
    const [length] = values('content-length');
    if (length !== undefined) return this.#take(Number(length));
    while (!this.#isClosed) await this.#more();
    return this.#take(this.#received.length);
  }

  async #chunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      const size = Number.parseInt((await this.#until(LINE_END)).toString(), 16);
      chunks.push(await this.#take(size));
      await this.#take(LINE_END.length);
      if (size === 0) return Buffer.concat(chunks);
    }
  }

  async #until(mark: Buffer): Promise<Buffer> {
    let at = this.#received.indexOf(mark);
    while (at === -1) {
      await this.#more();
      at = this.#received.indexOf(mark);
    }
    const bytes = await this.#take(at);
    await this.#take(mark.length);
    return bytes;
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#more();
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  #more(): Promise<void> {
    if (this.#isClosed)
      throw new Error(`the server closed the connection after ${JSON.stringify(this.#received.toString())}`);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** One request of exactly these bytes (as Latin-1) on a connection of its own, and its answer. */
export async function sendRaw(port: number, bytes: string | Buffer, method = 'GET'): Promise<RawAnswer> {
  const connection = await RawConnection.open(port);
  try {
    connection.write(bytes);
    return await connection.read(method);
  } finally {
    connection.destroy();
  }
}

/** The head of a request, `host` and `connection: close` unless given. */
export function head(method: string, target: string, lines: readonly string[] = []): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, '', ''].join('\r\n');
}
