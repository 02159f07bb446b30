import type { JsonObject } from '../../functions/json-value.ts';
import { isObject } from '../../functions/json-value.ts';
import type { FunctionDefinition, Route } from '../../functions/types.ts';
import type { Platform } from '../platform.ts';
import { methodsOf, pathsOf } from './policy.ts';

/** How a function is reached, and what its author says of its use (P209). */
export function reachView(
  { config, url }: Pick<Platform, 'config' | 'url'>,
  definition: FunctionDefinition,
  routes: readonly Route[],
  ownConfig: JsonObject,
) {
  const base = config.publicBaseUrl ?? url;
  const paths = pathsOf(routes);
  const preferred = preferredPath(paths);
  const { examples } = definition;
  const methods = methodsOf(routes);
  const configured = isObject(ownConfig.invoke) ? ownConfig.invoke : {};
  const example = preferred && base + fillExample(preferred) + queryOf(examples?.query);
  const target = new URLSearchParams({ runtime: definition.runtime, name: definition.name });
  if (definition.version !== 'default') target.set('version', definition.version);
  return {
    endpoints: {
      public_route: paths[0] ?? null,
      mapped_routes: paths,
      public_routes: paths,
      public_urls: paths.map((path) => base + path),
      preferred_public_route: preferred,
      preferred_public_url: preferred && base + preferred,
      invoke_api: '/_fn/invoke',
      function_detail_api: `/_fn/function?${target}`,
      config_api: `/_fn/function-config?${target}`,
      env_api: `/_fn/function-env?${target}`,
    },
    invoke: {
      summary: examples?.summary ?? null,
      methods,
      default_method: typeof configured.default_method === 'string' ? configured.default_method : (methods[0] ?? null),
      handler: definition.policy.handler,
      query_example: examples?.query ?? null,
      body_example: examples?.body ?? null,
      content_type: examples?.contentType ?? null,
      route: preferred,
      canonical_route: paths[0] ?? null,
      allow_hosts: [...new Set(routes.flatMap(({ hosts }) => hosts))].sort(),
      public_routes: paths,
      mapped_routes: Array.isArray(configured.routes) ? configured.routes : [],
      mapped_public_routes: paths,
      effective_mapped_routes: paths,
      effective_public_routes: paths,
      full_route_example: example,
      curl_get_example: example && `curl -sS '${example.replaceAll("'", '%27')}'`,
    },
  };
}

/** The one with the fewest parameters: it can be called as it is. */
function preferredPath(paths: readonly string[]): string | null {
  const parameters = (path: string) => path.match(/\/[:*]/g)?.length ?? 0;
  return paths.toSorted((a, b) => parameters(a) - parameters(b))[0] ?? null;
}

/** The path with a value for each parameter. */
function fillExample(path: string): string {
  const filled = path.replace(/\/(?::[^/]+|\*)/g, '/1');
  return encodeURI(filled);
}

function queryOf(query: Readonly<Record<string, unknown>> | undefined): string {
  const parameters = Object.entries(query ?? {}).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return parameters.length === 0 ? '' : `?${new URLSearchParams(parameters)}`;
}
