import { type Stats, statSync } from 'node:fs';
import { identityOf, stampOf } from './file-identity.ts';

/** Timestamps of files advance in steps of the kernel's clock: a write within this time may leave the stamp as it was. */
const CLOCK_STEP_MS = 10;

interface Known {
  readonly stamp: string;
  /** Identity of the content, once somebody had time to read it. */
  readonly identity: string | null;
}

/**
 * The files that a function was loaded from, and enough of their content to tell later whether it changed (P120): a stat
 * for each, a hash where the stat alone cannot tell.
 */
export class LoadedFiles {
  #files: ReadonlyMap<string, Known> = new Map();

  has(path: string): boolean {
    return this.#files.has(path);
  }

  get paths(): Iterable<string> {
    return this.#files.keys();
  }

  /** Stats of files that are about to be read, for `set`: a save that falls into the reading shows as a change later. */
  static lookBefore(paths: Iterable<string>): ReadonlyMap<string, string> {
    return new Map([...paths].map((path) => [path, stampAt(path)]));
  }

  /** These files were read, beginning at `startedAt` (epoch milliseconds); `before` holds their stats from before that. */
  set(paths: Iterable<string>, before: ReadonlyMap<string, string> = new Map(), startedAt = Date.now()): void {
    const former = this.#files;
    const files = new Map<string, Known>();
    for (const path of paths) {
      const stamp = before.get(path) ?? stampSince(path, startedAt);
      const known = former.get(path);
      files.set(path, known?.stamp === stamp ? known : { stamp, identity: null });
    }
    this.#files = files;
  }

  /** Adds files that were loaded later. */
  add(paths: Iterable<string>): void {
    const files = new Map(this.#files);
    for (const path of paths) if (!files.has(path)) files.set(path, { stamp: stampAt(path), identity: null });
    this.#files = files;
  }

  /** Reads the files for their content, so that a later save of equal content is no change. */
  learn(): void {
    this.#files = new Map([...this.#files].map(([path, known]) => [path, learned(path, known)]));
  }

  /** Paths of those whose content is another now. */
  changed(): string[] {
    return [...this.#files].filter(([path, known]) => isOther(path, known)).map(([path]) => path);
  }
}

function learned(path: string, known: Known): Known {
  if (known.identity !== null || known.stamp === '') return known;
  const stat = statOf(path);
  if (stat === undefined || stampOf(stat) !== known.stamp) return known;
  const identity = identityOf(path, stat);
  return stampAt(path) === known.stamp ? { ...known, identity } : known;
}

function isOther(path: string, { stamp, identity }: Known): boolean {
  const stat = statOf(path);
  if (stat === undefined) return stamp !== '';
  if (stampOf(stat) === stamp) return false;
  return identity === null || identityOf(path, stat) !== identity;
}

/** Empty for a file that is not there. */
function stampAt(path: string): string {
  const stat = statOf(path);
  return stat === undefined ? '' : stampOf(stat);
}

/** The stat of a file that was read some time after `startedAt`; one that no file has where it was written to since. */
function stampSince(path: string, startedAt: number): string {
  const stat = statOf(path);
  if (stat === undefined) return '';
  return stat.ctimeMs >= startedAt - CLOCK_STEP_MS ? 'unknown' : stampOf(stat);
}

/** Of what a link leads to: that is what gets loaded. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a parent is a file now, or may not be entered
  }
}
