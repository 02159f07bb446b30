import { open } from 'node:fs/promises';
import type { Parsed } from './kinds.ts';

const MAX_SECRET_BYTES = 8192;

/** Reads a `*_FILE`: at most 8 KiB, trailing new lines dropped. No problem says what the file holds. */
export async function readSecretFile(path: string): Promise<Parsed<string>> {
  try {
    const content = await readStart(path, MAX_SECRET_BYTES + 1);
    if (content.length > MAX_SECRET_BYTES) return { problem: `${path} is longer than ${MAX_SECRET_BYTES} bytes` };
    const value = content.toString('utf8').replace(/[\r\n]+$/, '');
    return value === '' ? { problem: `${path} is empty` } : { value };
  } catch (error) {
    return { problem: `cannot be read (${(error as Error).message})` };
  }
}

/** A pipe, as of `<(pass show key)`, gives its content in pieces; a device may give it without an end. */
async function readStart(path: string, limit: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(limit);
    let length = 0;
    while (length < limit) {
      const { bytesRead } = await file.read(buffer, length, limit - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}
