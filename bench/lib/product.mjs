import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printed, start } from './children.mjs';

const CLI = fileURLToPath(new URL('../../bin/fastfn.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const READY_TIMEOUT_MS = 60_000;

/** Starts FastFN as its users do, with settings of this project only. */
export async function startProduct(command, dir, scratch) {
  if (!existsSync(BUILT)) throw new Error('dist/ is missing: npm run build');
  const host = Object.entries(process.env).filter(([name]) => !name.startsWith('FN_'));
  const own = { FN_STATE_DIR: join(scratch, 'state'), FN_STORE_DIR: join(scratch, 'store') };
  const startedAt = performance.now();
  const started = start(process.execPath, [CLI, command, dir, '--native', '--port', '0', '--log-format', 'text'], {
    env: { ...Object.fromEntries(host), ...own },
  });
  const [, url] = await printed(started, /FastFN ready at (http:\S+)/, READY_TIMEOUT_MS);
  return { started, url, roots: [started.pid], readyMs: performance.now() - startedAt };
}
