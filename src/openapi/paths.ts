import type { Parameter } from './types.ts';

/** A route's path in OpenAPI's notation (P235). */
export interface PathTemplate {
  /** `/users/{id}` */
  readonly path: string;
  /** The path without its parameters' names: OpenAPI takes paths of equal shape for the same path. */
  readonly shape: string;
  readonly parameters: readonly Parameter[];
}

/** What may stand in a segment as it is; `:` may too (RFC 3986), but is a parameter to readers of older notations. */
const UNSAFE = /[^A-Za-z0-9\-._~!$&'()+,;=@]/gu;
const REST = 'One or more segments: the value may contain "/".';

/** Translates `/users/:id`, `/blog/:slug*` and `/files/*`. */
export function toTemplate(pattern: string): PathTemplate {
  if (pattern === '/') return { path: '/', shape: '/', parameters: [] };
  const parameters: Parameter[] = [];
  let path = '';
  let shape = '';
  for (const segment of pattern.slice(1).split('/')) {
    const parameter = toParameter(segment);
    if (parameter) parameters.push(parameter);
    const text = parameter ? `/{${parameter.name}}` : `/${segment.replace(UNSAFE, percentEncode)}`;
    path += text;
    shape += parameter ? '/{}' : text;
  }
  return { path, shape, parameters };
}

function toParameter(segment: string): Parameter | undefined {
  if (segment === '*') return pathParameter('wildcard', REST);
  if (!segment.startsWith(':')) return undefined;
  return segment.endsWith('*') ? pathParameter(segment.slice(1, -1), REST) : pathParameter(segment.slice(1));
}

function pathParameter(name: string, description?: string): Parameter {
  return { name, in: 'path', required: true, schema: { type: 'string' }, ...(description && { description }) };
}

/** Unlike encodeURIComponent, also for `*` and for half a surrogate pair, which it throws at. */
function percentEncode(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
