import { parseBrackets, type Segment } from './segments.ts';
import type { Runtime } from './types.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

/** The base names that stand for their folder (F12). */
export type EntryWord = 'index' | 'handler' | 'main';

/** What the name of a handler file says. */
export interface HandlerName {
  readonly runtime: Runtime;
  /** Method prefix, null without one. */
  readonly method: Method | null;
  readonly segments: readonly Segment[];
  /** Set if the whole base name is an entry word: `handler.js`, not `get.index.js`. */
  readonly entryWord: EntryWord | null;
  /** Published even beside a function folder's entry: a method prefix, an entry word or a dynamic token (F22). */
  readonly isExplicit: boolean;
  /** Why the file publishes nothing, null for a valid name. */
  readonly problem: string | null;
}

const RUNTIME_BY_EXTENSION: ReadonlyMap<string, Runtime> = new Map<string, Runtime>([
  ['js', 'node'],
  ['mjs', 'node'],
  ['cjs', 'node'],
  ['ts', 'node'],
  ['mts', 'node'],
  ['cts', 'node'],
  ['py', 'python'],
  ['php', 'php'],
  ['lua', 'lua'],
  ['go', 'go'],
  ['rs', 'rust'],
]);
const METHOD_PREFIXES: ReadonlyMap<string, Method> = new Map(
  (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).map((method) => [method.toLowerCase(), method]),
);
const ENTRY_WORDS: ReadonlySet<string> = new Set<EntryWord>(['index', 'handler', 'main']);
const FILE_TOKEN = /^[A-Za-z0-9_-]+$/;
const FOLDER_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const NEVER_ROUTES =
  /^[_.]|\.(?:test|spec)\.|^test_.*\.py$|_test\.(?:py|go)$|^conftest\.py$|\.d\.[mc]?ts$|\.config\.[mc]?[jt]s$/;

/** The language of a file, by its extension alone (F5). */
export function runtimeOf(fileName: string): Runtime | undefined {
  return RUNTIME_BY_EXTENSION.get(fileName.slice(fileName.lastIndexOf('.') + 1));
}

/** Reads a file name as a route (F12-F15, F19); undefined for files that are never routes. */
export function parseFileName(fileName: string): HandlerName | undefined {
  const runtime = runtimeOf(fileName);
  if (!runtime || NEVER_ROUTES.test(fileName)) return undefined;
  const tokens = splitTokens(fileName.slice(0, fileName.lastIndexOf('.')));
  const method = METHOD_PREFIXES.get(tokens[0]!.toLowerCase()) ?? null;
  const words = method ? tokens.slice(1) : tokens;
  const path = words.filter((token) => !ENTRY_WORDS.has(token));
  const segments = path.map(parseFileToken);
  return {
    runtime,
    method,
    segments: segments.filter((segment) => segment !== undefined),
    entryWord: tokens.length === 1 && ENTRY_WORDS.has(tokens[0]!) ? (tokens[0] as EntryWord) : null,
    isExplicit: method !== null || path.length < words.length || path.some((token) => token.includes('[')),
    problem: findNameProblem(tokens, path, segments),
  };
}

/** Reads a folder name as a route segment (F7, F13); undefined if it cannot be one. */
export function parseFolderName(name: string): Segment | undefined {
  return FOLDER_NAME.test(name) ? { kind: 'static', text: name } : parseBrackets(name);
}

/** Splits at the dots outside brackets: `get.items.[...slug]` has three tokens. */
function splitTokens(base: string): string[] {
  if (!base.includes('[')) return base.split('.');
  const tokens: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < base.length; at++) {
    if (base[at] === '[') depth++;
    else if (base[at] === ']') depth--;
    else if (base[at] === '.' && depth <= 0) {
      tokens.push(base.slice(start, at));
      start = at + 1;
    }
  }
  tokens.push(base.slice(start));
  return tokens;
}

function parseFileToken(token: string): Segment | undefined {
  return FILE_TOKEN.test(token) ? { kind: 'static', text: token } : parseBrackets(token);
}

function findNameProblem(
  tokens: readonly string[],
  path: readonly string[],
  segments: readonly (Segment | undefined)[],
): string | null {
  const methods = tokens.filter((token) => METHOD_PREFIXES.has(token.toLowerCase()));
  if (methods.length > 1) return `names more than one method (${methods.join(', ')})`;
  const bad = path.find((_, index) => segments[index] === undefined);
  return bad === undefined ? null : `has an invalid route segment ${JSON.stringify(bad)}`;
}
