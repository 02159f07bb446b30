import type { OperationIds } from './operation-ids.ts';
import { problem } from './responses.ts';
import type {
  InternalOperation,
  Operation,
  Parameter,
  PathItem,
  SecurityRequirement,
  SecurityScheme,
} from './types.ts';

/** Either way to send the admin token (P132). */
export const INTERNAL_SCHEMES: Readonly<Record<string, SecurityScheme>> = {
  adminBearer: { type: 'http', scheme: 'bearer', description: 'The admin token.' },
  adminToken: { type: 'apiKey', in: 'header', name: 'x-fn-admin-token', description: 'The admin token.' },
};
/** Local callers need none (P133). */
const INTERNAL_SECURITY: readonly SecurityRequirement[] = [{}, { adminToken: [] }, { adminBearer: [] }];

const METHOD_NOT_ALLOWED = {
  405: problem('The address has other methods.', { Allow: { schema: { type: 'string' } } }),
};
const REFUSALS = {
  ...METHOD_NOT_ALLOWED,
  400: problem('The request does not say what to do.'),
  401: problem('The admin token is missing or wrong.'),
  403: problem('Not for this caller, or not enabled.'),
  404: problem('What it asks for does not exist.'),
  429: problem('Too many requests in this window.'),
};

/** The admin API as its own table describes it (P240). */
export function internalPaths(
  endpoints: readonly InternalOperation[],
  ids: OperationIds,
): Readonly<Record<string, PathItem>> {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const endpoint of endpoints) {
    const item = paths[endpoint.path] ?? {};
    paths[endpoint.path] = item;
    item[endpoint.method.toLowerCase()] = describe(endpoint, ids);
  }
  return paths;
}

function describe(endpoint: InternalOperation, ids: OperationIds): Operation {
  const parameters = [...undeclaredParameters(endpoint), ...(endpoint.parameters ?? [])];
  return {
    operationId: ids.take(endpoint.method.toLowerCase(), ...endpoint.path.match(/\w+/g)!),
    summary: endpoint.summary,
    tags: ['internal'],
    ...(parameters.length > 0 && { parameters }),
    ...(endpoint.body && {
      requestBody: {
        required: endpoint.body.isRequired,
        content: { 'application/json': { schema: endpoint.body.schema } },
      },
    }),
    responses: {
      '2XX': { description: 'Done.' },
      ...(endpoint.isOpen ? METHOD_NOT_ALLOWED : REFUSALS),
    },
    security: endpoint.isOpen ? [] : INTERNAL_SECURITY,
  };
}

/** Parameters of the path that the table leaves to its notation. */
function undeclaredParameters({ path, parameters = [] }: InternalOperation): Parameter[] {
  const declared = new Set(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name));
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return names
    .filter((name) => !declared.has(name))
    .map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}
