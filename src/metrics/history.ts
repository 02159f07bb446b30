const MINUTE_MS = 60_000;
/** A day. */
export const HISTORY_MINUTES = 1440;
const FIELDS = 3; // requests, errors, milliseconds
/** Durations are kept for so many minutes together: a percentile needs fewer points in time, and classes take more room. */
const SPAN_MINUTES = 5;
const SPANS = HISTORY_MINUTES / SPAN_MINUTES + 1; // a day begins and ends within a span

/** Requests of some time. `durations` counts them by class; it may reach up to four minutes further back than the rest. */
export interface Activity {
  requests: number;
  /** Answered 5xx. */
  errors: number;
  /** Sum of durations. */
  ms: number;
  readonly durations: Float64Array;
}

/** What a function did in the last 24 hours, by minute: about 33 KB, in memory only (P203). */
export class History {
  readonly #minutes = new Uint32Array(HISTORY_MINUTES * FIELDS);
  readonly #classes: number;
  readonly #durations: Uint32Array;
  #latest: number;

  /** `classes`: how many classes of durations there are. */
  constructor(classes: number, nowMs: number) {
    this.#classes = classes;
    this.#durations = new Uint32Array(SPANS * classes);
    this.#latest = Math.floor(nowMs / MINUTE_MS);
  }

  /** Adds requests that have just ended. */
  add(nowMs: number, { requests, errors, ms, durations }: Activity): void {
    this.#advance(nowMs);
    const at = (this.#latest % HISTORY_MINUTES) * FIELDS;
    const minutes = this.#minutes;
    minutes[at]! += requests;
    minutes[at + 1]! += errors;
    minutes[at + 2]! += ms;
    const first = this.#firstClass(this.#latest);
    for (let index = 0; index < this.#classes; index += 1) {
      this.#durations[first + index]! += durations[index] as number;
    }
  }

  /** Everything of the last `minutes`, the current one included. */
  sum(nowMs: number, minutes: number): Activity {
    this.#advance(nowMs);
    const total: Activity = { requests: 0, errors: 0, ms: 0, durations: new Float64Array(this.#classes) };
    const first = this.#latest - minutes + 1;
    for (let minute = first; minute <= this.#latest; minute += 1) {
      const at = (minute % HISTORY_MINUTES) * FIELDS;
      total.requests += this.#minutes[at] as number;
      total.errors += this.#minutes[at + 1] as number;
      total.ms += this.#minutes[at + 2] as number;
    }
    for (let minute = first - (first % SPAN_MINUTES); minute <= this.#latest; minute += SPAN_MINUTES) {
      const at = this.#firstClass(minute);
      for (let index = 0; index < this.#classes; index += 1) {
        total.durations[index]! += this.#durations[at + index] as number;
      }
    }
    return total;
  }

  /** Requests and errors of the last `minutes`, in steps of `stepMinutes`, oldest first. */
  steps(nowMs: number, minutes: number, stepMinutes: number): { requests: number[]; errors: number[] } {
    this.#advance(nowMs);
    const requests = new Array<number>(minutes / stepMinutes).fill(0);
    const errors = new Array<number>(minutes / stepMinutes).fill(0);
    for (let index = 0; index < minutes; index += 1) {
      const at = ((this.#latest - minutes + 1 + index) % HISTORY_MINUTES) * FIELDS;
      const step = Math.floor(index / stepMinutes);
      requests[step]! += this.#minutes[at] as number;
      errors[step]! += this.#minutes[at + 1] as number;
    }
    return { requests, errors };
  }

  #firstClass(minute: number): number {
    return (Math.floor(minute / SPAN_MINUTES) % SPANS) * this.#classes;
  }

  /** Empties what has become a day old. A clock that was set back adds to the latest minute. */
  #advance(nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    for (let next = Math.max(this.#latest + 1, minute - SPANS * SPAN_MINUTES + 1); next <= minute; next += 1) {
      const at = (next % HISTORY_MINUTES) * FIELDS;
      this.#minutes.fill(0, at, at + FIELDS);
      if (next % SPAN_MINUTES === 0) {
        const first = this.#firstClass(next);
        this.#durations.fill(0, first, first + this.#classes);
      }
    }
    this.#latest = Math.max(this.#latest, minute);
  }
}

/** When the oldest of the last `minutes` began, in epoch milliseconds. */
export function windowStart(nowMs: number, minutes: number): number {
  return (Math.floor(nowMs / MINUTE_MS) - minutes + 1) * MINUTE_MS;
}
