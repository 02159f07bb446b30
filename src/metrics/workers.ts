import type { PoolStats } from '../workers/stats.ts';
import type { Registry } from './registry.ts';

/** Takes the pool's figures as they are now. */
export function measureWorkers(registry: Registry, { workers, starts, exits }: PoolStats): void {
  registry.clear('fastfn_workers');
  for (const { runtime, state } of workers) registry.add('fastfn_workers', { runtime, state });
  for (const [reason, count] of Object.entries(starts)) registry.set('fastfn_worker_starts_total', { reason }, count);
  for (const [reason, count] of Object.entries(exits)) registry.set('fastfn_worker_exits_total', { reason }, count);
  registry.set(
    'fastfn_worker_rss_bytes',
    {},
    workers.reduce((sum, { rssBytes }) => sum + (rssBytes ?? 0), 0),
  );
}
