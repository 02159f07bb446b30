import * as z from 'zod';
import { endpoint } from '../endpoint.ts';
import type { Platform } from '../platform.ts';
import { OptionalTargetQuery, resolveTarget } from '../target.ts';
import { workerView } from '../views/runtimes.ts';

const DashboardQuery = OptionalTargetQuery.extend({
  window: z.enum(['1h', '24h'], { error: 'invalid window' }).default('24h'),
});

/** What the stack measures of itself (P203-P205). */
export const metricsEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/metrics',
    access: 'read',
    summary: 'Metrics for Prometheus, as OpenMetrics where the Accept header prefers it',
    async handle({ headers, reply }, { platform }) {
      const { contentType, text } = await platform.metrics.render(String(headers.accept ?? ''));
      return reply.type(contentType).send(text);
    },
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/dashboard',
    access: 'read',
    summary: 'Requests, errors and latencies of the last hour or day',
    query: DashboardQuery,
    handle: ({ query }, { platform }) => platform.metrics.dashboard(query.window, functionKey(platform, query)),
  }),
  endpoint({
    method: 'GET',
    path: '/_fn/workers',
    access: 'read',
    summary: 'Worker processes and what they do',
    query: OptionalTargetQuery,
    handle({ query }, { platform }) {
      const key = functionKey(platform, query);
      const workers = platform.workers().filter((worker) => key === undefined || worker.functionKey === key);
      return {
        workers: workers.map(workerView),
      };
    },
  }),
];

/** Key of the function that is meant; undefined where all are. */
function functionKey(platform: Platform, { name, ...rest }: z.output<typeof OptionalTargetQuery>): string | undefined {
  return name === undefined ? undefined : resolveTarget(platform, { name, ...rest }).definition.key;
}
