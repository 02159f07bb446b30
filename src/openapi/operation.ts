import type { FunctionDefinition, FunctionExamples } from '../functions/types.ts';
import { queryParameters, requestBody } from './examples.ts';
import type { OperationIds } from './operation-ids.ts';
import { functionResponses } from './responses.ts';
import type { ServedRoute, ShownPath } from './shown-routes.ts';
import type { Operation, PathItem } from './types.ts';

const NO_EXAMPLES: FunctionExamples = {};
const DEFAULT_VERSION = 'default';

/** The operations of one path (P236), methods in order, so that ids are handed out in the order of the document. */
export function pathItem(
  { template, routes }: ShownPath,
  functions: ReadonlyMap<string, FunctionDefinition>,
  ids: OperationIds,
): PathItem {
  const methods = [...routes.keys()].sort();
  const operations = methods.map((method) => {
    const route = routes.get(method)!;
    return [
      method.toLowerCase(),
      operation(method, route, template.parameters, functions.get(route.functionKey)!, ids),
    ];
  });
  return Object.fromEntries(operations);
}

function operation(
  method: string,
  route: ServedRoute,
  pathParameters: ShownPath['template']['parameters'],
  definition: FunctionDefinition,
  ids: OperationIds,
): Operation {
  const { runtime, name, version, policy, group, examples = NO_EXAMPLES } = definition;
  const parameters = [...pathParameters, ...queryParameters(examples)];
  const body = requestBody(method, examples);
  return {
    operationId: ids.take(method.toLowerCase(), runtime, name, version),
    summary:
      examples.summary?.trim() || `${method} ${runtime}/${name}${version === DEFAULT_VERSION ? '' : `@${version}`}`,
    tags: ['functions'],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: functionResponses({ method, requiresAuth: policy.auth !== null, hosts: route.hosts }),
    ...(group !== undefined && { 'x-fastfn-group': group }),
  };
}
