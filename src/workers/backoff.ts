const FREE_TRIES = 3; // the third failure in a row begins the back-off
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
const HEALTHY_MS = 60_000;

/**
 * When to try again after failures in a row (P100): at once twice, then after 0.25 s, doubling to 8 s. A success ends
 * the row; once waiting has begun, only 60 s of health do.
 */
export class Backoff {
  readonly #now: () => number;
  #failures = 0;
  #retryAt = 0;
  #healthySince: number | null = null;

  /** `now`: a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  failed(): void {
    if (this.#healthySince !== null && this.#now() - this.#healthySince >= HEALTHY_MS) this.#failures = 0;
    this.#healthySince = null;
    this.#failures += 1;
    if (this.#failures < FREE_TRIES) return;
    this.#retryAt = this.#now() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - FREE_TRIES));
  }

  succeeded(): void {
    if (this.#failures < FREE_TRIES) this.#failures = 0;
    else this.#healthySince ??= this.#now();
  }

  /** Milliseconds until the next try is due; 0 = now. */
  get waitMs(): number {
    return Math.max(0, this.#retryAt - this.#now());
  }
}
