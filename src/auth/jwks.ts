import { type CryptoKey, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose';
import * as z from 'zod';

/** Life of a fetched set when the issuer does not say, and the bounds of what it may say, seconds. */
const LIFE_SECONDS = { default: 600, min: 10, max: 86_400 };
/** A set may serve for this long past its life while the issuer is down (F137). */
const STALE_MS = 3_600_000;
/** At most one fetch per unknown `kid`, and one attempt while the issuer is down, in this time (F137). */
const COOLDOWN_MS = 10_000;
const FETCH_TIMEOUT_MS = 3000;
const MAX_SET_BYTES = 1_048_576;

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** What finds the key for a token's header; rejects where none or more than one fits. */
export type KeyFinder = (header: { readonly alg: string; readonly kid?: string }) => Promise<CryptoKey>;

/** The issuer cannot be asked, and no set of it is young enough to be used. */
export class KeysUnavailable extends Error {}

/** The set has no such key, and may not be asked for again before `retryMs` have passed. */
export class UnknownKey extends Error {
  readonly retryMs: number;
  constructor(retryMs: number) {
    super('no key of the set fits the token');
    this.retryMs = retryMs;
  }
}

/** A finder over a set that is at hand. `kid` decides where the token names one; else exactly one key must fit. */
export function localKeys(keys: JSONWebKeySet['keys']): KeyFinder {
  const find = createLocalJWKSet({ keys });
  return (header) => find(header);
}

/** The keys of an issuer: fetched on first use, on expiry, and when a token names a key that is not in the set. */
export class RemoteKeys {
  readonly #url: string;
  readonly #log: (message: string) => void;
  readonly #now: () => number;
  #find: KeyFinder | null = null;
  #freshUntil = 0;
  #mayAskForUnknownAt = 0;
  #mayRetryAt = 0;
  #fetching: Promise<void> | null = null;
  #isFailing = false;

  /** `log` hears about an issuer that stops answering, once; `now` is epoch milliseconds. */
  constructor(url: string, log: (message: string) => void, now: () => number = Date.now) {
    this.#url = url;
    this.#log = log;
    this.#now = now;
  }

  readonly find: KeyFinder = async (header) => {
    if (this.#now() >= this.#freshUntil) await this.#refresh();
    try {
      return await this.#current(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    const now = this.#now();
    const mayFetchAt = Math.max(this.#mayAskForUnknownAt, this.#mayRetryAt);
    if (now < mayFetchAt) throw new UnknownKey(mayFetchAt - now);
    this.#mayAskForUnknownAt = now + COOLDOWN_MS;
    await this.#fetch();
    try {
      return await this.#current(header);
    } catch (error) {
      throw error instanceof errors.JWKSNoMatchingKey ? new UnknownKey(COOLDOWN_MS) : error;
    }
  };

  get #current(): KeyFinder {
    if (this.#find === null || this.#now() >= this.#freshUntil + STALE_MS) throw new KeysUnavailable();
    return this.#find;
  }

  async #refresh(): Promise<void> {
    if (this.#fetching || this.#now() >= this.#mayRetryAt) await this.#fetch();
  }

  /** Callers that come while a fetch is under way share it. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#load()
      .then(
        () => this.#succeeded(),
        (error: Error) => this.#failed(error),
      )
      .finally(() => {
        this.#fetching = null;
      });
    return this.#fetching;
  }

  async #load(): Promise<void> {
    const response = await fetch(this.#url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error', // it could lead away from TLS
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    }
    const { keys } = KeySet.parse(JSON.parse(await readBounded(response)));
    this.#find = localKeys(keys);
    this.#freshUntil = this.#now() + lifeSeconds(response.headers.get('cache-control')) * 1000;
  }

  #succeeded(): void {
    this.#isFailing = false;
  }

  #failed(error: Error): void {
    this.#mayRetryAt = this.#now() + COOLDOWN_MS;
    if (this.#isFailing) return;
    this.#isFailing = true;
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    const effect = this.#find ? 'the last set serves for up to an hour' : 'its tokens cannot be verified';
    const { origin, pathname } = new URL(this.#url); // the rest may hold a credential
    this.#log(`the keys at ${origin}${pathname} cannot be fetched (${reason.split('\n')[0]}); ${effect}`);
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_SET_BYTES) throw new Error(`more than ${MAX_SET_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function lifeSeconds(cacheControl: string | null): number {
  const given = /(?:^|[,\s])max-age=(\d+)/i.exec(cacheControl ?? '')?.[1];
  if (given === undefined) return LIFE_SECONDS.default;
  return Math.min(LIFE_SECONDS.max, Math.max(LIFE_SECONDS.min, Number(given)));
}
