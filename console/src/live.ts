import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { call, Refusal, TOKEN_EVENT } from './api.ts';
import { type FunctionRow, listFunctions } from './functions.ts';
import type { Catalog, Health, PlatformProblem } from './shapes.ts';

const POLL_MS = 4000;

/** The platform as it was a moment ago: health and problems with every poll, the catalog when a table has changed. */
class LivePlatform {
  health: Health | null = null;
  catalog: Catalog | null = null;
  problems: readonly PlatformProblem[] = [];
  rows: readonly FunctionRow[] = [];
  refusal: Refusal | null = null;
  #seen = '';
  #timer: number | undefined;
  #asking: Promise<void> | undefined;
  readonly #hosts = new Set<ReactiveControllerHost>();

  constructor() {
    window.addEventListener(TOKEN_EVENT, () => void this.refresh());
    document.addEventListener('visibilitychange', () => this.#schedule(0));
  }

  join(host: ReactiveControllerHost): void {
    this.#hosts.add(host);
    if (this.#hosts.size === 1) this.#schedule(0);
  }

  leave(host: ReactiveControllerHost): void {
    this.#hosts.delete(host);
    if (this.#hosts.size === 0) clearTimeout(this.#timer);
  }

  /** Reads everything now. */
  refresh(): Promise<void> {
    this.#seen = '';
    return this.#poll();
  }

  /** A tab in the background asks nothing. */
  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (document.hidden || this.#hosts.size === 0) return;
    this.#timer = window.setTimeout(() => void this.#poll(), ms);
  }

  #poll(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      this.#schedule(POLL_MS);
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      const [health, { problems }] = await Promise.all([
        call<Health>('/_fn/health'),
        call<{ problems: readonly PlatformProblem[] }>('/_fn/problems'),
      ]);
      const seen = JSON.stringify([health.routing, health.config_loaded_at, health.functions?.states.length]);
      if (seen !== this.#seen || this.catalog === null) this.catalog = await call<Catalog>('/_fn/catalog');
      this.#seen = seen;
      this.health = health;
      this.problems = problems;
      this.rows = listFunctions(this.catalog, health, problems);
      this.refusal = null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refusal = error;
    }
    for (const host of this.#hosts) host.requestUpdate();
  }
}

export const live = new LivePlatform();

/** Redraws its host whenever the live platform changed, for as long as the host is on the page. */
export class LiveController implements ReactiveController {
  readonly #host: ReactiveControllerHost;

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    live.join(this.#host);
  }

  hostDisconnected(): void {
    live.leave(this.#host);
  }
}
