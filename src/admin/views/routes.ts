import type { Discovery, FunctionDefinition, Route } from '../../functions/types.ts';

/** `mapped_routes` (P208): who answers each path. Conflicts answer nobody. */
export function mappedRoutes({ routes, functions }: Discovery) {
  const byKey = new Map(functions.map((definition) => [definition.key, definition]));
  const mapped: Record<string, ReturnType<typeof routeView>[]> = {};
  for (const route of routes) {
    const definition = byKey.get(route.functionKey ?? '');
    if (definition === undefined) continue;
    mapped[route.path] ??= [];
    mapped[route.path]!.push(routeView(route, definition));
  }
  return mapped;
}

/** `mapped_route_conflicts`: paths that answer 409, for some methods at least. */
export function routeConflicts({ conflicts }: Discovery): Readonly<Record<string, true>> {
  return Object.fromEntries(conflicts.map(({ path }) => [path, true as const]));
}

function routeView(route: Route, { runtime, name, version }: FunctionDefinition) {
  return {
    runtime,
    fn_name: name,
    version,
    methods: route.methods,
    ...(route.hosts.length > 0 && { allow_hosts: route.hosts }),
    source_rank: route.rank,
    force_url: route.isForced,
  };
}

/** Routes by the function that answers them. */
export function routesByFunction(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  const byKey = new Map<string, Route[]>();
  for (const route of routes) {
    if (route.functionKey === null) continue;
    const known = byKey.get(route.functionKey);
    if (known) known.push(route);
    else byKey.set(route.functionKey, [route]);
  }
  return byKey;
}
