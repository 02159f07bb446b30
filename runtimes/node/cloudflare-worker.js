'use strict';

const { keepForBackground } = require('./background.js');
const { HandlerNotFound, findHandler } = require('./callable.js');
const { createEvent } = require('./event.js');
const { describeError } = require('./failure.js');

/** Headers of the connection to the gateway, not of the request a Workers-style function sees (F109). */
const NOT_PASSED = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'expect', 'keep-alive']);

const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/** F109, cloudflare-worker: `fetch(request, env, ctx)`. */
function cloudflareWorker(exported, name, entry) {
  const handler = findHandler(exported, 'fetch') ?? findHandler(exported, name);
  if (handler === undefined) throw new HandlerNotFound(`${entry}: the cloudflare-worker adapter requires fetch`);
  return (stream) => {
    const event = createEvent(stream);
    return handler(fetchRequest(event), event.env, executionContext(event.id));
  };
}

function fetchRequest(event) {
  const { method, headers } = event;
  const hasBody = method !== 'GET' && method !== 'HEAD' && event.body !== null;
  return new Request(`http://${headers.host ?? 'localhost'}${event.raw_path}`, {
    method,
    headers: fetchHeaders(headers),
    body: hasBody ? event.raw_body : undefined,
    signal: event.signal,
  });
}

function fetchHeaders(headers) {
  const passed = Object.entries(headers).filter(([name]) => !NOT_PASSED.has(name));
  return passed.map(([name, value]) => [name, toByteString(value)]);
}

/** Headers of fetch hold bytes as Latin-1 characters; text beyond that goes back to the bytes it came as. */
function toByteString(value) {
  return BEYOND_LATIN1.test(value) ? Buffer.from(value).latin1Slice() : value;
}

function executionContext(requestId) {
  return {
    requestId,
    waitUntil(promise) {
      keepForBackground(Promise.resolve(promise).catch((error) => console.error(`waitUntil: ${describeError(error)}`)));
    },
    passThroughOnException() {},
  };
}

module.exports = { cloudflareWorker };
