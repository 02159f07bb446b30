import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { WatchStatus } from '../admin/platform.ts';
import { type Change, WatchTree } from './watch-tree.ts';

export interface WatcherOptions {
  /** Folders watched with all that is below them; a change under a symbolic link inside them counts too. */
  readonly roots: readonly string[];
  /** Folders of which only the files count (the project's own, for its settings). */
  readonly flat?: readonly string[];
  readonly ignored: (path: string) => boolean;
  /** Look every so many milliseconds instead of asking for file events; null = events. */
  readonly pollMs: number | null;
  /** Quiet time after which a burst is over (P120). */
  readonly debounceMs: number;
  /** Absolute paths of files that were created, removed, or have another content. */
  readonly onChange: (paths: readonly string[]) => void;
  readonly onNote: (message: string) => void;
}

export interface Watcher {
  /**
   * Settles when every folder is watched. Whoever reads the files after that misses nothing: what is saved later is
   * reported.
   */
  readonly ready: Promise<void>;
  /**
   * Runs a write of the platform's own, whose result is the paths (absolute; files and folders, a new folder before what is in
   * it) that it has touched. As they are then, they are known and not reported (P120): the caller reads them after this. Returns
   * them and the other names they have inside the roots.
   */
  adopt(write: () => Promise<readonly string[]>): Promise<readonly string[]>;
  readonly status: WatchStatus;
  close(): void;
}

export function createWatcher(options: WatcherOptions): Watcher {
  return new FileWatcher(options);
}

/**
 * A save of one file shows within a millisecond or two: truncate and write, or a rename. 5 ms without a further event on
 * any file mean that one file was saved and its writer is done, if the file is not empty. Waiting for the whole quiet
 * time is for what comes in groups: several files, removals (half of a replacement), new folders.
 */
const ISOLATED_QUIET_MS = 5;
/** A file that is written to all the time (a function's own log) must not put reloads off for ever. */
const MAX_WAIT_ROUNDS = 10;
const FALLBACK_POLL_MS = 200;
/** Half of the kernel's default queue (fs.inotify.max_queued_events): beyond its end events are lost without a word. */
const EVENTS_BEFORE_RESCAN = 8192;
const DIRS_PER_TURN = 64; // about 2 ms of the event loop
const FILES_PER_TURN = 32;
const POLL_REST_FACTOR = 9; // looking takes at most a tenth of one core

class FileWatcher implements Watcher {
  readonly ready: Promise<void>;
  readonly #options: WatcherOptions;
  readonly #tree: WatchTree;
  readonly #stop = new AbortController();
  #isPolling = false;
  /** Why file events were given up. */
  #error: string | null = null;
  #lastScanAt: number | null = null;
  readonly #dirty = new Set<string>();
  /** What changed since onChange was called last; `before` is the content of that time. */
  readonly #changes = new Map<string, Change>();
  #timer: NodeJS.Timeout | null = null;
  /** Events since the burst began. */
  #events = 0;
  #firstEventAt = 0;
  #lastEventAt = 0;
  #lastFireAt = Number.NEGATIVE_INFINITY;
  /** Writes of the platform's own that have not ended: until then nobody can tell whose a change is. */
  #writes = 0;

