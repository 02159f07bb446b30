'use strict';

const { BodyWriter } = require('./body-writer.js');
const { MAX_BODY_BYTES } = require('./codec.js');
const { escapeNonAscii } = require('./json.js');
const { COPY_LIMIT_BYTES } = require('./outbox.js');
const { isBytes, setStreamType, toBuffer } = require('./response.js');
const { ContractError } = require('./contract-error.js');
const { openSource } = require('./source.js');

/** The head of a stream does not wait longer for its first chunk (F164). */
const HEAD_DELAY_MS = 50;

const END = ',"end":true';
const EMPTY = Buffer.alloc(0);

/** Sends an answer and closes the stream: at once, or when its body has gone. Rejects if a stream of chunks fails. */
function sendAnswer(stream, answer) {
  return answer.stream === null ? sendWhole(stream, answer, answer.body) : sendChunks(stream, answer);
}

/** A body that is there. */
function sendWhole(stream, answer, body) {
  // Short text is encoded where it is sent; its bytes cannot exceed the first credit either.
  const content = typeof body === 'string' && body.length > COPY_LIMIT_BYTES ? Buffer.from(body) : body;
  if (content.length > MAX_BODY_BYTES) return sendLarge(stream, answer, content);
  stream.connection.outbox.response(stream.id, headJson(stream, answer, END), content);
  stream.connection.close(stream);
}

/** A body above the first credit. */
async function sendLarge(stream, answer, bytes) {
  const writer = new BodyWriter(stream);
  sendHead(stream, answer, bytes.length);
  await writer.write(bytes);
  writer.end();
}

/**
 * A body that comes in chunks (F163-F165). If it ends in the turn of its first chunk, as most Responses do, it is an
 * answer like any other.
 */
async function sendChunks(stream, answer) {
  const writer = new BodyWriter(stream);
  const source = openSource(answer.stream);
  writer.onAbandon = () => source.cancel();
  try {
    let pending = source.next();
    let item = await within(pending, HEAD_DELAY_MS);
    const first = item === null || item.done ? EMPTY : toBytes(item.value);
    setStreamType(answer.headers, item?.value);
    if (first.length > 0) {
      pending = source.next();
      item = await thisTurn(pending);
    }
    if (writer.isClosed) return;
    if (item?.done) return sendWhole(stream, answer, first);
    sendHead(stream, answer, answer.length);
    await writer.write(first);
    for (item ??= await pending; !item.done && !writer.isClosed; item = await source.next()) {
      await writer.write(toBytes(item.value));
    }
    writer.end();
  } catch (error) {
    if (writer.isClosed) return;
    source.cancel();
    throw error;
  }
}

function sendHead(stream, answer, length) {
  const rest = length === null ? '' : `,"length":${length}`;
  stream.connection.outbox.response(stream.id, headJson(stream, answer, rest), '');
}

/** ASCII only, see Outbox.response. */
function headJson(stream, answer, rest) {
  const proxy = answer.proxy === null ? '' : `,"proxy":${escapeNonAscii(answer.proxy)}`;
  const output = stream.output === null ? '' : shownOutput(stream.output);
  return `{"status":${answer.status},"headers":[${answer.headers.json}]${proxy}${output}${rest}}`;
}

/** What the function has printed, for X-Fn-Stdout and X-Fn-Stderr (F108). */
function shownOutput(output) {
  let members = '';
  for (const name of ['stdout', 'stderr']) {
    const { shown } = output[name];
    if (shown !== null && shown.length > 0) members += `,"${name}":${escapeNonAscii(JSON.stringify(shown.toString()))}`;
  }
  return members;
}

function toBytes(chunk) {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (isBytes(chunk)) return toBuffer(chunk);
  throw new ContractError('a chunk of a stream is neither a string nor bytes');
}

/** What `promise` gives, or null if that takes longer than `ms`. */
async function within(promise, ms) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await orNull(promise, late);
  } finally {
    clearTimeout(timer);
  }
}

/** What `promise` gives, or null if that takes longer than this turn of the event loop. */
function thisTurn(promise) {
  return orNull(promise, new Promise((resolve) => setImmediate(resolve, null)));
}

function orNull(promise, limit) {
  promise.catch(() => {}); // thrown where it is awaited, unless nobody waits any more
  return Promise.race([promise, limit]);
}

module.exports = { sendAnswer };
