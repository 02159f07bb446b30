import { compareText } from './compare.ts';
import { type FileProblem, isObject, readJsonObject, show } from './json-value.ts';
import type { FunctionEnv } from './types.ts';

/** What a fn.env.json says. Where `isValid` is false, `env` is empty: a half-read environment is worse than none. */
export interface ParsedEnv {
  readonly env: FunctionEnv;
  readonly isValid: boolean;
  readonly problems: readonly FileProblem[];
}

interface Entry {
  readonly value: string | undefined;
  readonly isSecret: boolean;
  readonly warning?: string;
}

export const EMPTY_ENV: FunctionEnv = { values: {}, secretKeys: [] };

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MEMBERS: ReadonlySet<string> = new Set(['value', 'is_secret', 'from_env']);
const SECRET_WORDS = /secret|token|password|passwd|pwd|api_key|apikey|private_key|auth|credential/i; // F146

/** Reads fn.env.json (F145-F147). `fromEnv` is what `from_env` may read. Values never appear in problems. */
export function parseFunctionEnv(text: string, fromEnv: Readonly<Record<string, string>>): ParsedEnv {
  const json = readJsonObject(text);
  if ('problem' in json) return refused([json.problem]);
  const entries = new Map<string, Entry>();
  const errors: string[] = [];
  for (const [key, given] of Object.entries(json.value)) {
    const error = findEntryProblem(key, given);
    if (error === undefined) entries.set(key, readEntry(key, given, fromEnv));
    else errors.push(error);
  }
  return errors.length > 0 ? refused(errors) : accepted(entries);
}

function findEntryProblem(key: string, given: unknown): string | undefined {
  if (!KEY.test(key)) return `${show(key)} is not a variable name`;
  if (given === null || isScalar(given)) return undefined;
  if (!isObject(given)) return `${key}: must be a string, number, boolean, null or {"value", "is_secret", "from_env"}`;
  const unknown = Object.keys(given).find((member) => !MEMBERS.has(member));
  if (unknown !== undefined) return `${key}: unknown member ${show(unknown)}; known: value, is_secret, from_env`;
  const { value, is_secret: isSecret, from_env: source } = given;
  if (Object.keys(given).length === 0) return `${key}: needs value, from_env or is_secret`;
  if (value != null && !isScalar(value)) return `${key}.value: must be a string, number, boolean or null`;
  if (isSecret != null && typeof isSecret !== 'boolean') return `${key}.is_secret: must be true or false`;
  if (source != null && (typeof source !== 'string' || source === '')) return `${key}.from_env: must name a variable`;
  return undefined;
}

function readEntry(key: string, given: unknown, fromEnv: Readonly<Record<string, string>>): Entry {
  const { value, is_secret: isSecret, from_env: source } = isObject(given) ? given : { value: given };
  const own = value == null ? undefined : String(value);
  if (typeof source !== 'string')
    return { value: own, isSecret: (isSecret as boolean | null) ?? SECRET_WORDS.test(key) };
  const found = Object.hasOwn(fromEnv, source) ? fromEnv[source] : own;
  return {
    value: found,
    isSecret: isSecret !== false,
    ...(found === undefined && { warning: `${key}: ${source} is not set in the environment, so the key is absent` }),
  };
}

function accepted(entries: ReadonlyMap<string, Entry>): ParsedEnv {
  const present = [...entries].filter(([, entry]) => entry.value !== undefined).sort(([a], [b]) => compareText(a, b));
  return {
    env: {
      values: Object.fromEntries(present.map(([key, entry]) => [key, entry.value!])),
      secretKeys: present.filter(([, entry]) => entry.isSecret).map(([key]) => key),
    },
    isValid: true,
    problems: [...entries.values()].flatMap(({ warning }) =>
      warning === undefined ? [] : [{ severity: 'warning', message: warning } as const],
    ),
  };
}

function refused(errors: readonly string[]): ParsedEnv {
  return { env: EMPTY_ENV, isValid: false, problems: errors.map((message) => ({ severity: 'error', message })) };
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
