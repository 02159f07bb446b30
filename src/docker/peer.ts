import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, request } from 'node:http';
import { FastfnError } from '../errors.ts';

export const PEER_HEADER = 'x-fn-peer-probe';
const PROBE_PATH = '/_fn/live';
const LIMIT_MS = 5000;
const RETRY_MS = 20;

/**
 * Inside: listens where nginx will, until a request with the nonce comes, and returns the address it came from: that of every
 * client of the published port, which lies on loopback (P66). null when none comes in time.
 */
export function awaitPeer(port: number, nonce: string, onListening: () => void): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let found: string | null = null;
    const server = createServer((incoming, answer) => {
      const isOurs = isSame(incoming.headers[PEER_HEADER], nonce);
      if (isOurs) found = addressOf(incoming);
      answer.writeHead(isOurs ? 200 : 503, { connection: 'close', 'content-length': 0, 'retry-after': '1' }).end();
      if (isOurs) answer.once('close', finish);
    });
    const finish = () => {
      clearTimeout(limit);
      server.close(() => resolve(found));
      server.closeAllConnections();
    };
    const limit = setTimeout(finish, LIMIT_MS);
    server.once('error', reject);
    server.listen(port, '0.0.0.0', onListening);
  });
}

/** On the host: requests through the published port until one is answered 200. */
export async function showPeer(host: string, port: number, nonce: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while ((await ask(host, port, nonce)) !== 200) {
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new FastfnError('NOT_READY', `the container does not answer at ${host}:${port}`, {
        hint: 'A firewall or another network may take what Docker publishes; see docs/docker.md.',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function ask(host: string, port: number, nonce: string): Promise<number | null> {
  return new Promise((resolve) => {
    const outgoing = request({
      host,
      port,
      path: PROBE_PATH,
      headers: { [PEER_HEADER]: nonce },
      agent: false,
      timeout: 1000,
    });
    outgoing.once('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? null);
    });
    outgoing.once('error', () => resolve(null));
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.end();
  });
}

function isSame(given: string | string[] | undefined, nonce: string): boolean {
  const [left, right] = [Buffer.from(String(given)), Buffer.from(nonce)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** An IPv4 address in the form nginx shows it. */
function addressOf({ socket }: IncomingMessage): string | null {
  return socket.remoteAddress?.replace(/^::ffff:/, '') ?? null;
}
