import type { Route } from '../functions/types.ts';
import { type PathTemplate, toTemplate } from './paths.ts';
import type { HiddenRoute } from './types.ts';

/** A route that one function answers. */
export type ServedRoute = Route & { readonly functionKey: string };

/** A path of the document and the route that answers each method there. */
export interface ShownPath {
  readonly template: PathTemplate;
  readonly routes: ReadonlyMap<string, ServedRoute>;
}

/**
 * Chooses what is shown (P235): every route once, except those in conflict. OpenAPI has one place for a method of a path,
 * whatever the host, and takes paths that differ only in parameter names for one; the first in matching order has it,
 * the others are listed. Paths come sorted.
 */
export function chooseRoutes(routes: readonly Route[]): {
  shown: readonly ShownPath[];
  hidden: readonly HiddenRoute[];
} {
  const byShape = new Map<string, { template: PathTemplate; routes: Map<string, ServedRoute> }>();
  const hidden: HiddenRoute[] = [];
  for (const route of routes.filter(isServed)) {
    const template = toTemplate(route.path);
    const place = byShape.get(template.shape) ?? { template, routes: new Map() };
    byShape.set(template.shape, place);
    const isShown = place.template.path === template.path;
    const [free, taken] = partition(route.methods, (method) => isShown && !place.routes.has(method));
    for (const method of free) place.routes.set(method, route);
    if (taken.length > 0) hidden.push(describeHidden(route, template, taken, place.template));
  }
  const shown = [...byShape.values()].sort((a, b) => (a.template.path < b.template.path ? -1 : 1));
  return { shown, hidden };
}

function isServed(route: Route): route is ServedRoute {
  return route.functionKey !== null;
}

function describeHidden(
  route: ServedRoute,
  template: PathTemplate,
  methods: readonly string[],
  shown: PathTemplate,
): HiddenRoute {
  const hosts = route.hosts.length > 0 ? { hosts: route.hosts } : {};
  return { path: template.path, methods, ...hosts, function: route.functionKey, shown: shown.path };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
