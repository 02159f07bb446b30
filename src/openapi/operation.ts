import type { FunctionDefinition, FunctionExamples } from '../functions/types.ts';
import { queryParameters, requestBody } from './examples.ts';
import type { OperationIds } from './operation-ids.ts';
import type { PathTemplate } from './paths.ts';
import { functionResponses } from './responses.ts';
import type { SecurityDescriber } from './security.ts';
import type { ServedRoute, ShownPath } from './shown-routes.ts';
import type { Operation, PathItem } from './types.ts';

const NO_EXAMPLES: FunctionExamples = {};
const DEFAULT_VERSION = 'default';

/** What the operations of one document share. */
export interface DocumentContext {
  /** By key. */
  readonly functions: ReadonlyMap<string, FunctionDefinition>;
  readonly ids: OperationIds;
  readonly security: SecurityDescriber;
}

/** The operations of one path (P236), methods in order, so that ids are handed out in the order of the document. */
export function pathItem({ template, routes }: ShownPath, context: DocumentContext): PathItem {
  const methods = [...routes.keys()].sort();
  const operations = methods.map((method) => {
    return [method.toLowerCase(), operation(method, routes.get(method)!, template, context)];
  });
  return Object.fromEntries(operations);
}

function operation(method: string, route: ServedRoute, template: PathTemplate, context: DocumentContext): Operation {
  const definition = context.functions.get(route.functionKey)!;
  const { runtime, name, version, policy, group, examples = NO_EXAMPLES } = definition;
  const parameters = [...template.parameters, ...queryParameters(examples)];
  const body = requestBody(method, examples);
  return {
    operationId: context.ids.take(method.toLowerCase(), runtime, name, version),
    summary: examples.summary?.trim() || `${method} ${displayName(definition)}`,
    tags: ['functions'],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: functionResponses({ method, requiresAuth: policy.auth !== null, hosts: route.hosts }),
    ...(policy.auth && { security: context.security.describe(policy.auth, method) }),
    ...(group !== undefined && { 'x-fastfn-group': group }),
  };
}

function displayName({ runtime, name, version }: FunctionDefinition): string {
  return version === DEFAULT_VERSION ? `${runtime}/${name}` : `${runtime}/${name}@${version}`;
}
