import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A client that keeps up to so many connections open. */
export function createClient(connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    get: (url) => send(agent, url),
    close: () => agent.destroy(),
  };
}

function send(agent, url) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer from ${url}`)));
    call.on('error', reject);
    call.end();
  });
}

/** Waits until a server answers 200. */
export async function answering(url, timeoutMs = 15_000) {
  const client = createClient(1);
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const answer = await client.get(url).catch((error) => ({ status: error.message, body: '' }));
      if (answer.status === 200) return answer;
      if (performance.now() > deadline)
        throw new Error(`${url} answered ${answer.status} ${answer.body.slice(0, 200)}`);
      await delay(20);
    }
  } finally {
    client.close();
  }
}
