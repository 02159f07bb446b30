import { METHODS, type Method } from './file-names.ts';
import { isObject } from './json-value.ts';
import type { Runtime } from './types.ts';

/** What an entry says about itself in comments (F130). Absent members were not given. */
export interface Hints {
  readonly methods?: readonly Method[];
  readonly summary?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: string;
  readonly contentType?: string;
  /** Those that do not parse, each as `line 3: @query {…` (P237). */
  readonly ignored?: readonly string[];
}

/** What the comments at the top of a handler file say. */
export interface FileComments {
  readonly hints: Hints;
  /** From `#@requirements`, in order (section 5.1); python only. */
  readonly requirements: readonly string[];
}

const HINT_LINES = 80; // F130
const SHOWN_CHARACTERS = 80; // of a hint that is ignored
const REQUIREMENT_LINES = 30; // section 5.1
const HINT = /^\s*(?:#|\/\/|--|\/?\*+)\s*@(methods|summary|query|body|content_type)\s+(.*\S)/;
// Without `@` there may be no blank: "# requirements are …" is prose.
const REQUIREMENTS = /^\s*#\s*@requirements\s+(\S.*)$|^\s*#requirements\s+(\S.*)$/;
const REQUIREMENT = /(?:\[[^\]]*\]|,(?=\s*[<>=!~])|[^\s,])+/g; // keeps `pkg[a,b]>=1,<2` in one piece
const NO_HINTS: Hints = {};
export const NO_COMMENTS: FileComments = { hints: NO_HINTS, requirements: [] };

/** Reads the comments of a handler's first lines. */
export function readFileComments(source: string, runtime: Runtime): FileComments {
  const hints = readHints(source);
  const requirements = runtime === 'python' ? readInlineRequirements(source) : NO_COMMENTS.requirements;
  return hints === NO_HINTS && requirements.length === 0 ? NO_COMMENTS : { hints, requirements };
}

/** Reads the `@key value` comments among the first 80 lines; values that do not parse count as not given. */
export function readHints(source: string): Hints {
  if (!source.includes('@')) return NO_HINTS;
  let hints = NO_HINTS;
  const ignored: string[] = [];
  for (const [index, line] of firstLines(source, HINT_LINES).entries()) {
    const match = HINT.exec(line);
    if (!match) continue;
    const [key, value] = [match[1]!, match[2]!.replace(/\s*\*\/$/, '')];
    const hint = parseHint(key, value);
    if (hint) hints = { ...hint, ...hints };
    else ignored.push(`line ${index + 1}: @${key} ${value.slice(0, SHOWN_CHARACTERS)}`);
  }
  return ignored.length > 0 ? { ...hints, ignored } : hints;
}

/** The `#@requirements a b,c` comments among the first 30 lines of a Python entry, in order. */
export function readInlineRequirements(source: string): string[] {
  if (!source.includes('requirements')) return [];
  return firstLines(source, REQUIREMENT_LINES).flatMap((line) => {
    const match = REQUIREMENTS.exec(line);
    return match ? ((match[1] ?? match[2]!).match(REQUIREMENT) ?? []) : [];
  });
}

function firstLines(source: string, count: number): string[] {
  return source.split(/\r?\n/, count);
}

function parseHint(key: string, value: string): Hints | undefined {
  switch (key) {
    case 'methods':
      return methodsHint(value);
    case 'query':
      return queryHint(value);
    case 'content_type':
      return { contentType: value };
    default:
      return { [key]: value };
  }
}

function methodsHint(value: string): Hints | undefined {
  const words = new Set(value.toUpperCase().split(/[\s,]+/));
  const methods = METHODS.filter((method) => words.has(method));
  return methods.length > 0 ? { methods } : undefined;
}

function queryHint(value: string): Hints | undefined {
  try {
    const query: unknown = JSON.parse(value);
    return isObject(query) ? { query } : undefined;
  } catch {
    return undefined;
  }
}
