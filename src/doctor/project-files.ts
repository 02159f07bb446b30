import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isNeverScanned, VIRTUAL_ENVIRONMENT_MARK } from '../functions/ignored.ts';
import { CONFIG_FILE, ENV_FILE } from '../functions/platform-files.ts';

/** Files below the functions root that checks look at besides what discovery tells; absolute paths, sorted. */
export interface ProjectFiles {
  readonly env: readonly string[];
  readonly config: readonly string[];
  /** How many files a watcher has to look after. */
  readonly count: number;
}

/** Lists a functions folder without those that discovery never reads (F20); folders that cannot be read are left out. */
export async function listProjectFiles(root: string): Promise<ProjectFiles> {
  const found = { env: [] as string[], config: [] as string[], count: 0 };
  await visit(root);
  return { env: found.env.sort(), config: found.config.sort(), count: found.count };

  async function visit(dir: string): Promise<void> {
    const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
    if (entries.some(({ name }) => name === VIRTUAL_ENVIRONMENT_MARK)) return;
    const folders: string[] = [];
    for (const entry of entries) {
      if (entry.isDirectory() && !isNeverScanned(entry.name)) folders.push(join(dir, entry.name));
      if (!entry.isFile()) continue;
      found.count++;
      if (entry.name === ENV_FILE) found.env.push(join(dir, entry.name));
      else if (entry.name === CONFIG_FILE) found.config.push(join(dir, entry.name));
    }
    await Promise.all(folders.map(visit));
  }
}
