// Bundles src/ into dist/: one file per lazily loaded command, so that `fastfn --version` reads a few kilobytes
// and a stack starts without resolving hundreds of small modules.
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { buildConsole } from './build-console.mjs';
import { vendorSwaggerUi } from './vendor-swagger-ui.mjs';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: { 'cli/main': 'src/cli/main.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  external: ['esbuild', 'fsevents', 'dockerode'], // native modules, and dockerode's of gRPC and SSH
  // CommonJS dependencies (commander, dotenv) call require() of Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
await buildConsole();
await vendorSwaggerUi('dist/docs');
