import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { GatewayCountsShape } from './counts.ts';

/** What an nginx worker says (docs/protocol.md); unknown types are ignored so that versions can mix. */
const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), worker: z.number().int(), pid: z.number().int() }),
  z.object({ type: z.literal('acked'), version: z.number().int() }),
  z.object({ type: z.literal('need'), function: z.string(), revision: z.string() }),
  z.object({ type: z.literal('stuck'), pid: z.number().int(), open: z.number(), served: z.number() }),
  z.object({ type: z.literal('closed'), pid: z.number().int() }),
  z.object({
    type: z.literal('verify'),
    id: z.number().int(),
    function: z.string(),
    method: z.string(),
    api_key: z.string().optional(),
    token: z.string().optional(),
  }),
  z.object({ type: z.literal('probe'), nonce: z.string() }),
  z.object({
    type: z.literal('beat'),
    usage: z.record(z.string(), z.tuple([z.number(), z.number()])).optional(),
  }),
  GatewayCountsShape.extend({ type: z.literal('counts') }),
  z.object({ type: z.literal('flushed'), turn: z.number().int() }),
  z.object({
    type: z.literal('files'),
    function: z.string(),
    revision: z.string(),
    files: z.unknown(),
    error: z.string().optional(),
  }),
  z.object({
    type: z.literal('log'),
    function: z.string(),
    request_id: z.string().optional(),
    stream: z.enum(['stdout', 'stderr']),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    last: z.literal(true).optional(),
  }),
]);
export type LinkMessage = z.infer<typeof Message>;

/** One connected nginx worker. */
export interface NginxWorkerLink {
  readonly pid: number;
  /** Last version of the route table it has applied; 0 before the first. */
  readonly acked: number;
  /** The last turn of `flush` that it has answered. */
  readonly flushed: number;
  /** Milliseconds (performance.now) of its last sign of life. */
  readonly heardAt: number;
}

export interface LinkServer {
  readonly workers: ReadonlyMap<number, NginxWorkerLink>;
  /** Sends a message to every connected nginx worker. */
  broadcast(message: object): void;
  /** Sends a message to one nginx worker, if it is still there. */
  tell(pid: number, message: object): void;
  close(): Promise<void>;
}

type LivingWorker = { -readonly [Fact in keyof NginxWorkerLink]: NginxWorkerLink[Fact] };

interface Connection {
  readonly socket: Socket;
  worker: LivingWorker | null;
}

/**
 * Listens for the nginx workers. `welcome` gives the messages a newly connected worker must have; `onMessage` hears everything
 * `onGone` is told the pid of a worker whose connection ended.
 */
export async function listenForNginxWorkers(options: {
  readonly socketPath: string;
  welcome(): Iterable<object>;
  onMessage(message: LinkMessage, pid: number): void;
  onGone(pid: number): void;
}): Promise<LinkServer> {
  const connections = new Set<Connection>();
  const workers = new Map<number, LivingWorker>();

  const server: Server = createServer((socket) => {
    const connection: Connection = { socket, worker: null };
    connections.add(connection);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      connections.delete(connection);
      if (!connection.worker) return;
      workers.delete(connection.worker.pid);
      options.onGone(connection.worker.pid);
    });
    const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', (line) => hear(connection, line));
    lines.on('error', () => {}); // readline tells the socket's error once more
  });

  function hear(connection: Connection, line: string): void {
    const parsed = Message.safeParse(parseJson(line));
    if (!parsed.success) return;
    const message = parsed.data;
    if (message.type === 'hello') {
      connection.worker = { pid: message.pid, acked: 0, flushed: 0, heardAt: performance.now() };
      workers.set(message.pid, connection.worker);
      for (const greeting of options.welcome()) send(connection, greeting);
    }
    if (!connection.worker) return;
    connection.worker.heardAt = performance.now();
    if (message.type === 'acked') connection.worker.acked = message.version;
    if (message.type === 'flushed') connection.worker.flushed = message.turn;
    options.onMessage(message, connection.worker.pid);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.socketPath, resolve);
  });

  return {
    workers,
    broadcast(message) {
      for (const connection of connections) if (connection.worker) send(connection, message);
    },
    tell(pid, message) {
      for (const connection of connections) if (connection.worker?.pid === pid) send(connection, message);
    },
    close() {
      for (const connection of connections) connection.socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function send(connection: Connection, message: object): void {
  connection.socket.write(`${JSON.stringify(message)}\n`);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
