import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const FORMAT = 1; // of the file; another one is ignored

/** Identity of a file's content as far as stat tells: size and modification time. */
type Stamp = string;

interface Entry {
  /** Files whose change makes the answer doubtful. */
  readonly files: Readonly<Record<string, Stamp>>;
  readonly value: unknown;
}

/** A successful answer and the files that it depends on. */
export interface Finding<T> {
  readonly value: T;
  readonly files: readonly string[];
}

/**
 * Remembers answers of programs about themselves, so that a warm start spawns nothing. Only successes are kept: what
 * is missing now may be installed a moment later. An unreadable or unwritable cache costs time, never correctness.
 */
export class ProbeCache {
  readonly #path: string;
  readonly #entries: Map<string, Entry>;
  #isChanged = false;

  private constructor(path: string, entries: Map<string, Entry>) {
    this.#path = path;
    this.#entries = entries;
  }

  /** `isFresh` ignores what was remembered. */
  static async open(path: string, isFresh: boolean): Promise<ProbeCache> {
    return new ProbeCache(path, isFresh ? new Map() : await readEntries(path));
  }

  /** The remembered answer if none of its files changed, else the one that `ask` finds (null: nothing usable). */
  async remember<T>(key: string, ask: () => Promise<Finding<T> | null>): Promise<T | null> {
    const known = this.#entries.get(key);
    if (known && (await isCurrent(known))) return known.value as T;
    const found = await ask();
    if (found === null) return null;
    const stamps = await Promise.all(found.files.map(async (file) => [file, await stampOf(file)] as const));
    this.#entries.set(key, { files: Object.fromEntries(stamps), value: found.value });
    this.#isChanged = true;
    return found.value;
  }

  async save(): Promise<void> {
    if (!this.#isChanged) return;
    const temporary = `${this.#path}.${process.pid}`;
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      await writeFile(temporary, JSON.stringify({ format: FORMAT, entries: Object.fromEntries(this.#entries) }), {
        mode: 0o600,
      });
      await rename(temporary, this.#path);
    } catch {
      // No writable home: the next start asks again.
    }
  }
}

async function readEntries(path: string): Promise<Map<string, Entry>> {
  try {
    const stored = JSON.parse(await readFile(path, 'utf8'));
    return new Map(stored.format === FORMAT ? Object.entries<Entry>(stored.entries) : []);
  } catch {
    return new Map();
  }
}

async function isCurrent(entry: Entry): Promise<boolean> {
  const checks = Object.entries(entry.files).map(async ([file, stamp]) => (await stampOf(file)) === stamp);
  return (await Promise.all(checks)).every(Boolean);
}

async function stampOf(file: string): Promise<Stamp> {
  try {
    const { size, mtimeMs, ino } = await stat(file);
    return `${size}:${mtimeMs}:${ino}`;
  } catch {
    return 'missing';
  }
}
