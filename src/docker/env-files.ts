import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const SKIPPED = new Set(['node_modules', 'vendor', '__pycache__', '.git']);

/** Every `.env*` file below a folder (P62); links are not followed, and generated folders are not entered. */
export async function findDotEnvFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : findDotEnvFiles(path).catch(() => []); // not ours to read
      return entry.isFile() && entry.name.startsWith('.env') ? [path] : [];
    }),
  );
  return found.flat().sort();
}
