import type { Discovery, Runtime } from '../functions/types.ts';
import type { StackEvent } from './events.ts';

/** How much a discovery holds, as its owner is told. */
export function countDiscovered({ functions, routes }: Discovery): Extract<StackEvent, { type: 'discovered' }> {
  const own = routes.filter(({ source }) => source !== 'alias');
  const runtimes = new Map(functions.map(({ key, runtime }) => [key, runtime]));
  const routesByRuntime: Partial<Record<Runtime, number>> = {};
  for (const { functionKey } of own) {
    const runtime = functionKey === null ? undefined : runtimes.get(functionKey);
    if (runtime !== undefined) routesByRuntime[runtime] = (routesByRuntime[runtime] ?? 0) + 1;
  }
  return { type: 'discovered', functions: functions.length, routes: own.length, routesByRuntime };
}
