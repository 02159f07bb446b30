import { readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import * as z from 'zod';
import { FastfnError } from '../errors.ts';
import { type JsonObject, show } from '../functions/json-value.ts';
import { suggest } from '../functions/nearest.ts';
import type { Discovery, FunctionDefinition } from '../functions/types.ts';
import { JsonSyntaxError, parseJson } from '../project/json.ts';

const EVENTS_FILE = 'fn.test_events.json';

const Expectation = z.strictObject({
  status: z.number().int().min(100).max(599).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.unknown().optional(),
  schema: z.record(z.string(), z.unknown()).optional(),
});

/** What is sent, in the words of the invoke API (P214). */
const Event = z.strictObject({
  method: z.string().optional(),
  route: z.string().startsWith('/').optional(),
  params: z.record(z.string(), z.unknown()).optional(),
  query: z.record(z.string(), z.unknown()).optional(),
  headers: z.record(z.string(), z.unknown()).optional(),
  body: z.unknown().optional(),
  is_base64: z.boolean().optional(),
  context: z.record(z.string(), z.unknown()).optional(),
});
const TestEvent = Event.extend({ name: z.string().min(1), expect: Expectation.optional() });

/** What an answer must be; what is left out does not matter, but for the status, which is then below 400. */
export type Expectation = z.output<typeof Expectation>;

/** One event of a fn.test_events.json. */
export interface TestCase {
  readonly name: string;
  /** The file, relative to the functions root. */
  readonly file: string;
  /** Key of the function that the file lies beside; null where the event names a route. */
  readonly functionKey: string | null;
  /** Body of `POST /_fn/invoke`. */
  readonly call: JsonObject;
  readonly expected: Expectation;
}

/** Reads the test events of all functions (P300), by file and in the order of each. Throws all problems of all files together. */
export async function readTestCases(root: string, { functions }: Discovery): Promise<readonly TestCase[]> {
  const byFolder = new Map<string, FunctionDefinition[]>();
  for (const definition of functions) {
    const folder = dirname(definition.entry);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), definition]);
  }
  const read = await Promise.all([...byFolder].map(([folder, owners]) => readFolder(root, folder, owners)));
  const problems = read.flatMap((part) => part.problems);
  if (problems.length > 0) throw new FastfnError('CONFIG_INVALID', problems.join('\n'));
  return read.flatMap(({ cases }) => cases).sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

interface FolderTests {
  readonly cases: readonly TestCase[];
  readonly problems: readonly string[];
}

async function readFolder(root: string, folder: string, owners: readonly FunctionDefinition[]): Promise<FolderTests> {
  const text = await readFile(join(folder, EVENTS_FILE), 'utf8').catch(() => null);
  if (text === null) return { cases: [], problems: [] };
  const file = posix.join(folder.slice(root.length + 1), EVENTS_FILE);
  try {
    return toCases(parseJson(text).value, file, owners);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { cases: [], problems: [`${file}: line ${error.at.line}, column ${error.at.column}: ${error.message}`] };
  }
}

function toCases(value: unknown, file: string, owners: readonly FunctionDefinition[]): FolderTests {
  if (!Array.isArray(value)) return { cases: [], problems: [`${file}: must hold a list, not ${show(value)}`] };
  const cases: TestCase[] = [];
  const problems: string[] = [];
  for (const [index, entry] of value.entries()) {
    const parsed = TestEvent.safeParse(entry);
    if (parsed.success) {
      const { name, expect = {}, ...event } = parsed.data;
      if (event.route === undefined && owners.length > 1) {
        problems.push(`${file}: [${index}]: needs a "route": ${owners.length} functions lie beside it`);
      } else {
        const owner = event.route === undefined ? owners[0]! : null;
        cases.push({
          name,
          file,
          functionKey: owner?.key ?? null,
          call: { ...targetOf(owner), ...event },
          expected: expect,
        });
      }
    } else {
      problems.push(...parsed.error.issues.map((issue) => `${file}: ${describeIssue(index, issue)}`));
    }
  }
  return { cases, problems };
}

function targetOf(owner: FunctionDefinition | null): JsonObject {
  return owner === null ? {} : { runtime: owner.runtime, name: owner.name, version: owner.version };
}

function describeIssue(index: number, issue: z.core.$ZodIssue): string {
  const place = `[${[index, ...issue.path].join('].[').replaceAll('].[', '].')}`.replace(/^\[(\d+)\]?/, '[$1]');
  if (issue.code !== 'unrecognized_keys') return `${place}: ${issue.message}`;
  const known = issue.path[0] === 'expect' ? Object.keys(Expectation.shape) : Object.keys(TestEvent.shape);
  return `${place}: unknown key "${issue.keys[0]}"${suggest(issue.keys[0]!, known)}`;
}
