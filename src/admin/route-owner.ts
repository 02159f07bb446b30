import { intersectHosts } from '../functions/hosts.ts';
import { parseRoutePath } from '../functions/route-paths.ts';
import { shapeOf } from '../functions/segments.ts';
import type { Route } from '../functions/types.ts';
import { Problem } from './problem.ts';

/** A path that a function is about to answer. */
export interface WantedRoute {
  /** As in `invoke.routes`. */
  readonly path: string;
  readonly methods: readonly string[];
  /** Empty for all. */
  readonly hosts: readonly string[];
}

/** Refuses with 409 a route that another function answers already: neither would answer any more (F47). */
export function requireFreeRoutes(
  routes: readonly Route[],
  wanted: readonly WantedRoute[],
  functionKey?: string,
): void {
  for (const route of wanted) {
    const owner = findOwner(routes, route);
    if (owner === undefined || owner.functionKey === functionKey) continue;
    throw new Problem(409, 'route already mapped', {
      detail: `${owner.methods.join(', ')} ${owner.path} belongs to ${owner.file}`,
      members: { route: route.path, function: owner.functionKey },
    });
  }
}

/** An alias gives way to whoever asks for its path (F8). */
function findOwner(routes: readonly Route[], { path, methods, hosts }: WantedRoute): Route | undefined {
  const shape = shapeOfPath(path);
  if (shape === undefined) return undefined;
  return routes.find(
    (route) =>
      route.source !== 'alias' &&
      shapeOfPath(route.path) === shape &&
      route.methods.some((method) => methods.includes(method)) &&
      intersectHosts(route.hosts, hosts) !== undefined,
  );
}

function shapeOfPath(path: string): string | undefined {
  const parsed = parseRoutePath(path);
  return 'problem' in parsed ? undefined : shapeOf(parsed.segments);
}
