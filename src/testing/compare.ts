import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { show } from '../functions/json-value.ts';
import type { Expectation } from './events.ts';

/** What a call gave, as far as expectations look at it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Text; base64 where the answer is not UTF-8. */
  readonly body: string;
}

/** Everything in which an answer is not what was expected; empty: it is. */
export function compareAnswer(expected: Expectation, answer: Answer): string[] {
  return [
    ...compareStatus(expected.status, answer),
    ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) => compareHeader(name, value, answer)),
    ...('body' in expected ? compareBody(expected.body, answer) : []),
    ...(expected.schema === undefined ? [] : validate(expected.schema, answer)),
  ];
}

function compareStatus(expected: number | undefined, { status, body }: Answer): string[] {
  if (expected === undefined ? status < 400 : status === expected) return [];
  const wanted = expected === undefined ? 'below 400' : String(expected);
  return [`status is ${status}, not ${wanted}: ${show(body)}`];
}

function compareHeader(name: string, expected: string, { headers }: Answer): string[] {
  const found = headers[name.toLowerCase()];
  const value = found === undefined ? undefined : [found].flat().join(', ');
  return value === expected ? [] : [`header ${name} is ${show(value)}, not ${show(expected)}`];
}

/** Text is compared as text, anything else as JSON. */
function compareBody(expected: unknown, { body }: Answer): string[] {
  const found = typeof expected === 'string' ? body : parse(body);
  return isDeepStrictEqual(found, expected) ? [] : [`body is ${show(found)}, not ${show(expected)}`];
}

function validate(schema: Readonly<Record<string, unknown>>, { body }: Answer): string[] {
  const result = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(parse(body));
  if (result.success) return [];
  return result.error.issues.map(
    ({ path, message }) => `body${path.map((key) => `.${String(key)}`).join('')}: ${message}`,
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
