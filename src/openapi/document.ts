import type { Discovery } from '../functions/types.ts';
import { INTERNAL_SCHEMES, internalPaths } from './internal.ts';
import { pathItem } from './operation.ts';
import { OperationIds } from './operation-ids.ts';
import { PROBLEM_SCHEMA, PROBLEM_SCHEMA_NAME } from './responses.ts';
import { SecurityDescriber } from './security.ts';
import { chooseRoutes } from './shown-routes.ts';
import { sortKeys } from './sort-keys.ts';
import type { InternalOperation, OpenApiDocument } from './types.ts';

export interface OpenApiInput {
  readonly discovery: Discovery;
  readonly title: string;
  readonly version: string;
  /** Where the service is reached (P234). */
  readonly serverUrl: string;
  /** The admin API, where it is to be listed (P240). */
  readonly internal?: readonly InternalOperation[] | undefined;
}

const FUNCTIONS_TAG = { name: 'functions', description: 'The routes of this project.' };
const INTERNAL_TAG = { name: 'internal', description: 'The admin API.' };

/** Describes what the routes of a discovery answer (P233-P241). Equal inputs give equal bytes once serialised. */
export function buildOpenApi({ discovery, title, version, serverUrl, internal }: OpenApiInput): OpenApiDocument {
  const { shown, hidden } = chooseRoutes(discovery.routes);
  const functions = new Map(discovery.functions.map((definition) => [definition.key, definition]));
  const ids = new OperationIds();
  const security = new SecurityDescriber();
  const context = { functions, ids, security };
  const paths = Object.fromEntries(shown.map((path) => [path.template.path, pathItem(path, context)]));
  return sortKeys<OpenApiDocument>({
    openapi: '3.1.0',
    info: { title, version },
    servers: [{ url: serverUrl }],
    tags: internal ? [FUNCTIONS_TAG, INTERNAL_TAG] : [FUNCTIONS_TAG],
    paths: internal ? { ...paths, ...internalPaths(internal, ids) } : paths,
    components: {
      schemas: { [PROBLEM_SCHEMA_NAME]: PROBLEM_SCHEMA },
      securitySchemes: { ...security.schemes, ...(internal && INTERNAL_SCHEMES) },
    },
    security: [],
    ...(hidden.length > 0 && { 'x-fastfn-conflicts': hidden }),
  });
}
