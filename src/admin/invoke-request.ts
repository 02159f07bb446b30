import * as z from 'zod';
import type { Route } from '../functions/types.ts';
import { Problem } from './problem.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** RFC 9110 5.6.2; and what a value may not hold, or the request would be another one. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const headerValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** Members of the body that describe the call; `name`, `runtime` and `version` are resolved like any target (P214). */
export const InvokeBody = z.object({
  name: z.string({ error: 'invalid function' }).optional(),
  runtime: z.string({ error: 'invalid runtime' }).nullish(),
  version: z.string({ error: 'invalid version' }).nullish(),
  method: z
    .string({ error: 'invalid method' })
    .transform((method) => method.toUpperCase())
    .pipe(z.enum(METHODS, { error: 'invalid method' }))
    .default('GET'),
  route: z
    .string({ error: 'invalid route' })
    .regex(/^\/[^\s#]*$/, 'invalid route')
    .nullish(),
  params: z.record(z.string(), scalar, { error: 'invalid params' }).nullish(),
  query: z.record(z.string(), z.union([scalar, z.array(scalar)]), { error: 'invalid query' }).nullish(),
  headers: z
    .record(
      z.string().regex(HEADER_NAME, 'invalid headers'),
      z
        .union([headerValue, z.array(headerValue)])
        .refine((value) => ![value].flat().some(hasControl), 'invalid headers'),
      { error: 'invalid headers' },
    )
    .nullish(),
  body: z.unknown().optional(),
  is_base64: z.boolean({ error: 'is_base64 must be boolean' }).optional(),
  context: z.record(z.string(), z.unknown(), { error: 'invalid context' }).nullish(),
});
export type InvokeBody = z.output<typeof InvokeBody>;

/** Line breaks and NUL end a header for somebody. */
function hasControl(value: string): boolean {
  return /[\r\n\0]/.test(value);
}

/** The route a call goes to: the given one, else the first of the function's that takes the method (P214). */
export function chooseTemplate(body: InvokeBody, routes: readonly Route[]): string {
  if (body.route != null) return body.route;
  const mapped = routes.filter(({ source }) => source !== 'alias');
  const taken = mapped.find(({ methods }) => allows(methods, body.method));
  if (taken) return taken.path;
  if (mapped.length === 0) throw new Problem(404, 'not found', { detail: 'the function has no route' });
  const allowed = [...new Set(mapped.flatMap(({ methods }) => methods))].sort();
  throw new Problem(405, 'method not allowed', {
    headers: { allow: allowed.join(', ') },
    members: { allowed_methods: allowed },
  });
}

function allows(methods: readonly string[], method: string): boolean {
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET')) || method === 'OPTIONS';
}

const PARAMETER = /^(?::([^*]+)(\*)?|\{([^*}]+)(\*)?\}|(\*))$/;

/** Fills a template's parameters, percent-encoded per segment, catch-alls segment by segment (P214, F168). */
export function fillTemplate(template: string, params: InvokeBody['params']): string {
  const given = new Map(
    Object.entries(params ?? {}).flatMap(([name, value]) => (value === null ? [] : [[name, String(value)]])),
  );
  const missing: string[] = [];
  const segments = template.split('/').map((segment) => {
    const match = PARAMETER.exec(segment);
    if (!match) return segment;
    const name = match[1] ?? match[3] ?? 'wildcard';
    const value = given.get(name) ?? '';
    if (value === '') missing.push(name);
    const isOpenEnd = match[2] !== undefined || match[4] !== undefined || match[5] !== undefined;
    return (isOpenEnd ? value.split('/') : [value]).map(encodeSegment).join('/');
  });
  if (missing.length === 0) return segments.join('/');
  throw new Problem(400, 'missing required path params', { members: { route: template, missing_params: missing } });
}

/** One segment of a path. `.` and `..` mean another path however they are written (F49), so no parameter can hold them. */
function encodeSegment(value: string): string {
  if (value === '.' || value === '..')
    throw new Problem(400, 'invalid params', { detail: `a path cannot carry "${value}"` });
  return encodeURIComponent(value.toWellFormed());
}

/** Adds query arguments; null = unset, a list repeats the name. */
export function withQuery(path: string, query: InvokeBody['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of [value].flat()) if (item !== null) search.append(name, String(item));
  }
  const text = search.toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

/** The bytes to send, and the type that a JSON value has when no header names one. */
export function encodeBody({ body, is_base64: isBase64 }: InvokeBody): { bytes: Buffer; type: string | null } {
  if (body === undefined || body === null) return { bytes: Buffer.alloc(0), type: null };
  if (isBase64) {
    if (typeof body !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(body)) throw new Problem(400, 'invalid base64');
    return { bytes: Buffer.from(body, 'base64'), type: null };
  }
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: null };
  return { bytes: Buffer.from(JSON.stringify(body)), type: 'application/json' };
}
