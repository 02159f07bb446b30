import type { Runtime } from '../../functions/types.ts';
import { endpoint } from '../endpoint.ts';
import type { FunctionStatus, Platform } from '../platform.ts';
import { DEFAULT_VERSION } from '../target.ts';
import { defaultsView } from '../views/defaults.ts';
import { stateView } from '../views/function-state.ts';
import { policyView } from '../views/policy.ts';
import { mappedRoutes, routeConflicts, routesByFunction } from '../views/routes.ts';
import { runtimeView } from '../views/runtimes.ts';
import { epochSeconds } from '../views/time.ts';

/** P172, P173. */
export const catalogEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/catalog',
    access: 'read',
    summary: 'All functions, by language, with their routes and states',
    handle: (_request, { platform }) => describeCatalog(platform),
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/api/functions',
    access: 'read',
    summary: 'All functions as a list',
    handle: (_request, { platform }) =>
      [...describeFunctions(platform)].flatMap(([runtime, entries]) => entries.map((entry) => ({ runtime, ...entry }))),
  }),
];

function describeCatalog(platform: Platform) {
  const { config, discovery } = platform;
  const runtimes = platform.runtimes();
  const workers = platform.workers();
  const functions = describeFunctions(platform);
  return {
    generated_at: epochSeconds(platform.scannedAt),
    functions_root: config.functionsRoot,
    defaults: defaultsView(config),
    runtime_order: runtimes.map(({ runtime }) => runtime),
    mapped_routes: mappedRoutes(discovery),
    mapped_route_conflicts: routeConflicts(discovery),
    runtimes: Object.fromEntries(
      runtimes.map((status) => [
        status.runtime,
        { ...runtimeView(status, workers, config), functions: functions.get(status.runtime) ?? [] },
      ]),
    ),
  };
}

type CatalogEntry = ReturnType<typeof describeEntry>;

/** Entries by language, sorted by name; the versions of a function are one entry. */
function describeFunctions(platform: Platform): ReadonlyMap<Runtime, readonly CatalogEntry[]> {
  const routes = routesByFunction(platform.discovery.routes);
  const policyOf = ({ definition }: FunctionStatus) =>
    policyView(definition, routes.get(definition.key) ?? [], platform.config);
  const byRuntime = new Map<Runtime, Map<string, FunctionStatus[]>>();
  for (const status of platform.functions()) {
    const { runtime, name } = status.definition;
    const names = byRuntime.get(runtime) ?? new Map<string, FunctionStatus[]>();
    byRuntime.set(runtime, names);
    const versions = names.get(name);
    if (versions) versions.push(status);
    else names.set(name, [status]);
  }
  return new Map(
    [...byRuntime].map(([runtime, names]) => [
      runtime,
      [...names.keys()].sort().map((name) => describeEntry(name, names.get(name)!, policyOf)),
    ]),
  );
}

function describeEntry(
  name: string,
  versions: readonly FunctionStatus[],
  policyOf: (status: FunctionStatus) => ReturnType<typeof policyView>,
) {
  const main = versions.find(({ definition }) => definition.version === DEFAULT_VERSION);
  const others = versions.filter((status) => status !== main);
  const byVersion = <T>(describe: (status: FunctionStatus) => T) =>
    Object.fromEntries(others.map((status) => [status.definition.version, describe(status)]));
  return {
    name,
    has_default: main !== undefined,
    versions: others.map(({ definition }) => definition.version).sort(),
    policy: main ? policyOf(main) : null,
    versions_policy: byVersion(policyOf),
    default_state: main ? stateView(main) : null,
    versions_state: byVersion(stateView),
  };
}
