import { isSealed, type Opened } from '../secrets/seal.ts';
import { compareText } from './compare.ts';
import { type FileProblem, isObject, readJsonObject, show } from './json-value.ts';
import { nearest } from './nearest.ts';
import type { FunctionEnv } from './types.ts';

/** What a fn.env.json says. Where `isValid` is false, `env` is empty: a half-read environment is worse than none. */
export interface ParsedEnv {
  readonly env: FunctionEnv;
  readonly isValid: boolean;
  /** An encrypted value cannot be read: what the file governs may not run, not even with earlier values; else null. */
  readonly failure: string | null;
  readonly problems: readonly FileProblem[];
}

/** Decrypts a variable's stored value, or says why not in words that follow its name. */
export type OpenSecret = (name: string, sealed: string) => Opened;

interface Entry {
  readonly value: string | undefined;
  readonly isSecret: boolean;
  /** The variable of the host that it was taken from. */
  readonly source?: string;
  readonly warning?: string;
  readonly failure?: string;
}

export const EMPTY_ENV: FunctionEnv = { values: {}, secretKeys: [], secretSources: [] };

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MEMBERS: readonly string[] = ['value', 'is_secret', 'from_env'];
const SECRET_WORDS = /secret|token|password|passwd|pwd|api_key|apikey|private_key|auth|credential/i; // F146

/** Reads fn.env.json (F145-F147). `fromEnv` is what `from_env` may read. Values never appear in problems. */
export function parseFunctionEnv(text: string, fromEnv: Readonly<Record<string, string>>, open: OpenSecret): ParsedEnv {
  const json = readJsonObject(text);
  if ('problem' in json) return refused([json.problem]);
  const given = Object.entries(json.value);
  const errors = given.flatMap(([key, entry]) => findEntryProblem(key, entry) ?? []);
  if (errors.length > 0) return refused(errors);
  const entries = new Map(given.map(([key, entry]) => [key, readEntry(key, entry, fromEnv, open)]));
  const failures = [...entries.values()].flatMap(({ failure }) => failure ?? []);
  return failures.length > 0 ? { ...refused(failures), failure: failures[0]! } : accepted(entries);
}

/** Whether a valid variable's value is a secret (F146, F147); encrypted values always are. */
export function isSecretEntry(key: string, entry: unknown): boolean {
  const { value, is_secret: isSecret, from_env: source } = isObject(entry) ? entry : { value: entry };
  if (isSealed(value)) return true;
  return typeof source === 'string' ? isSecret !== false : ((isSecret as boolean | null) ?? SECRET_WORDS.test(key));
}

/** What is wrong with one variable of the file (F145, F147); undefined if nothing is. Never repeats a value. */
export function findEntryProblem(key: string, given: unknown): string | undefined {
  if (!KEY.test(key)) return `${show(key)} is not a variable name`;
  if (given === null || isScalar(given)) return undefined;
  if (!isObject(given)) return `${key}: must be a string, number, boolean, null or {"value", "is_secret", "from_env"}`;
  const unknown = Object.keys(given).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) return `${key}: unknown member ${show(unknown)}${meant(unknown)}`;
  const { value, is_secret: isSecret, from_env: source } = given;
  if (Object.keys(given).length === 0) return `${key}: needs value, from_env or is_secret`;
  if (value != null && !isScalar(value)) return `${key}.value: must be a string, number, boolean or null`;
  if (isSecret != null && typeof isSecret !== 'boolean') return `${key}.is_secret: must be true or false`;
  if (source != null && (typeof source !== 'string' || source === '')) return `${key}.from_env: must name a variable`;
  return undefined;
}

function meant(member: string): string {
  const suggestion = nearest(member, MEMBERS);
  return suggestion === undefined ? `; known: ${MEMBERS.join(', ')}` : ` (did you mean ${show(suggestion)}?)`;
}

function readEntry(key: string, given: unknown, fromEnv: Readonly<Record<string, string>>, open: OpenSecret): Entry {
  const { value, from_env: source } = isObject(given) ? given : { value: given };
  const isSecret = isSecretEntry(key, given);
  if (typeof source === 'string' && Object.hasOwn(fromEnv, source)) return { value: fromEnv[source], isSecret, source };
  if (isSealed(value)) {
    const opened = open(key, value);
    if ('problem' in opened) return { value: undefined, isSecret, failure: `${key} ${opened.problem}` };
    return { value: opened.value, isSecret };
  }
  if (value != null) return { value: String(value), isSecret };
  if (typeof source !== 'string') return { value: undefined, isSecret };
  const warning = `${key}: ${source} is not set in the environment, so the key is absent`;
  return { value: undefined, isSecret, warning };
}

function accepted(entries: ReadonlyMap<string, Entry>): ParsedEnv {
  const present = [...entries].filter(([, entry]) => entry.value !== undefined).sort(([a], [b]) => compareText(a, b));
  return {
    env: {
      values: Object.fromEntries(present.map(([key, entry]) => [key, entry.value!])),
      secretKeys: present.filter(([, entry]) => entry.isSecret).map(([key]) => key),
      secretSources: present.flatMap(([, { isSecret, source }]) => (isSecret && source ? [source] : [])),
    },
    isValid: true,
    failure: null,
    problems: [...entries.values()].flatMap(({ warning }) =>
      warning === undefined ? [] : [{ severity: 'warning', message: warning } as const],
    ),
  };
}

function refused(errors: readonly string[]): ParsedEnv {
  return {
    env: EMPTY_ENV,
    isValid: false,
    failure: null,
    problems: errors.map((message) => ({ severity: 'error', message })),
  };
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
