// Bundles console/ into dist/console/: hashed static files that the admin server hands out.
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export function buildConsole() {
  return build({ configFile: fileURLToPath(new URL('../console/vite.config.ts', import.meta.url)) });
}
