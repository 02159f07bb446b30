import type { Target } from '../shapes.ts';

/** A row of names and values; empty names are left out when it is sent. */
export interface Pair {
  readonly name: string;
  readonly value: string;
}

/** What the test form holds (P222). */
export interface Draft {
  readonly method: string;
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: readonly Pair[];
  readonly headers: readonly Pair[];
  readonly body: string;
  /** JSON of the object that becomes `event.context.user`; empty for none. */
  readonly context: string;
}

export const EMPTY_DRAFT: Draft = {
  method: 'GET',
  route: '',
  params: {},
  query: [],
  headers: [],
  body: '',
  context: '',
};

/** The body of `POST /_fn/invoke` (P214). Throws a SyntaxError where the context is not a JSON object. */
export function invokeBody({ runtime, name, version }: Target, draft: Draft): Record<string, unknown> {
  const params = Object.fromEntries(Object.entries(draft.params).filter(([, value]) => value !== ''));
  return {
    runtime,
    name,
    ...(version !== '' && { version }),
    method: draft.method,
    ...(draft.route !== '' && { route: draft.route }),
    ...(Object.keys(params).length > 0 && { params }),
    ...membersOf('query', draft.query),
    ...membersOf('headers', draft.headers),
    ...(draft.body !== '' && { body: draft.body }),
    ...(draft.context.trim() !== '' && { context: parseContext(draft.context) }),
  };
}

/** Repeated names become arrays. */
function membersOf(member: string, pairs: readonly Pair[]): Record<string, unknown> {
  const named = pairs.filter(({ name }) => name.trim() !== '');
  if (named.length === 0) return {};
  const values = new Map<string, string[]>();
  for (const { name, value } of named) values.set(name.trim(), [...(values.get(name.trim()) ?? []), value]);
  return {
    [member]: Object.fromEntries([...values].map(([name, all]) => [name, all.length === 1 ? all[0] : all])),
  };
}

function parseContext(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SyntaxError('the context must be a JSON object');
  }
  return value;
}

/** Whether the body claims to be JSON and is not; null when there is nothing to say. */
export function bodyComplaint({ body, headers }: Draft): string | null {
  const type = headers.find(({ name }) => name.trim().toLowerCase() === 'content-type')?.value ?? '';
  const claimsJson = type === '' ? /^\s*[[{]/.test(body) : /\bjson\b/i.test(type);
  return body.trim() === '' || !claimsJson ? null : jsonComplaint(body);
}

/** What is wrong with a JSON text; null when it parses. */
export function jsonComplaint(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (error as SyntaxError).message;
  }
}
