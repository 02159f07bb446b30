/**
 * One change of the project's files after another, in the order in which they were asked for: what a change finds on disk
 * (If-Match, whether a function exists) still holds when it writes (P165).
 */
export class ChangeQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `change` when those before it have ended, one way or the other. */
  run<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
