import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { FastfnError } from '../errors.ts';

const POLL_MS = 3;

/** The nonces of our own readiness requests that the gateway has told us of (P97). */
export class ReadinessProbe {
  readonly #seen = new Set<string>();

  /** The gateway saw a request with this nonce. */
  heard(nonce: string): void {
    this.#seen.add(nonce);
  }

  /**
   * Resolves when a real request through the public port is answered 200 by the gateway that is connected to us, and
   * `isComplete` holds; throws NOT_READY naming `missing()` after the time is over.
   */
  async wait(options: {
    readonly host: string;
    readonly port: number;
    readonly timeoutSeconds: number;
    readonly signal: AbortSignal;
    missing(): readonly string[];
  }): Promise<void> {
    const deadline = performance.now() + options.timeoutSeconds * 1000;
    for (;;) {
      options.signal.throwIfAborted();
      const nonce = randomBytes(12).toString('hex');
      const status = await ask(options.host, options.port, nonce);
      if (status === 200 && (await this.#arrives(nonce)) && options.missing().length === 0) return;
      if (performance.now() > deadline) throw notReady(options, status);
      await sleep(POLL_MS);
    }
  }

  async #arrives(nonce: string): Promise<boolean> {
    for (let tries = 0; tries < 100 && !this.#seen.has(nonce); tries++) await sleep(POLL_MS);
    return this.#seen.delete(nonce);
  }
}

function ask(host: string, port: number, nonce: string): Promise<number | null> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host, port, path: '/_fn/ready', headers: { 'x-fn-run': nonce }, agent: false, timeout: 1000 },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? null);
      },
    );
    outgoing.on('error', () => resolve(null));
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.end();
  });
}

function notReady(
  options: { readonly timeoutSeconds: number; missing(): readonly string[] },
  status: number | null,
): FastfnError {
  const missing = options.missing();
  const parts = status === 200 ? missing : [`/_fn/ready answered ${status ?? 'nothing'}`, ...missing];
  return new FastfnError('NOT_READY', `not ready within ${options.timeoutSeconds} s: ${parts.join('; ')}`, {
    hint: 'error.log of the log folder has the details; FN_READY_TIMEOUT_S allows more time',
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
