import {
  chmodSync,
  closeSync,
  type FSWatcher,
  fstatSync,
  lchownSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  watch,
} from 'node:fs';
import { dirname } from 'node:path';
import type { StackEvent } from './events.ts';
import { createLog, LOG_MODE, rotate } from './rotation.ts';

export type AccessEvent = Extract<StackEvent, { type: 'request' | 'requests-omitted' }>;

export interface AccessLogOptions {
  /** Written by nginx, one JSON object per line (P89). */
  readonly file: string;
  readonly maxSizeMb: number;
  readonly keep: number;
  /** Makes nginx open its log file anew (signal USR1 to its master). */
  readonly reopen: () => void;
  /** null: the log is rotated and not read. */
  readonly onEvent: ((event: AccessEvent) => void) | null;
}

export interface AccessLog {
  close(): void;
}

/** Looking this rarely costs nothing at any request rate, and a person sees no delay. */
const TICK_MS = 50;
const ROTATION_TICK_MS = 1000;
/** nginx's workers have opened the new file by then: they are told by a signal. */
const REOPEN_MS = 250;
/** About 250 lines: more in one tick is more than a terminal can show. */
const MAX_TICK_BYTES = 64 * 1024;
/** What is shown of a larger tick. */
const TAIL_BYTES = 4 * 1024;
const BYTES_PER_MB = 1024 * 1024;
const LINE_END = 0x0a;

/**
 * Rotates nginx's access log and tells its lines as events. Create it before nginx starts: the file is made here, so that
 * its mode is 0600 (P117), and only lines that come later are told.
 */
export function followAccessLog(options: AccessLogOptions): AccessLog {
  return new Follower(options);
}

class Follower implements AccessLog {
  readonly #options: AccessLogOptions;
  #fd = -1;
  #position = 0;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    mkdirSync(dirname(options.file), { recursive: true });
    createLog(options.file);
    chmodSync(options.file, LOG_MODE);
    this.#open();
    this.#position = fstatSync(this.#fd).size;
  }

  close(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#read();
    this.#watcher?.close();
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #open(): void {
    this.#fd = openSync(this.#options.file, 'r');
    this.#position = 0;
    const tickMs = this.#options.onEvent === null ? ROTATION_TICK_MS : TICK_MS;
    this.#watcher = watch(this.#options.file, () => this.#schedule(tickMs));
  }

  #tick(): void {
    this.#timer = null;
    this.#read();
    const there = statSync(this.#options.file, { throwIfNoEntry: false });
    const { ino, size } = fstatSync(this.#fd);
    if (there === undefined) this.#schedule(REOPEN_MS);
    else if (there.ino !== ino) this.#moveOn();
    else if (size > this.#options.maxSizeMb * BYTES_PER_MB) this.#rotate();
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => this.#tick(), ms);
  }

  /** nginx writes what it has buffered to the old file when it opens the new one; only then is the old one left. */
  #rotate(): void {
    const { file, keep, reopen } = this.#options;
    const { uid, gid } = fstatSync(this.#fd);
    rotate(file, keep);
    createLog(file);
    if (process.getuid?.() === 0) lchownSync(file, uid, gid); // nginx's workers open it themselves
    reopen();
    this.#schedule(REOPEN_MS);
  }

  #moveOn(): void {
    this.#read();
    this.#watcher?.close();
    closeSync(this.#fd);
    this.#open();
    this.#schedule(0); // lines that came before the watch
  }

  #read(): void {
    const { onEvent } = this.#options;
    if (onEvent === null) return;
    const { size } = fstatSync(this.#fd);
    if (size < this.#position) this.#position = 0; // emptied in place
    const skipped = size - this.#position > MAX_TICK_BYTES ? this.#skipToTail(size) : 0;
    if (skipped > 0) onEvent({ type: 'requests-omitted', bytes: skipped });
    for (const line of this.#takeLines(size)) {
      const event = parseLine(line);
      if (event !== null) onEvent(event);
    }
  }

  /** Goes to the first whole line of the tail; returns how many bytes are passed over. */
  #skipToTail(size: number): number {
    const from = this.#position;
    this.#position = size - TAIL_BYTES;
    const lineEnd = this.#readBytes(size).indexOf(LINE_END);
    this.#position += lineEnd + 1;
    return this.#position - from;
  }

  /** Whole lines up to `size`; the rest of a line is read with the next tick. */
  #takeLines(size: number): string[] {
    const bytes = this.#readBytes(size);
    const end = bytes.lastIndexOf(LINE_END);
    this.#position += end + 1;
    return end === -1 ? [] : bytes.toString('utf8', 0, end).split('\n');
  }

  #readBytes(size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size - this.#position);
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, this.#position));
  }
}

/** What the terminal needs of a line; unknown members are passed over, a line without the basics is not a request. */
function parseLine(line: string): AccessEvent | null {
  const entry = parseObject(line);
  const { method, path, status, ms } = entry;
  if (typeof method !== 'string' || typeof path !== 'string' || typeof status !== 'number') return null;
  const functionKey = typeof entry.function === 'string' && entry.function !== '' ? entry.function : null;
  return { type: 'request', method, path, status, ms: Number(ms ?? 0) || 0, functionKey };
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // cut off by a full disk, or not ours
  }
}
