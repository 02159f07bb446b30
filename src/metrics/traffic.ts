import type { GatewayCounts, RequestCounts } from '../gateway/counts.ts';
import { boundsOf } from './families.ts';
import { type Activity, History } from './history.ts';
import type { Registry } from './registry.ts';

/** Functions beyond these share one label: every function costs a stored series in whoever scrapes (P217). */
const MAX_FUNCTIONS = 1000;
const OTHER_FUNCTIONS = '_other';

const BOUNDS = boundsOf('fastfn_http_request_duration_seconds');

/** Takes what the nginx workers have counted into the metrics, and into the history of each function. */
export class Traffic {
  readonly #registry: Registry;
  readonly #now: () => number;
  readonly #labels = new Set<string>();
  readonly #histories = new Map<string, History>();
  readonly #all: History;

  /** `now` in epoch milliseconds. */
  constructor(registry: Registry, now: () => number) {
    this.#registry = registry;
    this.#now = now;
    this.#all = new History(BOUNDS.length + 1, now());
  }

  /** All requests, also those without a function. */
  get all(): History {
    return this.#all;
  }

  /** By function key; only functions that were called. */
  get histories(): ReadonlyMap<string, History> {
    return this.#histories;
  }

  add(counts: GatewayCounts): void {
    const registry = this.#registry;
    for (const [key, requests] of Object.entries(counts.functions)) this.#addRequests(key, requests);
    for (const [reason, count] of Object.entries(counts.rejected)) {
      registry.add('fastfn_rejected_total', { reason }, count);
    }
    for (const [kind, count] of Object.entries(counts.auth_failures)) {
      registry.add('fastfn_auth_failures_total', { kind }, count);
    }
    registry.add('fastfn_cold_starts_total', {}, counts.cold_starts);
  }

  #addRequests(key: string, counts: RequestCounts): void {
    const registry = this.#registry;
    const label = this.#labelOf(key);
    const activity: Activity = { requests: 0, errors: 0, ms: counts.ms, durations: classify(counts.durations) };
    for (const [answer, count] of Object.entries(counts.answers)) {
      const [method = '', code = ''] = answer.split(' ');
      registry.add('fastfn_http_requests_total', { function: label, runtime: runtimeOf(key), method, code }, count);
      activity.requests += count;
      if (code >= '500') activity.errors += count;
    }
    registry.add('fastfn_http_request_bytes_total', {}, counts.received);
    registry.add('fastfn_http_response_bytes_total', {}, counts.sent);
    const distribution = registry.distribution('fastfn_http_request_duration_seconds', { function: label });
    distribution.sum += counts.ms / 1000;
    for (const [index, count] of activity.durations.entries()) distribution.counts[index]! += count;
    this.#remember(label, activity);
  }

  #remember(label: string, activity: Activity): void {
    const now = this.#now();
    this.#all.add(now, activity);
    if (label === '') return;
    let history = this.#histories.get(label);
    if (history === undefined) {
      history = new History(BOUNDS.length + 1, now);
      this.#histories.set(label, history);
    }
    history.add(now, activity);
  }

  /** The first thousand that are called have a label of their own, for good. */
  #labelOf(key: string): string {
    if (key === '' || this.#labels.has(key)) return key;
    if (this.#labels.size >= MAX_FUNCTIONS) return OTHER_FUNCTIONS;
    this.#labels.add(key);
    return key;
  }
}

/** Counts by class; one whose upper end is not among ours counts in the next wider class. */
function classify(durations: Readonly<Record<string, number>>): Float64Array {
  const classes = new Float64Array(BOUNDS.length + 1);
  for (const [upperMs, count] of Object.entries(durations)) {
    const at = BOUNDS.findIndex((bound) => Number(upperMs) <= bound * 1000);
    classes[at === -1 ? BOUNDS.length : at]! += count;
  }
  return classes;
}

function runtimeOf(functionKey: string): string {
  const slash = functionKey.indexOf('/');
  return slash === -1 ? '' : functionKey.slice(0, slash);
}
