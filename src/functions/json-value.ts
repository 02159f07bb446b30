import { JsonSyntaxError, parseJson } from '../project/json.ts';

export type JsonObject = Record<string, unknown>;
export type JsonPath = readonly PropertyKey[];

/** A remark about one file of a function folder, in words that follow its path. */
export interface FileProblem {
  readonly severity: 'warning' | 'error';
  readonly message: string;
  readonly hint?: string;
}

/**
 * The object that a configuration file holds; a blank file holds an empty one (F117). Or why it holds none, without a word
 * of what it holds: fn.env.json may be all secrets.
 */
export function readJsonObject(text: string): { readonly value: JsonObject } | { readonly problem: string } {
  if (/^\uFEFF?\s*$/.test(text)) return { value: {} };
  try {
    const { value, duplicates } = parseJson(text);
    const duplicate = duplicates[0];
    if (duplicate) return { problem: `line ${duplicate.at.line}: the key "${duplicate.path}" is given twice` };
    return isObject(value) ? { value } : { problem: 'must hold an object' };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { problem: `line ${error.at.line}, column ${error.at.column}: ${error.message}` };
  }
}

export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The member at a path, undefined where there is none. */
export function getAt(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>(
    (at, key) => (at === null || typeof at !== 'object' ? undefined : (at as JsonObject)[key as string]),
    value,
  );
}

const MAX_SHOWN = 60; // characters; a message stays one line

/** A value as it is quoted in messages. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
