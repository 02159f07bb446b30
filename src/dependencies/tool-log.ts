import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 16_384;

/** The last lines of an installer's log, none of them empty; credentials in URLs are hidden. */
export function lastLines(file: string): string[] {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - TAIL_BYTES);
    const buffer = Buffer.alloc(size - start);
    const length = readSync(fd, buffer, 0, buffer.length, start);
    const lines = hideCredentials(buffer.toString('utf8', 0, length)).split(/\r?\n/);
    return lines.slice(start > 0 ? 1 : 0).filter((line) => line !== '');
  } finally {
    closeSync(fd);
  }
}

function hideCredentials(text: string): string {
  return text.replace(/:\/\/[^/@\s]+@/g, '://<hidden>@');
}
