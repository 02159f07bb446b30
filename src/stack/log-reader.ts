import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_BYTES = 64 * 1024;
/** A stored line is at most 16 KiB of message, escaped, and its fields; nothing longer is ours (P116). */
const MAX_LINE_BYTES = 1024 * 1024;
/** Of all lines of one answer: 2,000 lines are usually 400 KiB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const LINE_END = 0x0a;
const NOTHING = Buffer.alloc(0);

/** The last lines of a log and of the files it was rotated to. */
export interface LastLines<T> {
  /** Oldest first. */
  readonly lines: readonly T[];
  /** Where the newest file ended, for a follower: its inode, and the bytes up to the end of its last whole line. */
  readonly end: LogPosition;
}

export interface LogPosition {
  /** null: there was no file. */
  readonly inode: number | null;
  readonly offset: number;
}

/**
 * Reads a log from its end until `limit` lines, or `maxBytes`, are accepted: memory does not grow with the files, and neither does time where
 * the lines that are wanted are new. `accept` parses a line, or returns null for one that is not wanted.
 */
export async function readLast<T>(
  path: string,
  keep: number,
  limit: number,
  accept: (line: string) => T | null,
  maxBytes: number = MAX_ANSWER_BYTES,
): Promise<LastLines<T>> {
  const files = await openFiles(path, keep);
  try {
    const lines: T[] = [];
    let bytes = 0;
    if (limit === 0) return { lines, end: endOf(files) };
    for (const { handle, size } of files) {
      for await (const line of linesBackwards(handle, size)) {
        const accepted = accept(line);
        if (accepted === null) continue;
        lines.push(accepted);
        bytes += line.length;
        if (lines.length >= limit || bytes >= maxBytes) return { lines: lines.reverse(), end: endOf(files) };
      }
    }
    return { lines: lines.reverse(), end: endOf(files) };
  } finally {
    await Promise.all(files.map(({ handle }) => handle.close()));
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly isNewest: boolean;
  readonly inode: number;
  /** Bytes up to the end of its last whole line. */
  readonly size: number;
}

/** Newest first. All are opened before the first is read, so that a rotation meanwhile hides nothing. */
async function openFiles(path: string, keep: number): Promise<readonly OpenFile[]> {
  const paths = [path, ...Array.from({ length: keep }, (_, index) => `${path}.${index + 1}`)];
  const handles = await Promise.all(paths.map((name) => open(name, 'r').catch(() => null)));
  const files = handles.map(async (handle, index) => {
    if (handle === null) return [];
    const { ino, size } = await handle.stat();
    return [{ handle, isNewest: index === 0, inode: ino, size: await lastLineEnd(handle, size) }];
  });
  return (await Promise.all(files)).flat();
}

function endOf([newest]: readonly OpenFile[]): LogPosition {
  return newest?.isNewest ? { inode: newest.inode, offset: newest.size } : { inode: null, offset: 0 };
}

/** A line that is being written has no end yet. */
async function lastLineEnd(handle: FileHandle, size: number): Promise<number> {
  const from = Math.max(0, size - MAX_LINE_BYTES);
  for (let end = size; end > from; end -= CHUNK_BYTES) {
    const start = Math.max(from, end - CHUNK_BYTES);
    const at = (await readBytes(handle, start, end)).lastIndexOf(LINE_END);
    if (at !== -1) return start + at + 1;
  }
  return from;
}

/** Whole lines before `size`, the last one first. */
async function* linesBackwards(handle: FileHandle, size: number): AsyncGenerator<string> {
  let begun: Buffer = NOTHING; // the end of a line that begins in the chunk before
  for (let end = size; end > 0; end -= CHUNK_BYTES) {
    const chunk = await readBytes(handle, Math.max(0, end - CHUNK_BYTES), end);
    const bytes = begun.length === 0 ? chunk : Buffer.concat([chunk, begun]);
    let lineEnd = bytes.length;
    for (let at = previousLineEnd(bytes, lineEnd); at !== -1; at = previousLineEnd(bytes, lineEnd)) {
      if (lineEnd > at + 1) yield bytes.toString('utf8', at + 1, lineEnd);
      lineEnd = at;
    }
    begun = lineEnd > MAX_LINE_BYTES ? NOTHING : bytes.subarray(0, lineEnd);
  }
  if (begun.length > 0) yield begun.toString('utf8');
}

function previousLineEnd(bytes: Buffer, before: number): number {
  return before === 0 ? -1 : bytes.lastIndexOf(LINE_END, before - 1);
}

export async function readBytes(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(end - start);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}
