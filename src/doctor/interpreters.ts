import { readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import which from 'which';
import type { BinaryKey, ProjectConfig } from '../project/types.ts';
import { selectorsOf } from './launcher.ts';
import { installHint, type Need } from './packages.ts';
import { probe } from './probe.ts';
import type { Finding, ProbeCache } from './probe-cache.ts';
import type { FoundProgram, MissingProgram, Program } from './types.ts';
import { isAtLeast } from './version.ts';

/** Also what the supervisor itself needs (P44). */
export const MINIMUM_NODE = '20.19';
const MINIMUM_PYTHON = '3.10';
const MINIMUM_PHP = '8.1';

/** What finding a program needs to know. */
export interface Search {
  readonly config: ProjectConfig;
  readonly cache: ProbeCache;
  readonly env: NodeJS.ProcessEnv;
}

/** The Node that runs the supervisor also runs the workers, unless a setting names another (P44). */
export async function findNode(search: Search): Promise<Program> {
  if (search.config.binaries.node === undefined) {
    const version = process.versions.node;
    if (isAtLeast(version, MINIMUM_NODE)) return { path: process.execPath, version };
    return missing('node', `Node ${version} is too old; ${MINIMUM_NODE} is needed`);
  }
  return find(search, { key: 'node', title: 'Node', names: [], need: 'node', minimum: MINIMUM_NODE, ask: askNode });
}

async function askNode(path: string): Promise<Answer<FoundProgram>> {
  return answerOf(path, ['-p', 'JSON.stringify({ path: process.execPath, version: process.versions.node })']);
}

interface FoundPython extends FoundProgram {
  readonly pip: string | null;
  /** Where pip would appear. */
  readonly folders: readonly string[];
}

const PYTHON_QUESTION = `
import json, sys
try:
    import pip
    found = pip.__version__
except Exception:
    found = None
print(json.dumps({"path": sys.executable, "version": sys.version.split()[0], "pip": found, "folders": [p for p in sys.path if p]}))
`;

/** Python, and pip of that Python (P45, P48). The path is the interpreter itself, not a version manager's launcher. */
export async function findPython(search: Search): Promise<{ python: Program; pip: Program }> {
  const found = await find<FoundPython>(search, {
    key: 'python',
    title: 'Python',
    names: ['python3', 'python'],
    need: 'python',
    minimum: MINIMUM_PYTHON,
    ask: (path) => answerOf<FoundPython>(path, ['-c', PYTHON_QUESTION], search.config.projectDir),
    dependsOn: ({ pip, folders }) => (pip === null ? folders : []),
  });
  if ('problem' in found) return { python: found, pip: found };
  const { path, version, pip } = found;
  return {
    python: { path, version },
    pip: pip === null ? missing('pip', 'pip is not installed') : { path, version: pip },
  };
}

const PHP_QUESTION = `echo json_encode(['path' => PHP_BINARY, 'version' => PHP_VERSION, 'sapi' => PHP_SAPI,
  'sockets' => in_array('unix', stream_get_transports(), true)]);`;

/** The command-line PHP with Unix sockets; json and pcre are part of every PHP 8 (P46). */
export async function findPhp(search: Search): Promise<Program> {
  const ask = async (path: string): Promise<Answer<FoundProgram>> => {
    const answer = await answerOf<FoundProgram & { sapi: string; sockets: boolean }>(
      path,
      ['-r', PHP_QUESTION],
      search.config.projectDir,
    );
    if ('problem' in answer) return answer;
    if (answer.sapi !== 'cli') return { problem: `it is PHP's ${answer.sapi} program, not the command line one` };
    return answer.sockets ? { path: answer.path, version: answer.version } : { problem: 'it has no Unix sockets' };
  };
  return find(search, { key: 'php', title: 'PHP', names: ['php'], need: 'php', minimum: MINIMUM_PHP, ask });
}

export async function findComposer(search: Search): Promise<Program> {
  const ask = async (path: string): Promise<Answer<FoundProgram>> => {
    const { ok, stdout, reason } = await probe(path, ['--version', '--no-ansi', '--no-interaction']);
    const version = /Composer (?:version )?(\d[\w.-]*)/.exec(stdout)?.[1];
    return ok && version ? { path, version } : { problem: reason || 'it does not answer --version like Composer' };
  };
  return find(search, { key: 'composer', title: 'Composer', names: ['composer'], need: 'composer', minimum: '2', ask });
}

/** npm says its version in the package.json beside it: starting it would take a good part of a second. */
export async function findNpm(search: Search): Promise<Program> {
  const ask = async (path: string): Promise<Answer<FoundProgram>> => {
    const version = (await versionBeside(path)) ?? (await probe(path, ['--version'])).stdout.trim();
    return /^\d+\.\d+/.test(version) ? { path, version } : { problem: 'it does not answer --version like npm' };
  };
  return find(search, { key: 'npm', title: 'npm', names: ['npm'], need: 'npm', minimum: '7', ask });
}

async function versionBeside(npm: string): Promise<string | undefined> {
  try {
    const manifest = JSON.parse(await readFile(join(dirname(await realpath(npm)), '..', 'package.json'), 'utf8'));
    return manifest.name === 'npm' ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}

type Answer<T> = T | { readonly problem: string };

interface Wanted<T extends FoundProgram> {
  readonly key: BinaryKey;
  readonly title: string;
  /** Names to look for in PATH, the first that works is taken. */
  readonly names: readonly string[];
  readonly need: Need;
  readonly minimum: string;
  ask(path: string): Promise<Answer<T>>;
  /** More files whose change makes the answer doubtful. */
  dependsOn?(found: T): readonly string[];
}

/** A configured program must work; otherwise the first of `names` that does. */
async function find<T extends FoundProgram>(search: Search, wanted: Wanted<T>): Promise<T | MissingProgram> {
  const configured = search.config.binaries[wanted.key];
  const failures: string[] = [];
  for (const name of configured === undefined ? wanted.names : [configured]) {
    const path = await which(name, { nothrow: true, path: search.env.PATH ?? '' });
    const found = path === null ? null : await recall(search, wanted, path, failures);
    if (found !== null) return found;
  }
  if (configured === undefined) return missing(wanted.need, failures[0] ?? `${wanted.title} is not installed`);
  const hint = `Correct FN_${wanted.key.toUpperCase()}_BIN or runtime-binaries, or leave it out.`;
  return { problem: failures[0] ?? `${configured} does not exist or is not executable`, hint, configured: true };
}

/** The remembered answer of one program, or a new one. What a launcher starts also depends on the project's folder. */
async function recall<T extends FoundProgram>(
  { config, cache, env }: Search,
  wanted: Wanted<T>,
  path: string,
  failures: string[],
): Promise<T | null> {
  const selectors = await selectorsOf(path, config.projectDir, env);
  const place = selectors.length > 1 ? ` ${config.projectDir} ${env.PYENV_VERSION ?? ''}` : '';
  return cache.remember(`${wanted.key} ${path}${place}`, async (): Promise<Finding<T> | null> => {
    const answer = await wanted.ask(path);
    const problem = problemOf(answer, wanted);
    if (problem !== null || 'problem' in answer) {
      failures.push(`${path}: ${problem}`);
      return null;
    }
    return { value: answer, files: [...selectors, answer.path, ...(wanted.dependsOn?.(answer) ?? [])] };
  });
}

function problemOf(
  answer: Answer<FoundProgram>,
  { title, minimum }: { title: string; minimum: string },
): string | null {
  if ('problem' in answer) return answer.problem;
  return isAtLeast(answer.version, minimum) ? null : `${title} ${answer.version} is too old; ${minimum} is needed`;
}

function missing(need: Need, problem: string): MissingProgram {
  return { problem, hint: installHint(need), configured: false };
}

/** Runs a program that prints one JSON object about itself. */
async function answerOf<T>(path: string, args: readonly string[], cwd?: string): Promise<Answer<T>> {
  const { ok, stdout, reason } = await probe(path, args, cwd === undefined ? {} : { cwd });
  if (!ok) return { problem: reason };
  try {
    return JSON.parse(stdout) as T;
  } catch {
    return { problem: 'it answers something unexpected' };
  }
}
