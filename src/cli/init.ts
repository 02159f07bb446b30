import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { isNeverScanned } from '../functions/ignored.ts';
import { suggest } from '../functions/nearest.ts';
import { isReserved } from '../functions/segments.ts';
import type { Runtime } from '../functions/types.ts';
import { packageRoot } from '../package-root.ts';
import type { CommandRun } from './commands.ts';
import { workingDirectory } from './load-project.ts';

interface Template {
  readonly runtime: Runtime;
  readonly entrypoint: string;
  /** Beside the entry and its configuration. */
  readonly others?: readonly string[];
  /** Shown where a first author may want to change it (P29). */
  readonly timeoutMs?: number;
}

/** Names of `--template` (P12). */
export const TEMPLATES: Readonly<Record<string, Template>> = {
  node: { runtime: 'node', entrypoint: 'handler.js', timeoutMs: 2500 },
  ts: { runtime: 'node', entrypoint: 'handler.ts', timeoutMs: 2500 },
  python: { runtime: 'python', entrypoint: 'handler.py', others: ['requirements.txt'], timeoutMs: 2500 },
  php: { runtime: 'php', entrypoint: 'handler.php' },
  lua: { runtime: 'lua', entrypoint: 'handler.lua' },
};
const LATER_TEMPLATES: readonly string[] = ['go', 'rust'];
const NAME = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/;
const MAX_SEGMENTS = 6; // folders are read no deeper (F9)

/** `fastfn init NAME` (P12, P29): a folder with a function that answers `GET /NAME?name=X` as it is. */
export const init: CommandRun = async ({ args, flags }, { out, cwd }) => {
  const name = checkName(args[0]!);
  const templateName = (flags.template as string | undefined) ?? 'node';
  const template = findTemplate(templateName);
  const base = await workingDirectory(flags.cwd as string | undefined, cwd);
  const dir = join(base, name);
  await requireRoom(dir, name, flags.force === true);
  const files = await readTemplate(templateName, template, name, dir);
  for (const [file, content] of files) await writeFileAtomic(join(dir, file), content);
  const names = [...files.keys()];
  if (flags.json) {
    out.line(JSON.stringify({ name, runtime: template.runtime, dir, files: names }));
    return ExitCode.ok;
  }
  for (const file of names) out.line(relative(base, join(dir, file)));
  out.line(`start it with "fastfn dev --native ${name}", then ask for /${name}?name=Ada`);
  return ExitCode.ok;
};

/** P29; and a name that a start would pass over is refused here, where its reason can be told. */
function checkName(name: string): string {
  const segments = name.split('/');
  const ignored = segments.find(isNeverScanned);
  if (!NAME.test(name))
    throw refuseName(name, 'is not a name', 'Use letters, digits, "_" and "-", with "/" in between.');
  if (isReserved([{ kind: 'static', text: segments[0]! }])) throw refuseName(name, 'belongs to the platform');
  if (ignored !== undefined) throw refuseName(name, `would not be served: folders like "${ignored}" are private`);
  if (segments.length > MAX_SEGMENTS) throw refuseName(name, `is more than ${MAX_SEGMENTS} folders deep`);
  return name;
}

function refuseName(name: string, why: string, hint = 'Choose another name.'): FastfnError {
  return new FastfnError('USAGE', `"${name}" ${why}`, { hint });
}

function findTemplate(name: string): Template {
  if (Object.hasOwn(TEMPLATES, name)) return TEMPLATES[name]!;
  if (LATER_TEMPLATES.includes(name)) {
    throw new FastfnError('NOT_AVAILABLE', `the template "${name}" is not available in this version`);
  }
  const known = Object.keys(TEMPLATES);
  throw new FastfnError('USAGE', `unknown template "${name}"${suggest(name, known)}`, {
    hint: `One of ${known.join(', ')}.`,
  });
}

/** An empty folder, or none; with `--force` any folder (P29). */
async function requireRoom(dir: string, name: string, isForced: boolean): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw notWritable(name, error);
    throw new FastfnError('FOLDER_IN_USE', `${name} is in the way: it is not a folder`, { cause: error });
  }
  if (isForced || (await readdir(dir)).length === 0) return;
  throw new FastfnError('FOLDER_IN_USE', `the folder ${name} exists and is not empty`, {
    hint: 'Choose another name, or pass --force to put back the files of the template; others stay.',
  });
}

function notWritable(name: string, cause: unknown): FastfnError {
  return new FastfnError('FOLDER_IN_USE', `${name} cannot be created: ${(cause as Error).message}`, { cause });
}

async function readTemplate(
  templateName: string,
  { runtime, entrypoint, others = [], timeoutMs }: Template,
  name: string,
  dir: string,
): Promise<ReadonlyMap<string, string>> {
  const config = { runtime, name, version: '1.0.0', entrypoint, ...(timeoutMs && { timeout_ms: timeoutMs }) };
  const files = new Map([['fn.config.json', `${JSON.stringify(config, null, 2)}\n`]]);
  for (const file of [entrypoint, ...others]) {
    const text = await readFile(join(packageRoot, 'templates/init', templateName, file), 'utf8');
    const isModule = file.endsWith('.js') && (await isBelowModules(dir));
    files.set(file, isModule ? text.replace('exports.handler =', 'export const handler =') : text);
  }
  return files;
}

/** Whether Node reads a .js file of this folder as an ES module: the nearest package.json decides. */
async function isBelowModules(dir: string): Promise<boolean> {
  const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => null);
  if (text !== null) return /"type"\s*:\s*"module"/.test(text);
  return dirname(dir) !== dir && isBelowModules(dirname(dir));
}
