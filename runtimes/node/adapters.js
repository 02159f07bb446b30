'use strict';

const { lambda } = require('./aws-lambda.js');
const { cloudflareWorker } = require('./cloudflare-worker.js');
const { createEvent } = require('./event.js');
const { requireHandler } = require('./callable.js');

/**
 * How a function is called (F109). Each adapter takes the module's exports, the handler's name and the entry, and
 * returns the function that answers a stream. Throws if the module exports nothing that can be called.
 */
const ADAPTERS = {
  __proto__: null,
  native,
  'aws-lambda': lambda,
  'cloudflare-worker': cloudflareWorker,
};

/** F70: the event and the route parameters. */
function native(exported, name, entry) {
  const handler = requireHandler(exported, name, entry);
  return (stream) => handler(createEvent(stream), stream.head.params);
}

module.exports = { ADAPTERS };