  constructor(options: WatcherOptions) {
    this.#options = options;
    const onDirty = (path: string) => this.#onDirty(path);
    this.#tree = new WatchTree({
      ignored: options.ignored,
      onDirty: options.pollMs === null ? onDirty : null,
      onFailure: (error) => this.#fallBack(`file events are not available (${explain(error)})`),
    });
    this.ready = this.#start();
  }

  async adopt(write: () => Promise<readonly string[]>): Promise<readonly string[]> {
    this.#writes += 1;
    try {
      const paths = await write();
      for (const path of paths) {
        if (!this.#options.ignored(path)) this.#tree.check(path);
        this.#changes.delete(path);
      }
      return this.#withAliases(paths);
    } finally {
      this.#writes -= 1;
    }
  }

  get status(): WatchStatus {
    return {
      backend: this.#isPolling ? 'polling' : 'events',
      isActive: !this.#stop.signal.aborted,
      lastScanAt: this.#lastScanAt,
      error: this.#error,
    };
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer ?? undefined);
    this.#tree.stopEvents();
  }

  async #start(): Promise<void> {
    const { roots, flat = [], pollMs } = this.#options;
    for (const root of roots) await this.#inTurns(this.#tree.addRoot(root, true), DIRS_PER_TURN);
    for (const dir of flat) {
      if (!roots.includes(dir)) await this.#inTurns(this.#tree.addRoot(dir, false), DIRS_PER_TURN);
    }
    this.#lastScanAt = Date.now();
    if (pollMs !== null) void this.#poll(pollMs);
    void this.#inTurns(this.#tree.learn(), FILES_PER_TURN);
  }

  #onDirty(path: string): void {
    this.#dirty.add(path);
    this.#events += 1;
    this.#lastEventAt = performance.now();
    if (this.#timer !== null) return;
    this.#firstEventAt = this.#lastEventAt;
    this.#arm(Math.min(ISOLATED_QUIET_MS, this.#options.debounceMs));
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => void this.#settle(), ms);
  }

  /** Decides, some time after the last event, whether a burst is over. */
  async #settle(): Promise<void> {
    this.#lastScanAt = Date.now();
    await turn(); // reads events that came in while the process was busy: timers run before them
    if (this.#stop.signal.aborted) return;
    const { debounceMs } = this.#options;
    const now = performance.now();
    const quietMs = now - this.#lastEventAt;
    const isOverdue = now - this.#firstEventAt >= debounceMs * MAX_WAIT_ROUNDS;
    const enough = Math.min(ISOLATED_QUIET_MS, debounceMs);
    if (this.#writes > 0) return this.#arm(enough);
    if (quietMs < enough && !isOverdue) return this.#arm(enough - quietMs);
    if (this.#events > EVENTS_BEFORE_RESCAN) {
      this.#events = 0;
      await this.#inTurns(
        this.#tree.scan((path) => this.#dirty.add(path)),
        DIRS_PER_TURN,
      );
    }
    this.#compare();
    if (this.#changes.size === 0 || quietMs >= debounceMs || isOverdue || this.#isIsolatedSave(now)) this.#fire(now);
    else this.#arm(debounceMs - quietMs);
  }

  #compare(): void {
    const paths = [...this.#dirty];
    this.#dirty.clear();
    for (const change of paths.flatMap((path) => this.#tree.check(path))) {
      const first = this.#changes.get(change.path);
      const before = first === undefined ? change.before : first.before;
      if (before === change.after) this.#changes.delete(change.path);
      else this.#changes.set(change.path, { ...change, before });
    }
    if (!this.#tree.hasRoots()) this.#fallBack('a watched folder was removed');
  }

  #isIsolatedSave(now: number): boolean {
    const [change] = this.#changes.values();
    const isAlone = this.#changes.size === 1 && now - this.#lastFireAt >= this.#options.debounceMs;
    return isAlone && change!.isSaved;
  }

  #fire(now: number): void {
    this.#timer = null;
    this.#events = 0;
    if (this.#changes.size === 0) return;
    const paths = [...this.#changes.keys()];
    this.#changes.clear();
    this.#lastFireAt = now;
    this.#options.onChange(this.#withAliases(paths));
  }

  #withAliases(paths: readonly string[]): readonly string[] {
    return [...new Set([...paths, ...paths.flatMap((path) => [...this.#tree.aliases(path)])])];
  }

  #fallBack(why: string): void {
    if (this.#isPolling || this.#stop.signal.aborted) return;
    this.#error = why;
    this.#tree.stopEvents();
    this.#options.onNote(`${why}; looking for changes every ${FALLBACK_POLL_MS} ms instead`);
    void this.#poll(FALLBACK_POLL_MS);
  }

  async #poll(intervalMs: number): Promise<void> {
    this.#isPolling = true;
    while (!this.#stop.signal.aborted) {
      const startedAt = performance.now();
      this.#lastScanAt = Date.now();
      await this.#inTurns(
        this.#tree.scan((path) => this.#onDirty(path)),
        DIRS_PER_TURN,
      );
      const restMs = Math.max(intervalMs, (performance.now() - startedAt) * POLL_REST_FACTOR);
      await delay(restMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** Runs through a generator without keeping the event loop for long. */
  async #inTurns(steps: Iterable<void>, stepsPerTurn: number): Promise<void> {
    let left = stepsPerTurn;
    for (const _ of steps) {
      left -= 1;
      if (left > 0) continue;
      left = stepsPerTurn;
      await turn();
      if (this.#stop.signal.aborted) return;
    }
  }
}

const LIMITS: Readonly<Record<string, string>> = {
  ENOSPC: 'fs.inotify.max_user_watches is used up',
  EMFILE: 'fs.inotify.max_user_instances is used up',
};

function explain({ code, message }: NodeJS.ErrnoException): string {
  return LIMITS[code ?? ''] ?? message;
}
