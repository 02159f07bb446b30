import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { FastfnError } from '../errors.ts';

const ANSWER_TIMEOUT_MS = 1000;

/** What a running stack says of itself over its control socket. */
export interface StackIdentity {
  readonly pid: number;
  readonly url: string;
}

/** The lock of a stack: whoever answers on the socket owns the run directory (P74). */
export interface ControlSocket {
  /** From now on the socket tells this. */
  identify(identity: StackIdentity): void;
  close(): Promise<void>;
}

/** Takes the lock; throws ALREADY_RUNNING when a living stack answers, takes a dead one's place otherwise. */
export async function takeControlSocket(path: string): Promise<ControlSocket> {
  const owner = await askStack(path);
  if (owner) {
    throw new FastfnError('ALREADY_RUNNING', `already running at ${owner.url} (pid ${owner.pid})`, {
      hint: 'stop that one, or pass --port for a second stack',
    });
  }
  await rm(path, { force: true });
  let identity: StackIdentity = { pid: process.pid, url: 'an address not known yet' };
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    onLine(socket, (line) => {
      if (line === '{"type":"identify"}') socket.write(`${JSON.stringify(identity)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    identify(known) {
      identity = known;
    },
    close() {
      for (const socket of sockets) socket.destroy(); // whoever stays connected must not keep the stack from ending
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** What the stack that listens on a control socket says of itself; null when none answers. */
export function askStack(path: string): Promise<StackIdentity | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (identity: StackIdentity | null) => {
      socket.destroy();
      resolve(identity);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(null));
    socket.on('error', () => finish(null));
    socket.on('connect', () => socket.write('{"type":"identify"}\n'));
    onLine(socket, (line) => finish(JSON.parse(line) as StackIdentity));
  });
}

function onLine(socket: Socket, listener: (line: string) => void): void {
  const lines = createInterface({ input: socket });
  lines.on('line', listener);
  lines.on('error', () => {}); // the socket's own error is handled where it was opened
}
