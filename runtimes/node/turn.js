'use strict';

/**
 * Makes a turn of the event loop: first everything that has arrived is read, then waiting handlers begin (`begin`,
 * which returns true to go on in another turn), then `flush` sends all answers in one write per connection. Two
 * immediates in a row give that order: Node runs them after it has polled the sockets, and settles promises between
 * them, so that `async` handlers which wait for nothing answer in the same turn.
 *
 * Returns the function that asks for a turn; asking often costs nothing.
 */
function createTurn(begin, flush) {
  let requested = false;
  let goOn = false;
  const first = () => {
    goOn = begin();
  };
  const second = () => {
    requested = false;
    flush();
    if (goOn) request();
  };
  const request = () => {
    if (requested) return;
    requested = true;
    setImmediate(first);
    setImmediate(second);
  };
  return request;
}

module.exports = { createTurn };
