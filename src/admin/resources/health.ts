import type { FunctionLoad } from '../../gateway/counts.ts';
import { version } from '../../version.ts';
import { endpoint } from '../endpoint.ts';
import { admit } from '../guard.ts';
import type { FunctionStatus, Platform, ProjectProblem } from '../platform.ts';
import { defaultsView } from '../views/defaults.ts';
import { healthStateView, isInstalling, NO_LOAD, stateOf } from '../views/function-state.ts';
import { runtimeView } from '../views/runtimes.ts';
import { epochSeconds } from '../views/time.ts';

/** Problems of a function that keep it, or its newest version, from running. */
const FAILURES: ReadonlySet<ProjectProblem['kind']> = new Set(['load', 'install', 'runtime']);

/** P166: the minimum for strangers, details for whoever may read. */
export const healthEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/health',
    access: 'open',
    summary: 'Health: status for everyone, details for administrators',
    async handle({ caller, flags, reply }, { platform }) {
      const status = platform.isDraining ? 'draining' : 'ok';
      if (status !== 'ok') reply.code(503);
      return admit(flags, caller, 'read') === null ? { status, ...(await describeHealth(platform)) } : { status };
    },
  }),
];

/** P207, without the status. */
async function describeHealth(platform: Platform) {
  const { config, discovery } = platform;
  const runtimes = platform.runtimes();
  const workers = platform.workers();
  const functions = platform.functions();
  const loads = await platform.loads();
  return {
    version,
    mode: platform.mode,
    uptime_s: (Date.now() - platform.startedAt) / 1000,
    config_loaded_at: epochSeconds(platform.startedAt),
    functions_root: config.functionsRoot,
    defaults: defaultsView(config),
    runtime_order: runtimes.map(({ runtime }) => runtime),
    hot_reload: hotReload(platform),
    routing: {
      mapped_routes: discovery.routes.length,
      mapped_route_conflicts: discovery.conflicts.length,
      table_version: platform.tableVersion,
    },
    functions: {
      summary: summarise(functions, loads, platform.problems()),
      states: functions.map((status) => healthStateView(status, loads[status.definition.key] ?? NO_LOAD, config)),
    },
    runtimes: Object.fromEntries(runtimes.map((status) => [status.runtime, runtimeView(status, workers, config)])),
  };
}

function hotReload(platform: Platform) {
  const watch = platform.watch();
  return {
    enabled: platform.config.hotReload,
    last_catalog_scan_at: epochSeconds(platform.scannedAt),
    watchdog: {
      enabled: platform.config.hotReload,
      active: watch?.isActive ?? false,
      backend: watch?.backend ?? null,
      last_scan_at: epochSeconds(watch?.lastScanAt ?? null),
      error: watch?.error ?? null,
    },
  };
}

/** Each function is warm, stale or cold; the other figures are of functions among them. */
function summarise(
  functions: readonly FunctionStatus[],
  loads: Readonly<Record<string, FunctionLoad>>,
  problems: readonly ProjectProblem[],
) {
  const states = functions.map(stateOf);
  const countState = (state: string) => states.filter((one) => one === state).length;
  const pooled = functions.filter(({ definition }) => definition.policy.workerPool?.enabled);
  const ofPools = pooled.map(({ definition }) => loads[definition.key] ?? NO_LOAD);
  const sum = (figure: (load: FunctionLoad) => number) => ofPools.reduce((total, load) => total + figure(load), 0);
  const broken = new Set(problems.map((problem) => (FAILURES.has(problem.kind) ? problem.function : null)));
  const isFailed = (status: FunctionStatus) =>
    broken.has(status.definition.key) || (status.unavailable !== null && !isInstalling(status));
  return {
    total: functions.length,
    warm: countState('warm'),
    stale: countState('stale'),
    cold: countState('cold'),
    keep_warm_enabled: 0,
    pool_enabled: pooled.length,
    pool_active: sum(({ active }) => active),
    pool_queued: sum(({ queued }) => queued),
    pool_queue_drops: sum(({ overflow, timeout }) => overflow + timeout),
    pool_queue_overflow_drops: sum(({ overflow }) => overflow),
    pool_queue_timeout_drops: sum(({ timeout }) => timeout),
    installing: functions.filter(isInstalling).length,
    failed: functions.filter(isFailed).length,
  };
}
