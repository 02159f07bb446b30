import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Esbuild from 'esbuild';
import { FastfnError } from '../errors.ts';
import type { CompiledModule } from './types.ts';

/** An idle esbuild holds some 20 MB; starting it again takes about 50 ms. */
const IDLE_MS = 30_000;

type Format = CompiledModule['format'];

/** What one build gave: JavaScript with its map, and the files that went in. */
interface Bundle {
  readonly format: Format;
  readonly code: string;
  readonly sources: readonly string[];
}

/**
 * Builds a TypeScript entry and the files it imports by relative path into one module in `outDir` (F66: no type check,
 * ES2022, source maps). Packages stay imports. The file is named by its content, so an unchanged build costs no new
 * file and a worker that still reads the old one is not disturbed. Throws LOAD_FAILED with the place of a mistake.
 */
export async function compileTypeScript(entry: string, outDir: string): Promise<CompiledModule> {
  const esbuild = await import('esbuild');
  const done = keepRunning(esbuild);
  try {
    const bundle = await bundleModule(esbuild, entry);
    return { file: await store(bundle, outDir), format: bundle.format, sources: bundle.sources };
  } finally {
    done();
  }
}

let running = 0;
let idle: NodeJS.Timeout | undefined;
let service: typeof Esbuild | undefined;

/** Ends esbuild's process, if there is one; the next build starts another. */
export async function stopTypeScript(): Promise<void> {
  clearTimeout(idle);
  const stopping = service;
  service = undefined;
  await stopping?.stop();
}

function keepRunning(esbuild: typeof Esbuild): () => void {
  clearTimeout(idle);
  service = esbuild;
  running += 1;
  return () => {
    running -= 1;
    if (running > 0 || service === undefined) return;
    idle = setTimeout(stopTypeScript, IDLE_MS).unref();
  };
}

/** CommonJS loads fastest and works with everything but top-level await and the rarer parts of import.meta. */
async function bundleModule(esbuild: typeof Esbuild, entry: string): Promise<Bundle> {
  try {
    const result = await build(esbuild, entry, 'cjs');
    if (!result.warnings.some((warning) => warning.id === 'empty-import-meta')) return toBundle(entry, 'cjs', result);
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    if (!error.errors.some((message) => message.text.startsWith('Top-level await'))) throw loadFailed(entry, error);
  }
  try {
    return toBundle(entry, 'esm', await build(esbuild, entry, 'esm'));
  } catch (error) {
    throw isBuildFailure(error) ? loadFailed(entry, error) : error;
  }
}

const OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'es2022',
  sourcemap: 'external',
  sourcesContent: false,
  metafile: true,
  write: false,
  logLevel: 'silent',
  // A bundled file's own place, not the built file's; `ownPlace` declares these names where they are used.
  define: {
    'import.meta.url': '__fastfn_url',
    'import.meta.filename': '__fastfn_filename',
    'import.meta.dirname': '__fastfn_dirname',
    __filename: '__fastfn_filename',
    __dirname: '__fastfn_dirname',
  },
} as const satisfies Esbuild.BuildOptions;

type Result = Esbuild.BuildResult<typeof OPTIONS>;

function build(esbuild: typeof Esbuild, entry: string, format: Format): Promise<Result> {
  const plugins = format === 'cjs' ? [ownPlace] : [ownPlace, packagesByUrl];
  const packages = format === 'cjs' ? 'external' : 'bundle';
  const dir = dirname(entry);
  return esbuild.build({
    ...OPTIONS,
    entryPoints: [entry],
    absWorkingDir: dir,
    outdir: dir,
    format,
    packages,
    plugins,
  });
}

const PLACE_NAMES = /\bimport\.meta\b|\b__filename\b|\b__dirname\b/;
const LOADERS: Readonly<Record<string, Esbuild.Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
};

/** Gives each file its own import.meta.url, __dirname and so on: bundled, it would have the entry's. */
const ownPlace: Esbuild.Plugin = {
  name: 'own-place',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const loader = LOADERS[extname(path)];
      if (loader === undefined || !PLACE_NAMES.test(source)) return undefined;
      // On the first line, so that the lines of the source keep their numbers.
      return { contents: placeNames(path) + source.replace(/^#!/, '//'), loader };
    });
  },
};

function placeNames(path: string): string {
  const values = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) };
  const names = Object.entries(values).map(([name, value]) => `__fastfn_${name}=${JSON.stringify(value)}`);
  return `const ${names.join(',')};`;
}

const BUILTIN = new Set(builtinModules);

/** An ES module is imported from where it lies, which is outDir: its packages must be named by their files. */
const packagesByUrl: Esbuild.Plugin = {
  name: 'packages-by-url',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === 'entry-point' || pluginData === packagesByUrl) return undefined;
      if (path.startsWith('node:') || BUILTIN.has(path)) return { path, external: true };
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: packagesByUrl });
      if (found.errors.length > 0 || found.external) return { path, external: true };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};

function toBundle(entry: string, format: Format, result: Result): Bundle {
  const dir = dirname(entry);
  const code = result.outputFiles.find((file) => !file.path.endsWith('.map'));
  const map = result.outputFiles.find((file) => file.path.endsWith('.map'));
  if (code === undefined || map === undefined) throw new FastfnError('INTERNAL', `esbuild gave no code for ${entry}`);
  return {
    format,
    code: code.text + inlineMap(map.text, dir),
    sources: Object.keys(result.metafile.inputs).map((path) => resolve(dir, path)),
  };
}

/** The map's sources as absolute URLs: the code is not evaluated where esbuild believes it to lie. */
function inlineMap(text: string, dir: string): string {
  const map = JSON.parse(text) as { sources: string[] };
  map.sources = map.sources.map((source) => pathToFileURL(resolve(dir, source)).href);
  const encoded = Buffer.from(JSON.stringify(map)).toString('base64');
  return `//# sourceMappingURL=data:application/json;base64,${encoded}\n`;
}

async function store(bundle: Bundle, outDir: string): Promise<string> {
  const key = createHash('sha256').update(bundle.code).digest('hex').slice(0, 32);
  const file = join(outDir, `${key}.${bundle.format === 'cjs' ? 'cjs' : 'mjs'}`);
  if (await exists(file)) return file;
  await mkdir(outDir, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${randomUUID()}`;
  await writeFile(unfinished, bundle.code, { mode: 0o600 });
  await rename(unfinished, file);
  return file;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function isBuildFailure(error: unknown): error is Esbuild.BuildFailure {
  return error instanceof Error && Array.isArray((error as Partial<Esbuild.BuildFailure>).errors);
}

function loadFailed(entry: string, failure: Esbuild.BuildFailure): FastfnError {
  const messages = failure.errors.map((message) => describe(message, dirname(entry)));
  return new FastfnError('LOAD_FAILED', messages.join('\n'), { cause: failure });
}

/** `file:line:column: text` and the line in question, its place marked. */
function describe({ text, location }: Esbuild.Message, dir: string): string {
  if (location === null) return text;
  const place = `${resolve(dir, location.file)}:${location.line}:${location.column + 1}`;
  const gutter = `${location.line} | `;
  const marker = ' '.repeat(gutter.length + location.column) + '^'.repeat(Math.max(1, location.length));
  return `${place}: ${text}\n${gutter}${location.lineText}\n${marker}`;
}
