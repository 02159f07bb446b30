import type { JsonSchema, Response } from './types.ts';

export const PROBLEM_SCHEMA_NAME = 'Problem';

/** What the platform's own errors hold (F2, P95). */
export const PROBLEM_SCHEMA: JsonSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'error', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    error: { type: 'string', description: 'Short text that stays the same from version to version.' },
    detail: { type: 'string' },
    request_id: { type: 'string', description: 'Also in the header X-Request-Id and in the logs.' },
  },
};

const RETRY_AFTER = { 'Retry-After': { schema: { type: 'integer' } } };
const CHALLENGE = { 'WWW-Authenticate': { schema: { type: 'string' } } };

const ALWAYS = {
  404: problem('No route answers this path, or what it asks for does not exist.'),
  405: problem('The path answers other methods.', { Allow: { schema: { type: 'string' } } }),
  413: problem('The body is larger than the function accepts.'),
  429: problem('Too many requests at once or in this window.', RETRY_AFTER),
  500: problem('The function failed.'),
  502: problem('The function broke off or did not answer in a valid form.'),
  503: problem('The function cannot answer now.', RETRY_AFTER),
  504: problem('The function did not answer in time.'),
};
const UNAUTHORIZED = problem('A credential is missing or not valid.', CHALLENGE);
const FORBIDDEN = problem('The credential does not allow this.', CHALLENGE);
const OK: Response = {
  description: 'What the function answers.',
  content: { 'application/json': { schema: {} }, 'text/plain': { schema: { type: 'string' } } },
};
const OK_WITHOUT_BODY: Response = { description: 'The headers of what the function answers.' };

/** What the responses of an operation depend on. */
export interface ResponseFacts {
  readonly method: string;
  readonly requiresAuth: boolean;
  /** Hosts that the route is bound to; empty for all. */
  readonly hosts: readonly string[];
}

/** The responses of a function's operation (P239). Equal ones are the same objects: thousands of operations share them. */
export function functionResponses({ method, requiresAuth, hosts }: ResponseFacts): Record<string, Response> {
  return {
    ...ALWAYS,
    200: method === 'HEAD' ? OK_WITHOUT_BODY : OK,
    ...(requiresAuth && { 401: UNAUTHORIZED, 403: FORBIDDEN }),
    ...(hosts.length > 0 && { 421: problem(`The host is none of ${hosts.join(', ')}.`) }),
  };
}

/** An error of the platform: a problem document. */
export function problem(description: string, headers?: Response['headers']): Response {
  return {
    description,
    ...(headers && { headers }),
    content: { 'application/problem+json': { schema: { $ref: `#/components/schemas/${PROBLEM_SCHEMA_NAME}` } } },
  };
}
