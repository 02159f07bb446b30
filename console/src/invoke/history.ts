import type { Draft } from './draft.ts';
import { withoutSecrets } from './secrets.ts';

/** A past execution, or an event that somebody saved under a name (P222). */
export interface Kept {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly draft: Draft;
  /** Of a past execution. */
  readonly status?: number;
  readonly latencyMs?: number;
  /** Of a saved event. */
  readonly name?: string;
}

const MAX_EXECUTIONS = 30;
/** One function's past executions and saved events in the browser's storage, newest first. */
export class Shelf {
  readonly #key: string;

  constructor(kind: 'executions' | 'events', functionKey: string) {
    this.#key = `fastfn:${kind}:${functionKey}`;
  }

  read(): readonly Kept[] {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(this.#key) ?? '[]');
      return Array.isArray(kept) ? (kept as Kept[]) : [];
    } catch {
      return []; // storage is switched off, or was written by something else
    }
  }

  add(entry: Omit<Kept, 'id' | 'at'>): readonly Kept[] {
    const draft = withoutSecrets(entry.draft);
    const kept = { ...entry, draft, id: newId(), at: Date.now() };
    const others = this.read().filter(({ name }) => name === undefined || name !== entry.name);
    return this.#write([kept, ...others].slice(0, MAX_EXECUTIONS));
  }

  remove(id: string): readonly Kept[] {
    return this.#write(this.read().filter((entry) => entry.id !== id));
  }

  clear(): readonly Kept[] {
    return this.#write([]);
  }

  #write(entries: readonly Kept[]): readonly Kept[] {
    try {
      localStorage.setItem(this.#key, JSON.stringify(entries));
    } catch {
      // Full or switched off: this tab still shows them until it leaves the page.
    }
    return entries;
  }
}

/** Not crypto.randomUUID(): browsers have that on HTTPS and on this machine only. */
function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}
