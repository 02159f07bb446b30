import { isIP } from 'node:net';
import { nearest } from '../functions/nearest.ts';

/** A value that entered from text or JSON: accepted, perhaps with a remark, or refused in words that follow "<name>: ". */
export type Parsed<T> = { readonly value: T; readonly note?: string } | { readonly problem: string };

/** What a setting may hold and how it is written in each place. */
export interface Kind<T> {
  /** For help and the reference, like `integer 0–65535`. */
  readonly label: string;
  /** From a flag, a variable or an .env file; never empty. */
  fromText(text: string): Parsed<T>;
  /** From fastfn.json. */
  fromJson(value: unknown): Parsed<T>;
}

const TRUE = new Set(['1', 'true', 'yes', 'on']);
const FALSE = new Set(['0', 'false', 'no', 'off']);

export const boolean: Kind<boolean> = {
  label: 'boolean',
  fromText(text) {
    const word = text.trim().toLowerCase();
    if (TRUE.has(word)) return { value: true };
    if (FALSE.has(word)) return { value: false };
    return { problem: `${quote(text)} is not a boolean (1, true, yes, on, 0, false, no, off)` };
  },
  fromJson: (value) =>
    typeof value === 'boolean' ? { value } : { problem: `must be true or false, not ${show(value)}` },
};

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
  const check = (value: number, shown: string): Parsed<number> =>
    Number.isSafeInteger(value) && value >= min && value <= max
      ? { value }
      : { problem: `must be an integer ${range}, not ${shown}` };
  return {
    label: max === Number.MAX_SAFE_INTEGER ? `integer ≥ ${min}` : `integer ${min}–${max}`,
    fromText: (text) => check(/^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN, quote(text)),
    fromJson: (value) => check(typeof value === 'number' ? value : Number.NaN, show(value)),
  };
}

/** Seconds with a fraction, for the few settings that need less than one. */
export function seconds(min: number): Kind<number> {
  return textOnly(`seconds ≥ ${min}`, (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
    return value >= min ? { value } : { problem: `must be a number of seconds of at least ${min}, not ${quote(text)}` };
  });
}

export function text(maxLength = 4096): Kind<string> {
  return textOnly(maxLength === 4096 ? 'string' : `string ≤ ${maxLength}`, (value) =>
    value.length <= maxLength && !hasControlCharacter(value)
      ? { value }
      : { problem: `must be at most ${maxLength} characters without control characters` },
  );
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return textOnly(words.join(' | '), (value) => {
    const word = words.find((known) => known === value.trim());
    return word === undefined ? { problem: `${quote(value)} is not one of ${words.join(', ')}` } : { value: word };
  });
}

/** Another kind, or the word `auto`. */
export function orAuto<T>(kind: Kind<T>): Kind<T | 'auto'> {
  return {
    label: `auto | ${kind.label}`,
    fromText: (value) => (value.trim().toLowerCase() === 'auto' ? { value: 'auto' } : kind.fromText(value)),
    fromJson: (value) => (value === 'auto' ? { value: 'auto' } : kind.fromJson(value)),
  };
}

export const host: Kind<string> = textOnly('IP address or localhost', (value) => {
  const address = value.trim().replace(/^\[(.*)\]$/, '$1');
  if (address === 'localhost' || isIP(address) !== 0) return { value: address };
  return { problem: `${quote(value)} is not an IP address or localhost` };
});

/** An absolute http(s) URL without query; the trailing slash is dropped. */
export const baseUrl: Kind<string> = textOnly('absolute http(s) URL', (value) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  const usable = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  return usable
    ? { value: value.replace(/\/+$/, '') }
    : { problem: `${quote(value)} is not an absolute http(s) URL without query` };
});

/** A list, written in text with commas. `check` names what is wrong with one entry. */
export function list(label: string, check: (entry: string) => string | null): Kind<readonly string[]> {
  const validate = (entries: readonly string[]): Parsed<readonly string[]> => {
    const problem = entries.map(check).find((found) => found !== null);
    return problem === undefined || problem === null ? { value: [...new Set(entries)] } : { problem };
  };
  const fromText = (value: string) => validate(splitList(value));
  return {
    label: `list of ${label}`,
    fromText,
    fromJson(value) {
      if (typeof value === 'string') return fromText(value);
      if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return validate(value);
      return { problem: `must be an array of strings or a comma-separated string, not ${show(value)}` };
    },
  };
}

/** Names from a closed set, in the order given. */
export function namesOf<const T extends string>(known: readonly T[]): Kind<readonly T[]> {
  const kind = list(known.join(', '), (entry) => {
    if ((known as readonly string[]).includes(entry)) return null;
    return `unknown name ${quote(entry)}${didYouMean(entry, known)}; known: ${known.join(', ')}`;
  });
  return kind as Kind<readonly T[]>;
}

/** A map from a closed set of keys, written in text as `key=value,key=value`. */
export function mapOf<const K extends string, T>(
  keys: readonly K[],
  entry: Kind<T>,
): Kind<Readonly<Partial<Record<K, T>>>> {
  type Value = Readonly<Partial<Record<K, T>>>;
  const collect = (pairs: readonly (readonly [string, Parsed<T>])[]): Parsed<Value> => {
    const value: Partial<Record<K, T>> = {};
    for (const [key, parsed] of pairs) {
      if (!(keys as readonly string[]).includes(key))
        return { problem: `unknown key ${quote(key)}${didYouMean(key, keys)}` };
      if ('problem' in parsed) return { problem: `${key}: ${parsed.problem}` };
      if (Object.hasOwn(value, key)) return { problem: `${key} is given twice` };
      value[key as K] = parsed.value;
    }
    return { value };
  };
  const fromText = (value: string): Parsed<Value> => {
    const pairs = splitList(value).map((pair) => [pair, pair.indexOf('=')] as const);
    const odd = pairs.find(([, at]) => at < 1);
    if (odd) return { problem: `${quote(odd[0])} is not of the form key=value` };
    return collect(pairs.map(([pair, at]) => [pair.slice(0, at).trim(), entry.fromText(pair.slice(at + 1).trim())]));
  };
  return {
    label: `object or key=value list (${keys.join(', ')}), values: ${entry.label}`,
    fromText,
    fromJson(value) {
      if (typeof value === 'string') return fromText(value);
      if (!isObject(value)) return { problem: `must be an object or a key=value list, not ${show(value)}` };
      return collect(Object.entries(value).map(([key, member]) => [key, entry.fromJson(member)]));
    },
  };
}

/** A kind whose JSON form is the same string as its text form. */
function textOnly<T>(label: string, fromText: (text: string) => Parsed<T>): Kind<T> {
  return {
    label,
    fromText,
    fromJson: (value) =>
      typeof value === 'string' ? fromText(value) : { problem: `must be a string, not ${show(value)}` },
  };
}

/** What is wrong with an address block like `10.0.0.0/8`; a bare address is a block of one. */
export function cidrProblem(entry: string): string | null {
  const [address = '', bits, ...rest] = entry.split('/');
  const width = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  const isValid =
    width > 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width));
  return isValid ? null : `${quote(entry)} is not an address block like 10.0.0.0/8`;
}

export function didYouMean(word: string, known: readonly string[]): string {
  const suggestion = nearest(word, known);
  return suggestion === undefined ? '' : ` (did you mean ${quote(suggestion)}?)`;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function quote(value: string): string {
  return JSON.stringify(value);
}

/** A refused JSON value, short enough for one line. */
export function show(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length <= 60 ? json : `${json.slice(0, 57)}...`;
}

export function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function hasControlCharacter(value: string): boolean {
  return /\p{Cc}/u.test(value);
}
