import { secretForms } from '../functions/secret-forms.ts';
import type { LogRecord } from './events.ts';

const HIDDEN = '<hidden>';

/** Replaces the values of functions' secrets in log records (F107, P118). */
export class Redactor {
  readonly #byFunction = new Map<string, readonly string[]>();
  #all: readonly string[] = [];
  /** Ends of split lines that may be the beginning of a secret; said with the piece that follows. */
  readonly #held = new Map<string, string>();

  setSecrets(functionKey: string, values: readonly string[]): void {
    const secrets = secretForms(values);
    if (secrets.length === 0) this.#byFunction.delete(functionKey);
    else this.#byFunction.set(functionKey, secrets);
    this.#all = [...new Set([...this.#byFunction.values()].flat())];
  }

  redact(record: LogRecord): LogRecord {
    const secrets = this.#secretsOf(record);
    if (secrets.length === 0) return record;
    const message = this.#redactPiece(record, secrets);
    if (record.fields === undefined) return { ...record, message };
    return { ...record, message, fields: hideInside(record.fields, secrets) as Record<string, unknown> };
  }

  /** The platform's own lines may quote any function. */
  #secretsOf(record: LogRecord): readonly string[] {
    const own = record.stream === null ? undefined : this.#byFunction.get(`${record.source}/${record.function}`);
    return record.stream === null ? this.#all : (own ?? []);
  }

  /** A secret may lie across the two pieces of a line that was too long (P116). */
  #redactPiece(record: LogRecord, secrets: readonly string[]): string {
    const line = `${record.source}/${record.function} ${record.stream} ${record.requestId}`;
    const text = (this.#held.get(line) ?? '') + record.message;
    this.#held.delete(line);
    if (record.fields?.continued !== true) return hide(text, secrets);
    const held = longestBeginning(text, secrets);
    if (held > 0) this.#held.set(line, text.slice(text.length - held));
    return hide(text.slice(0, text.length - held), secrets);
  }
}

/** A text without the values of secrets. */
export function hideValues(text: string, values: readonly string[]): string {
  return hide(text, secretForms(values));
}

/** Hides every character that belongs to any occurrence of any secret, also where occurrences overlap. */
function hide(text: string, secrets: readonly string[]): string {
  const found = secrets.flatMap((secret) => occurrences(text, secret));
  if (found.length === 0) return text;
  found.sort(([a], [b]) => a - b);
  let result = '';
  let end = 0;
  for (const [from, to] of found) {
    if (from >= end) result += text.slice(end, from) + HIDDEN;
    end = Math.max(end, to);
  }
  return result + text.slice(end);
}

function occurrences(text: string, secret: string): [number, number][] {
  const found: [number, number][] = [];
  for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + 1))
    found.push([at, at + secret.length]);
  return found;
}

/** Length of the longest end of `text` with which one of the secrets begins, but is not complete. */
function longestBeginning(text: string, secrets: readonly string[]): number {
  let longest = 0;
  for (const secret of secrets) {
    for (let length = Math.min(secret.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(secret.slice(0, length))) longest = length;
    }
  }
  return longest;
}

function hideInside(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return hide(value, secrets);
  if (Array.isArray(value)) return value.map((item) => hideInside(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [hide(name, secrets), hideInside(item, secrets)]),
  );
}
