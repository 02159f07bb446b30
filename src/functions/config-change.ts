// What a PUT of the admin API makes of a fn.config.json (P212, F121).
import { type ConfigFinding, inspectConfig } from './config.ts';
import type { FunctionConfig } from './config-schema.ts';
import { normaliseSpelling } from './config-spelling.ts';
import { isObject, type JsonObject } from './json-value.ts';
import { parseRoutePath } from './route-paths.ts';
import { isReserved } from './segments.ts';

export type ConfigChange =
  | { readonly content: JsonObject; readonly config: FunctionConfig }
  | { readonly problems: readonly [ConfigFinding, ...ConfigFinding[]] };

/** Members of `invoke` that a change may give at the top. */
const SHORTHANDS = ['methods', 'routes'] as const;

/**
 * Applies a change to a file's content: objects merge key by key, arrays and scalars replace, null deletes. Refused as a
 * whole, with every reason, if it names something unknown or if the result is not valid.
 */
export function changeConfig(current: JsonObject, change: JsonObject): ConfigChange {
  const patch = normaliseSpelling(expandShorthands(change));
  const content = merge(normaliseSpelling(current), patch);
  const { config, findings } = inspectConfig(content);
  const errors = [...findings.filter(({ severity }) => severity === 'error'), ...findReservedRoutes(config)];
  const unknown = inspectConfig(patch).findings.filter(({ isIgnored }) => isIgnored);
  const problems = [...unknown, ...errors.filter(({ message }) => !unknown.some((other) => other.message === message))];
  return isNotEmpty(problems) ? { problems } : { content, config };
}

function expandShorthands({ ...change }: JsonObject): JsonObject {
  const given: JsonObject = {};
  for (const name of SHORTHANDS) {
    if (change[name] !== undefined) given[name] = change[name];
    delete change[name];
  }
  if (Object.keys(given).length === 0) return change;
  const { invoke } = change;
  return invoke == null || isObject(invoke) ? { ...change, invoke: { ...given, ...invoke } } : change;
}

function merge(current: unknown, patch: JsonObject): JsonObject {
  const merged = new Map(Object.entries(isObject(current) ? current : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, isObject(value) ? merge(merged.get(key), value) : value);
  }
  return Object.fromEntries(merged);
}

/** F10: discovery would leave such a route out; a change that asks for one is a mistake. */
function findReservedRoutes({ invoke }: FunctionConfig): ConfigFinding[] {
  return (invoke?.routes ?? []).flatMap((route, index) => {
    const parsed = parseRoutePath(route);
    if ('problem' in parsed || !isReserved(parsed.segments)) return [];
    const key = `invoke.routes.${index}`;
    const message = `${key}: ${route} belongs to the platform, like all of /_fn and /console`;
    return [{ severity: 'error', key, isIgnored: false, message } as const];
  });
}

function isNotEmpty<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0;
}
