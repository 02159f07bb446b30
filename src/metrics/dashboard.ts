import { boundsOf } from './families.ts';
import { type Activity, HISTORY_MINUTES, type History, windowStart } from './history.ts';
import { percentile } from './percentile.ts';
import type { Traffic } from './traffic.ts';

const BOUNDS_MS = boundsOf('fastfn_http_request_duration_seconds').map((seconds) => seconds * 1000);

/** Windows of P203: how far back, and the steps of their charts. */
const WINDOWS = {
  '1h': { minutes: 60, stepMinutes: 1 },
  '24h': { minutes: HISTORY_MINUTES, stepMinutes: 15 },
} as const;
export type DashboardWindow = keyof typeof WINDOWS;

/** One value per step; labels tell when each step began (RFC 3339). */
export interface Chart {
  readonly labels: readonly string[];
  readonly data: readonly number[];
}

/** P203. The figures are those of the window that was asked for, whatever their names say. */
export interface Dashboard {
  readonly requests_24h: number;
  /** Answered 5xx. */
  readonly errors_24h: number;
  readonly avg_latency_ms: number;
  readonly p95_latency_ms: number;
  readonly invocations_chart: Chart;
  readonly errors_chart: Chart;
  /** Functions that were called in the window, most requests first. */
  readonly by_function: readonly {
    readonly key: string;
    readonly requests: number;
    readonly errors: number;
    readonly avg_ms: number;
    readonly p95_ms: number;
  }[];
}

/** Sums up the window for all requests, or for those of one function. */
export function dashboardOf(traffic: Traffic, nowMs: number, window: DashboardWindow, functionKey?: string): Dashboard {
  const { minutes, stepMinutes } = WINDOWS[window];
  const history = functionKey === undefined ? traffic.all : traffic.histories.get(functionKey);
  const total = history?.sum(nowMs, minutes);
  const steps = history?.steps(nowMs, minutes, stepMinutes);
  const labels = Array.from({ length: minutes / stepMinutes }, (_, step) =>
    new Date(windowStart(nowMs, minutes) + step * stepMinutes * 60_000).toISOString(),
  );
  const nothing = labels.map(() => 0);
  return {
    requests_24h: total?.requests ?? 0,
    errors_24h: total?.errors ?? 0,
    avg_latency_ms: total ? average(total) : 0,
    p95_latency_ms: total ? p95(total) : 0,
    invocations_chart: { labels, data: steps?.requests ?? nothing },
    errors_chart: { labels, data: steps?.errors ?? nothing },
    by_function: byFunction(traffic.histories, nowMs, minutes, functionKey),
  };
}

function byFunction(histories: ReadonlyMap<string, History>, nowMs: number, minutes: number, only?: string) {
  return [...histories]
    .filter(([key]) => only === undefined || key === only)
    .map(([key, history]) => ({ key, activity: history.sum(nowMs, minutes) }))
    .filter(({ activity }) => activity.requests > 0)
    .sort((one, other) => other.activity.requests - one.activity.requests)
    .map(({ key, activity }) => ({
      key,
      requests: activity.requests,
      errors: activity.errors,
      avg_ms: average(activity),
      p95_ms: p95(activity),
    }));
}

function average({ ms, requests }: Activity): number {
  return requests === 0 ? 0 : tenths(ms / requests);
}

function p95({ durations, requests }: Activity): number {
  return requests === 0 ? 0 : tenths(percentile(durations, BOUNDS_MS, 0.95));
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
