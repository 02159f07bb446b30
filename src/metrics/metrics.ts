import type { Discovery } from '../functions/types.ts';
import type { GatewayCounts, GatewayLoad } from '../gateway/counts.ts';
import type { StackEvent } from '../stack/events.ts';
import { version } from '../version.ts';
import type { PoolStats } from '../workers/stats.ts';
import { type Dashboard, type DashboardWindow, dashboardOf } from './dashboard.ts';
import { CONTENT_TYPES, negotiate, renderMetrics } from './exposition.ts';
import type { CounterName, GaugeName, LabelsOf } from './families.ts';
import { measureProcess } from './process.ts';
import { Registry } from './registry.ts';
import { Traffic } from './traffic.ts';
import { measureWorkers } from './workers.ts';

/** Where the figures come from that are looked at when somebody asks. */
export interface MetricsSources {
  readonly pool: { stats(): PoolStats };
  readonly gateway: {
    /** Of the route table. */
    readonly version: number;
    /** Resolves when the nginx workers have told what they have counted so far, or take too long. */
    flushed(): Promise<void>;
    /** Null while nginx does not answer. */
    load(): Promise<GatewayLoad | null>;
  };
  discovery(): Discovery;
}

export interface Metrics {
  /** `/_fn/metrics` (P204) in the format that the Accept header prefers. */
  render(accept: string): Promise<{ readonly contentType: string; readonly text: string }>;
  /** `/_fn/dashboard` (P203), of all requests or of one function's. */
  dashboard(window: DashboardWindow, functionKey?: string): Promise<Dashboard>;
  /** What an nginx worker has counted. */
  addCounts(counts: GatewayCounts): void;
  /** What the stack tells its owner: installs and reloads are counted. */
  onStackEvent(event: StackEvent): void;
  /** Counts what other parts know: admin requests, runs of the scheduler, jobs that end. */
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>): void;
  /** Sets what other parts know: how many jobs there are. */
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void;
}

/** The metrics of one stack, for as long as its supervisor lives (P217). */
export function createMetrics(sources: MetricsSources, now: () => number = Date.now): Metrics {
  const { pool, gateway, discovery } = sources;
  const registry = new Registry();
  const traffic = new Traffic(registry, now);
  registry.set('fastfn_build_info', { version }, 1);
  return {
    async render(accept) {
      const [load] = await Promise.all([gateway.load(), gateway.flushed()]);
      measureGateway(registry, load);
      measureTable(registry, discovery(), gateway.version);
      measureWorkers(registry, pool.stats());
      measureProcess(registry);
      const format = negotiate(accept);
      return { contentType: CONTENT_TYPES[format], text: renderMetrics(registry, format) };
    },
    async dashboard(window, functionKey) {
      await gateway.flushed();
      return dashboardOf(traffic, now(), window, functionKey);
    },
    addCounts: (counts) => traffic.add(counts),
    onStackEvent: (event) => countEvent(registry, event),
    count: (name, labels) => registry.add(name, labels),
    set: (name, labels, value) => registry.set(name, labels, value),
  };
}

function measureGateway(registry: Registry, load: GatewayLoad | null): void {
  if (load === null) return;
  registry.set('fastfn_http_in_flight', {}, load.in_flight);
  registry.set('fastfn_queue_depth', {}, load.queued);
  for (const [state, count] of Object.entries(load.connections ?? {})) {
    registry.set('fastfn_nginx_connections', { state }, count);
  }
}

function measureTable(registry: Registry, { functions, routes, conflicts }: Discovery, tableVersion: number): void {
  registry.clear('fastfn_functions');
  for (const { runtime } of functions) registry.add('fastfn_functions', { runtime });
  registry.set('fastfn_routes', {}, routes.filter(({ source }) => source !== 'alias').length);
  registry.set('fastfn_route_conflicts', {}, conflicts.length);
  registry.set('fastfn_route_table_version', {}, tableVersion);
}

function countEvent(registry: Registry, event: StackEvent): void {
  if (event.type === 'reloaded') {
    registry.add('fastfn_reloads_total', { result: 'done' });
    registry.observe('fastfn_reload_duration_seconds', {}, event.ms / 1000);
  } else if (event.type === 'install' && event.state !== 'started') {
    registry.add('fastfn_installs_total', { result: event.state });
    if (event.ms !== undefined) registry.observe('fastfn_install_duration_seconds', {}, event.ms / 1000);
  }
}
