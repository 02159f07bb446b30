'use strict';

const { inspect } = require('node:util');
const { Type } = require('./codec.js');
const { HandlerNotFound } = require('./callable.js');
const { ContractError } = require('./contract-error.js');

/** The longest message or stack that goes into an ERROR frame; the log has it all. */
const MAX_TEXT = 16_384;

const OUR_FRAME = new RegExp(`^\\s+at .*(?:${escapeRegExp(__dirname)}/|node:internal/|node:async_hooks)`);

/** Ends a stream whose handler threw, rejected or returned what the contract does not allow (F100, F105). */
function failStream(stream, error, log) {
  const isContract = error instanceof ContractError;
  const text = isContract ? `invalid runtime response: ${error.message}` : describeError(error);
  log.error(stream.head.id, text);
  const frame = isContract ? { kind: 'contract', message: error.message } : handlerError(error, text);
  stream.connection.outbox.text(Type.ERROR, stream.id, JSON.stringify(frame));
  stream.connection.close(stream);
}

function handlerError(error, text) {
  return { kind: 'handler', message: messageOf(error).slice(0, MAX_TEXT), stack: text.slice(0, MAX_TEXT) };
}

/** An ERROR frame's payload for code that does not load (F67, F101). */
function loadError(error) {
  const missing = error instanceof HandlerNotFound;
  const text = missing ? messageOf(error) : describeError(error);
  return {
    kind: 'load',
    error: missing ? 'handler not found' : 'handler error',
    message: messageOf(error).slice(0, MAX_TEXT),
    stack: text.slice(0, MAX_TEXT),
  };
}

/** An error as Node prints it, causes and all, without the frames of this runtime and of Node below the user's. */
function describeError(error) {
  const lines = readable(() => inspect(error)).split('\n');
  return lines.filter((line) => !OUR_FRAME.test(line)).join('\n');
}

function messageOf(error) {
  return readable(() => (error instanceof Error ? String(error.message) : inspect(error)));
}

/** Looking at what was thrown may run code of the user's, which may throw again. */
function readable(read) {
  try {
    return read();
  } catch {
    return 'an error that cannot be shown';
  }
}

function escapeRegExp(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

module.exports = { failStream, loadError, describeError };
