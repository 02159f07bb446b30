import { Agent, request } from 'node:http';

/** Requests over the gateway's private Unix listener. */
export interface PrivateClient {
  /** POSTs JSON text; resolves with the decoded answer, rejects when the gateway refused or is not there. */
  post(path: string, body: string): Promise<unknown>;
  close(): void;
}

/** A client for the listener at `socketPath`; its connection is kept open, so that a save costs one round trip. */
export function createPrivateClient(socketPath: string): PrivateClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  return {
    post: (path, body) =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          {
            socketPath,
            path,
            method: 'POST',
            agent,
            headers: { 'content-length': Buffer.byteLength(body), host: 'gateway' },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () => {
              const text = Buffer.concat(chunks).toString();
              if (response.statusCode === 200) resolve(JSON.parse(text));
              else reject(new Error(`the gateway answered ${response.statusCode} to ${path}: ${text}`));
            });
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}
