// Bundles console/ into dist/console/: hashed static files that the admin server hands out.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export function buildConsole() {
  return build({
    configFile: fileURLToPath(new URL('../console/vite.config.ts', import.meta.url)),
    build: { outDir: resolve('dist/console') }, // beside the rest of this build, which may be that of a copy
  });
}
