import type { RateWindow } from '../project/types.ts';

const MAX_CLIENTS = 10_000; // more addresses than this at once: the oldest window is forgotten first

/** Counts per client address in fixed windows (P160). */
export class RateLimit {
  readonly #window: RateWindow;
  readonly #now: () => number;
  readonly #clients = new Map<string, { count: number; endsAt: number }>();

  constructor(window: RateWindow, now: () => number = Date.now) {
    this.#window = window;
    this.#now = now;
  }

  /** Seconds until the client may ask again; 0 when it may now. Counts nothing. */
  waitSeconds(client: string): number {
    const entry = this.#clients.get(client);
    const left = (entry?.endsAt ?? 0) - this.#now();
    if (this.#window.max === 0 || entry === undefined || left <= 0) return 0;
    return entry.count >= this.#window.max ? Math.ceil(left / 1000) : 0;
  }

  count(client: string): void {
    if (this.#window.max === 0) return;
    const now = this.#now();
    const entry = this.#clients.get(client);
    if (entry && entry.endsAt > now) {
      entry.count += 1;
      return;
    }
    this.#clients.delete(client);
    if (this.#clients.size >= MAX_CLIENTS) this.#clients.delete(this.#clients.keys().next().value as string);
    this.#clients.set(client, { count: 1, endsAt: now + this.#window.windowSeconds * 1000 });
  }
}
