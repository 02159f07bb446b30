import type { FunctionExamples } from '../functions/types.ts';
import type { JsonSchema, Parameter, RequestBody } from './types.ts';

/** Examples nested deeper are left out: serialising a value of many thousand levels overflows the stack. */
const MAX_DEPTH = 32;
const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const JSON_TYPE = /^(?:application|text)\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const ANY_JSON: RequestBody = { content: { 'application/json': { schema: {} } } };

/** One optional parameter for each key of the query example (P238). */
export function queryParameters({ query }: FunctionExamples): readonly Parameter[] {
  return Object.entries(query ?? {})
    .filter(([, value]) => isShallow(value, MAX_DEPTH))
    .map(([name, value]) => ({ name, in: 'query', ...describeQueryValue(value) }));
}

/** What a request with this method may carry (P238); undefined for methods without a body. */
export function requestBody(method: string, { body, contentType }: FunctionExamples): RequestBody | undefined {
  if (!METHODS_WITH_BODY.has(method)) return undefined;
  const example = isShallow(body, MAX_DEPTH) ? body : undefined;
  const type = contentType?.trim() || defaultType(example);
  if (type === undefined) return ANY_JSON;
  const isJson = JSON_TYPE.test(type);
  if (example === undefined) return { content: { [type]: { schema: isJson ? {} : { type: 'string' } } } };
  const value = isJson ? parseIfJson(example) : asText(example);
  return { required: true, content: { [type]: { schema: inferSchema(value), example: value } } };
}

/** The schema that an example is an instance of. */
export function inferSchema(value: unknown): JsonSchema {
  if (Array.isArray(value)) return { type: 'array', items: unite(value.map(inferSchema)) };
  if (value === null || typeof value !== 'object') return { type: scalarType(value) };
  const properties = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, inferSchema(member)]));
  return { type: 'object', properties };
}

function scalarType(value: unknown): string {
  if (value === null) return 'null';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** One schema for the items of an array, whatever they are. */
function unite(schemas: readonly JsonSchema[]): JsonSchema {
  const distinct = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  if (distinct.length === 0) return {};
  return distinct.length === 1 ? distinct[0]! : { anyOf: distinct };
}

/** A query holds text: what is no scalar is shown as JSON. */
function describeQueryValue(value: unknown): Pick<Parameter, 'schema' | 'example'> {
  if (value === null) return { schema: { type: 'string' } };
  const example = typeof value === 'object' ? JSON.stringify(value) : value;
  return { schema: { type: scalarType(example) }, example };
}

/** The type of a body whose type nobody gave: text that is no JSON is plain text. */
function defaultType(example: unknown): string | undefined {
  if (example === undefined) return undefined;
  return typeof example === 'string' && parseIfJson(example) === example ? 'text/plain' : 'application/json';
}

/** Hints, and configurations that spell a body out, give JSON as text; other text is taken as it is. */
function parseIfJson(example: unknown): unknown {
  if (typeof example !== 'string') return example;
  try {
    const value: unknown = JSON.parse(example);
    return isShallow(value, MAX_DEPTH) ? value : example;
  } catch {
    return example;
  }
}

function asText(example: unknown): string {
  return typeof example === 'string' ? example : JSON.stringify(example);
}

function isShallow(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}
