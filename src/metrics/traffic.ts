import type { GatewayCounts, RequestCounts } from '../gateway/counts.ts';
import { boundsOf } from './families.ts';
import { type Activity, History } from './history.ts';
import type { Distribution, Registry, Series } from './registry.ts';

/** Functions beyond these share one label: every function costs a stored series in whoever scrapes (P217). */
const MAX_FUNCTIONS = 1000;
const OTHER_FUNCTIONS = '_other';

const BOUNDS = boundsOf('fastfn_http_request_duration_seconds');
/** By what openresty/metrics.lua calls the classes. */
const CLASSES = new Map([
  ...BOUNDS.map((seconds, at) => [String(seconds * 1000), at] as const),
  ['slower', BOUNDS.length],
]);

/** Where a function's requests are counted: looked up once, because every active function reports twice a second. */
interface Counted {
  readonly function: string;
  readonly runtime: string;
  readonly durations: Distribution;
  /** Series of `GET 200` and the like. */
  readonly answers: Map<string, Series>;
  /** Null where no function was found. */
  readonly history: History | null;
}

/** Takes what the nginx workers have counted into the metrics, and into the history of each function. */
export class Traffic {
  readonly #registry: Registry;
  readonly #now: () => number;
  readonly #counted = new Map<string, Counted>();
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
    const counted = this.#countedOf(key);
    const activity: Activity = { requests: 0, errors: 0, ms: counts.ms, durations: classify(counts.durations) };
    for (const [answer, count] of Object.entries(counts.answers)) {
      this.#answersOf(counted, answer).value += count;
      activity.requests += count;
      if (isError(answer)) activity.errors += count;
    }
    this.#registry.add('fastfn_http_request_bytes_total', {}, counts.received);
    this.#registry.add('fastfn_http_response_bytes_total', {}, counts.sent);
    counted.durations.sum += counts.ms / 1000;
    for (let at = 0; at <= BOUNDS.length; at += 1) counted.durations.counts[at]! += activity.durations[at] as number;
    this.#all.add(this.#now(), activity);
    counted.history?.add(this.#now(), activity);
  }

  #answersOf(counted: Counted, answer: string): Series {
    let series = counted.answers.get(answer);
    if (series === undefined) {
      const [method = '', code = ''] = answer.split(' ');
      const labels = { function: counted.function, runtime: counted.runtime, method, code };
      series = this.#registry.series('fastfn_http_requests_total', labels);
      counted.answers.set(answer, series);
    }
    return series;
  }

  /** The first thousand functions that are called have a label of their own, for good. */
  #countedOf(key: string): Counted {
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    const runtime = key.slice(0, Math.max(0, key.indexOf('/')));
    if (key === '' || this.#histories.size < MAX_FUNCTIONS) return this.#newCounted(key, key, runtime);
    const others = `${OTHER_FUNCTIONS} ${runtime}`; // no function has a key like this
    return this.#counted.get(others) ?? this.#newCounted(others, OTHER_FUNCTIONS, runtime);
  }

  #newCounted(key: string, label: string, runtime: string): Counted {
    const { distribution } = this.#registry.series('fastfn_http_request_duration_seconds', { function: label });
    const counted: Counted = {
      function: label,
      runtime,
      durations: distribution as Distribution,
      answers: new Map(),
      history: label === '' ? null : this.#historyOf(label),
    };
    this.#counted.set(key, counted);
    return counted;
  }

  #historyOf(label: string): History {
    let history = this.#histories.get(label);
    if (history === undefined) {
      history = new History(BOUNDS.length + 1, this.#now());
      this.#histories.set(label, history);
    }
    return history;
  }
}

function isError(answer: string): boolean {
  return answer.charAt(answer.length - 3) === '5';
}

/** Counts by class; one that is not among ours counts in the next wider class. */
function classify(durations: Readonly<Record<string, number>>): Float64Array {
  const classes = new Float64Array(BOUNDS.length + 1);
  for (const [upperMs, count] of Object.entries(durations)) {
    classes[CLASSES.get(upperMs) ?? nextWider(Number(upperMs))]! += count;
  }
  return classes;
}

function nextWider(upperMs: number): number {
  const at = BOUNDS.findIndex((bound) => upperMs <= bound * 1000);
  return at === -1 ? BOUNDS.length : at;
}
