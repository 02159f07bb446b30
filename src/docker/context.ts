import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packageRoot } from '../package-root.ts';
import { type ArchiveEntry, packArchive, readTree } from './archive.ts';
import type { HostSettings } from './host-settings.ts';

/** An official image with Node on Debian; any other image based on Debian serves too. */
export const DEFAULT_BASE_IMAGE = 'node:22-bookworm-slim';

/** What runs inside, beside package.json. */
const RUNNING = ['bin', 'dist', 'helpers', 'openresty', 'runtimes', 'templates'];

/** All that decides what the stack image holds (P59). */
export interface BuildPlan {
  readonly entries: readonly ArchiveEntry[];
  /** Build arguments that belong to the image's identity. */
  readonly args: Readonly<Record<string, string>>;
  /** First 12 hex digits of a hash over entries and arguments. */
  readonly key: string;
}

export async function planBuild(baseImage: string): Promise<BuildPlan> {
  const entries = await readContext();
  const args = { BASE_IMAGE: baseImage, ESBUILD_VERSION: esbuildVersion() };
  return { entries, args, key: keyOf(entries, args) };
}

/** The files of the installed package that the image is made of; nothing else reaches the daemon. */
async function readContext(): Promise<ArchiveEntry[]> {
  const folders = await Promise.all(
    RUNNING.map((name) => readTree(join(packageRoot, name), `fastfn/${name}/`, (path) => !isByProduct(path))),
  );
  const recipe = await readTree(join(packageRoot, 'docker'), 'docker/', (path) => !isByProduct(path));
  const healthcheck = recipe.filter(({ path }) => path === 'docker/healthcheck.sh');
  const manifest = await readFile(join(packageRoot, 'package.json'));
  return [
    ...folders.flat(),
    ...recipe,
    ...healthcheck.map((entry) => ({ ...entry, path: `fastfn/${entry.path}` })),
    { type: 'file', path: 'fastfn/package.json', content: manifest, isExecutable: false },
  ];
}

/** Source maps, and what Python or a checkout's set-up leave behind. */
function isByProduct(path: string): boolean {
  return path.endsWith('.map') || /(?:^|\/)(?:\.|__pycache__(?:\/|$))/.test(path);
}

/** esbuild alone is not bundled: its program is fetched for the image's platform, in the version that is installed here. */
function esbuildVersion(): string {
  const manifest = createRequire(join(packageRoot, 'package.json')).resolve('esbuild/package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

function keyOf(entries: readonly ArchiveEntry[], args: BuildPlan['args']): string {
  const hash = createHash('sha256').update(JSON.stringify(args));
  for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const content = entry.type === 'file' ? entry.content : entry.type === 'link' ? entry.target : '';
    hash.update(`\0${entry.type}\0${entry.path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

/**
 * Settings of this machine as arguments of a build. A classic build keeps the proxies' arguments neither in layers nor in
 * the image's history, and no other ones; so the rest travels in those of FTP, which nothing here uses (see
 * docker/fetch-packages.sh). One environment string may hold 128 KiB (MAX_ARG_STRLEN).
 */
export async function settingsArguments({
  proxies,
  npmrc,
  authorities,
}: HostSettings): Promise<Record<string, string>> {
  const files = { npmrc, 'ca.pem': authorities };
  const entries = Object.entries(files).map(
    ([path, text]): ArchiveEntry => ({ type: 'file', path, content: Buffer.from(text), isExecutable: false }),
  );
  const text = gzipSync(await packArchive(entries)).toString('base64');
  const half = Math.ceil(text.length / 2);
  return { ...proxies, FTP_PROXY: text.slice(0, half), ftp_proxy: text.slice(half) };
}
