'use strict';

/** The longest that work given to `waitUntil` keeps a drained worker alive (F109). */
const LIMIT_MS = 30_000;

const pending = new Set();

/** Work that goes on after the answer. `promise` must not reject. */
function keepForBackground(promise) {
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, LIMIT_MS).unref();
  });
  const entry = Promise.race([promise, limit]).finally(() => {
    clearTimeout(timer);
    pending.delete(entry);
  });
  pending.add(entry);
}

/** Resolves when the background work has ended or used up its time. */
async function backgroundEnd() {
  while (pending.size > 0) await Promise.all(pending);
}

module.exports = { keepForBackground, backgroundEnd };
