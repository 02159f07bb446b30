import type { Catalog, FunctionState, Health, PlatformProblem, RouteTarget, Target } from './shapes.ts';

/** One line of the list: a function or one of its versions. */
export interface FunctionRow {
  readonly target: Target;
  /** `<runtime>/<name>@<version>`. */
  readonly key: string;
  readonly routes: readonly string[];
  readonly methods: readonly string[];
  readonly state: string;
  readonly problems: readonly PlatformProblem[];
}

/** Key of a function as problems and states name it. */
export function keyOf({ runtime, name, version }: Target): string {
  return `${runtime}/${name}@${version === '' ? 'default' : version}`;
}

/** `hello` or `hello@v2`. */
export function titleOf({ name, version }: Target): string {
  return version === '' ? name : `${name}@${version}`;
}

/** All functions and versions of a catalog with their routes, states and problems, by name (P219). */
export function listFunctions(
  catalog: Catalog,
  health: Health | null,
  problems: readonly PlatformProblem[],
): readonly FunctionRow[] {
  const routes = groupBy(routesOf(catalog), ({ key }) => key);
  const states = new Map((health?.functions?.states ?? []).map((state) => [state.key, state]));
  const problemsByKey = groupBy(problems, (problem) => problem.function ?? '');
  return targetsOf(catalog).map((target) => {
    const key = keyOf(target);
    const own = routes.get(key) ?? [];
    const ownProblems = problemsByKey.get(key) ?? [];
    return {
      target,
      key,
      routes: [...new Set(own.map(({ path }) => path))],
      methods: [...new Set(own.flatMap(({ methods }) => methods))],
      state: stateOf(states.get(key), ownProblems),
      problems: ownProblems,
    };
  });
}

/** A function that cannot serve yet is `installing`, one that is broken and has no older version to serve `failed`. */
function stateOf(known: FunctionState | undefined, problems: readonly PlatformProblem[]): string {
  const state = known?.state ?? 'cold';
  if (state !== 'cold') return state;
  if (known?.installing) return 'installing';
  return problems.some(({ severity }) => severity === 'error') ? 'failed' : state;
}

function targetsOf(catalog: Catalog): readonly Target[] {
  return Object.entries(catalog.runtimes)
    .flatMap(([runtime, { functions }]) =>
      functions.flatMap(({ name, has_default, versions }) =>
        [...(has_default ? [''] : []), ...versions].map((version) => ({ runtime, name, version })),
      ),
    )
    .sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
}

/** One claim of a path by a function (P226). */
export interface RouteRow extends RouteTarget {
  readonly path: string;
  readonly key: string;
  readonly target: Target;
}

export function routesOf(catalog: Catalog): readonly RouteRow[] {
  return Object.entries(catalog.mapped_routes).flatMap(([path, targets]) =>
    targets.map((route) => {
      const version = route.version === null || route.version === 'default' ? '' : route.version;
      const target = { runtime: route.runtime, name: route.fn_name, version };
      return { ...route, path, target, key: keyOf(target) };
    }),
  );
}

/** Rows that hold every word of `text` in their key, routes, methods or state. */
export function filterFunctions(rows: readonly FunctionRow[], text: string): readonly FunctionRow[] {
  return filterByWords(rows, text, ({ key, routes, methods, state }) => [key, ...routes, ...methods, state].join(' '));
}

export function filterByWords<T>(rows: readonly T[], text: string, textOf: (row: T) => string): readonly T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const searched = textOf(row).toLowerCase();
    return words.every((word) => searched.includes(word));
  });
}

function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOfItem(item));
    if (group) group.push(item);
    else groups.set(keyOfItem(item), [item]);
  }
  return groups;
}
