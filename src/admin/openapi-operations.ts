import * as z from 'zod';
import type { InternalOperation, JsonSchema, Parameter } from '../openapi/types.ts';
import type { Endpoint } from './endpoint.ts';

type SchemaObject = Readonly<Record<string, unknown>>;

/** Addresses below /_fn that nginx answers by itself, while this process does not run too (P167, P168). */
const ANSWERED_BY_NGINX: readonly InternalOperation[] = [
  { method: 'GET', path: '/_fn/live', summary: 'Whether nginx runs', isOpen: true },
  { method: 'GET', path: '/_fn/ready', summary: 'Whether functions are served', isOpen: true },
];
const OPEN_CLASSES: readonly Endpoint['access'][] = ['open', 'docs'];

/** The endpoints below /_fn/ as OpenAPI lists them (P240). */
export function internalOperations(endpoints: readonly Endpoint[]): readonly InternalOperation[] {
  return [...ANSWERED_BY_NGINX, ...endpoints.filter(({ path }) => path.startsWith('/_fn/')).map(describe)];
}

function describe({ method, path, summary, access, query, body }: Endpoint): InternalOperation {
  return {
    method,
    path: path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}'),
    summary,
    isOpen: OPEN_CLASSES.includes(access),
    ...(query && { parameters: queryParameters(query) }),
    ...(body && { body: { schema: jsonSchema(body), isRequired: !body.safeParse(undefined).success } }),
  };
}

function queryParameters(query: z.ZodType): Parameter[] {
  const { properties = {}, required = [] } = jsonSchema(query) as {
    readonly properties?: Readonly<Record<string, SchemaObject>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    schema,
    ...(required.includes(name) && { required: true }),
    ...(typeof description === 'string' && { description }),
  }));
}

/** What may be sent, as a schema that stands alone: without parts that refer to its own top, as recursive ones do. */
function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, $defs, ...document } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return $defs === undefined ? document : {};
}
