import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../atomic-file.ts';
import { findEntryProblem, isSecretEntry } from './env.ts';
import { errorCode } from './files.ts';
import { isObject, type JsonObject, readJsonObject } from './json-value.ts';

/** Only its owner may read a file of secrets (F148). */
const ENV_FILE_MODE = 0o600;
export const HIDDEN = '<hidden>';

/** fn.env.json as it lies on disk. */
export interface EnvFile {
  /** Its members by name; `{}` where there is no file, or none that can be read as JSON. */
  readonly content: JsonObject;
  /** Why it cannot be read as JSON, in words that follow its path, else null. */
  readonly problem: string | null;
  /** Changes with the content, for If-Match; a file that does not exist has one as well. */
  readonly etag: string;
  readonly exists: boolean;
}

/** One variable as the admin API shows it (F149): no secret, and nothing of the environment. */
export interface EnvView {
  readonly is_secret: boolean;
  /** Absent where nothing is stored, so that what was read can be sent back as it is. */
  readonly value?: unknown;
  readonly from_env?: string;
}

export type Merge = { readonly content: JsonObject } | { readonly problems: readonly string[] };

/** Turns the value of a secret into what is stored. */
export type Seal = (name: string, value: string) => string;

/** Reads a fn.env.json for showing and merging; throws only what reading a file may throw besides its absence. */
export async function readEnvFile(path: string): Promise<EnvFile> {
  let text = '';
  let exists = true;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    exists = false;
  }
  const json = readJsonObject(text);
  const read = 'problem' in json ? { content: {}, problem: json.problem } : { content: json.value, problem: null };
  return { ...read, etag: etagOf(text), exists };
}

/** Writes a fn.env.json in one step, mode 0600 (F148, P164). Returns its etag. */
export async function writeEnvFile(path: string, content: JsonObject): Promise<string> {
  const text = `${JSON.stringify(content, null, 2)}\n`;
  await writeFileAtomic(path, text, { mode: ENV_FILE_MODE });
  return etagOf(text);
}

/** What an admin may see of a file (F149). Values of secrets, sealed or not, are `<hidden>`. */
export function maskEnv(content: JsonObject): Record<string, EnvView> {
  return Object.fromEntries(Object.entries(content).map(([name, entry]) => [name, mask(name, entry)]));
}

function mask(name: string, entry: unknown): EnvView {
  const { value, from_env: source } = members(entry);
  const isSecret = isSecretEntry(name, entry);
  const from = typeof source === 'string' ? { from_env: source } : {};
  if (isSecret) return { is_secret: true, value: HIDDEN, ...from };
  return { is_secret: false, ...(value != null && { value }), ...from };
}

/**
 * Applies the body of a PUT to a file's content (F149, P213): null or `"value": null` deletes, `<hidden>` or no value keeps the
 * stored one, no `is_secret` keeps the flag, a new name without one is secret by F146. Names that the body does not
 * mention stay. With `seal`, new values of secrets are stored as it returns them.
 */
export function mergeEnv(current: JsonObject, body: unknown, seal?: Seal): Merge {
  if (!isObject(body)) return { problems: ['must be an object of variables'] };
  const changes = Object.entries(body);
  if (changes.length === 0) return { problems: ['names no variable'] };
  const content = new Map(Object.entries(current));
  for (const [name, change] of changes) {
    const entry = mergeEntry(name, content.get(name), change);
    if (entry === null) content.delete(name);
    else if (entry !== undefined) content.set(name, seal ? sealEntry(name, entry, change, seal) : entry);
  }
  const problems = [...changes, ...content].flatMap(([name, given]) => findEntryProblem(name, given) ?? []);
  if (problems.length > 0) return { problems: [...new Set(problems)] };
  return { content: Object.fromEntries(content) };
}

/** The entry after a change: null to delete it, undefined where nothing happens. */
function mergeEntry(name: string, stored: unknown, change: unknown): unknown {
  if (change === null) return null;
  const given = members(change);
  if (given.value === null) return null;
  const value = given.value === HIDDEN ? undefined : given.value;
  const isKnown = stored !== undefined;
  if (!isKnown && value === undefined && given.from_env == null) return undefined;
  if (!isObject(change) && !isObject(stored) && isKnown) return value ?? stored;
  const former = members(stored);
  const source = given.from_env === undefined ? former.from_env : given.from_env;
  const entry = withoutAbsent({ value: value ?? former.value, from_env: source });
  return { ...entry, ...flagOf(name, stored, given.is_secret, entry) };
}

/** `is_secret` after a change. Where nobody sets it the stored flag stays, and no change uncovers a secret by default. */
function flagOf(name: string, stored: unknown, given: unknown, entry: JsonObject): { readonly is_secret: unknown } {
  const flag = given ?? members(stored).is_secret;
  if (flag != null) return { is_secret: flag };
  const wasSecret = stored !== undefined && isSecretEntry(name, stored);
  return { is_secret: wasSecret || isSecretEntry(name, entry) };
}

function sealEntry(name: string, entry: unknown, change: unknown, seal: Seal): unknown {
  const { value } = members(entry);
  const isNew = members(change).value === value;
  if (!isNew || value == null || !isSecretEntry(name, entry)) return entry;
  return { ...members(entry), value: seal(name, String(value)) };
}

/** A scalar is short for an object with that value. */
function members(entry: unknown): JsonObject {
  return isObject(entry) ? entry : { value: entry };
}

function withoutAbsent(entry: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value != null));
}

function etagOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
