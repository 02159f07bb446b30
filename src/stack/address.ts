import { createServer } from 'node:net';

/** `http://…` as a client on this machine uses it: loopback for a wildcard bind (P25). */
export function urlOf(host: string, port: number): string {
  return `http://${reachableHost(host)}:${port}`;
}

function reachableHost(host: string): string {
  if (['localhost', '0.0.0.0', '::', '::1'].includes(host) || host.startsWith('127.')) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Where our own requests to a server bound to `host` go. */
export function connectHost(host: string): string {
  if (host === '0.0.0.0' || host === 'localhost') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** Whether a server bound to `host` is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** A port that nobody listens on at the moment. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
