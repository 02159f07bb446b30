'use strict';

/**
 * One way to read whatever a handler may stream (F163): `next()` gives `{done, value}` or a promise of it, `cancel()`
 * releases what the stream holds and runs the generator's `finally` (F165), also while a `next()` is pending.
 */
function openSource(value) {
  if (typeof value.getReader === 'function') return openReadableStream(value);
  const iterator = value[Symbol.asyncIterator]?.() ?? value[Symbol.iterator]();
  const cancel = typeof value.destroy === 'function' ? () => value.destroy() : () => iterator.return?.();
  return { next: async () => iterator.next(), cancel: quietly(cancel) };
}

function openReadableStream(stream) {
  const reader = stream.getReader();
  return { next: () => reader.read(), cancel: quietly(() => reader.cancel()) };
}

/** Nobody is left to hear of a failure while an abandoned stream ends. */
function quietly(cancel) {
  return async () => {
    try {
      await cancel();
    } catch {}
  };
}

module.exports = { openSource };
