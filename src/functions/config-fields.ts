// The field types that fn.config.json is made of. Members may be left out or null, which says the same (F121, F135).
import * as z from 'zod';

/** A whole number within limits. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const error = `must be a whole number ${range}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** An array, or the same as a comma-separated string. */
export function list<T extends z.ZodType>(entry: T, { min = 0, max = 1000 } = {}) {
  const error: z.core.$ZodErrorMap = ({ code }) =>
    code === 'invalid_type' ? 'must be an array or a comma-separated string' : undefined;
  return z.preprocess(splitCommas, z.array(entry, { error }).min(min).max(max));
}

/** A relative path that stays below the folder it starts from: no `..`, no leading `/`, no backslash. */
export function relativePath(error: string) {
  return z.string({ error }).refine(isRelativePath, { error });
}

function splitCommas(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function isRelativePath(path: string): boolean {
  if (/[\\\p{Cc}]/u.test(path)) return false;
  return path
    .split('/')
    .every((segment, index) => segment !== '..' && (segment !== '' || (index > 0 && path.endsWith('/'))));
}
