'use strict';

/** Taken entries are cut off in portions of this many: shift() on an array moves all that follow. */
const PORTION = 1_024;

/** A queue whose ends cost the same however long it is. */
class Fifo {
  #items = [];
  #next = 0;

  get isEmpty() {
    return this.#next === this.#items.length;
  }

  push(item) {
    this.#items.push(item);
  }

  /** The oldest item. Must not be called when the queue is empty. */
  take() {
    const item = this.#items[this.#next++];
    if (this.isEmpty) this.#items = [];
    else if (this.#next === PORTION) this.#items.splice(0, PORTION);
    else return item;
    this.#next = 0;
    return item;
  }
}

module.exports = { Fifo };
