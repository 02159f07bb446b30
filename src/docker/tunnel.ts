import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import type { TunnelPiece } from './messages.ts';

type Send = (piece: TunnelPiece) => void;

/**
 * Connections of other commands to the stack's operator (P65): what they say on the host's socket is said on the container's, in
 * pieces on the stream that both sides share.
 */
export class Tunnel {
  readonly #sockets = new Map<number, Socket>();
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Takes a connection of this side. */
  add(id: number, socket: Socket): void {
    this.#sockets.set(id, socket);
    socket.on('data', (bytes: Buffer) => this.#send({ type: 'tunnel', id, data: bytes.toString('base64') }));
    socket.on('error', () => {}); // 'close' follows
    socket.once('close', () => {
      if (this.#sockets.delete(id)) this.#send({ type: 'tunnel', id, data: null });
    });
  }

  /** Takes what the other side says; false where the connection is not known. */
  take({ id, data }: TunnelPiece): boolean {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return false;
    if (data !== null) socket.write(Buffer.from(data, 'base64'));
    else {
      this.#sockets.delete(id);
      socket.end();
    }
    return true;
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

/** The host's half: listens where the commands of this machine look for a stack's operator. */
export async function openTunnel(path: string, send: Send): Promise<{ take(piece: TunnelPiece): void; close(): void }> {
  const tunnel = new Tunnel(send);
  let last = 0;
  await rm(path, { force: true });
  const server = createServer((socket) => tunnel.add(++last, socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    take: (piece) => void tunnel.take(piece),
    close: () => {
      server.close();
      tunnel.close();
    },
  };
}

/** The container's half: connects to the operator's socket for each connection of the host. */
export function createTunnelEnd(path: string, send: Send): (piece: TunnelPiece) => void {
  const tunnel = new Tunnel(send);
  return (piece) => {
    if (tunnel.take(piece) || piece.data === null) return;
    tunnel.add(piece.id, connect(path));
    tunnel.take(piece);
  };
}
