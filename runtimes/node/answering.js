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

/** Sends an answer and closes the stream: at once, or when its body has gone. Rejects if a stream of chunks fails. */
function sendAnswer(stream, answer) {
  if (answer.stream !== null) return sendChunks(stream, answer);
  // Short text is encoded where it is sent; its bytes cannot exceed the first credit either.
  const isLong = typeof answer.body === 'string' && answer.body.length > COPY_LIMIT_BYTES;
  const body = isLong ? Buffer.from(answer.body) : answer.body;
  if (body.length > MAX_BODY_BYTES) return sendLarge(stream, answer, body);
  stream.connection.outbox.response(stream.id, headJson(stream, answer, END), body);
  stream.connection.close(stream);
}

/** A body above the first credit, of known length. */
async function sendLarge(stream, answer, body) {
  const writer = new BodyWriter(stream);
  sendHead(stream, answer, body.length);
  await writer.write(body);
  writer.end();
}

/** A body that comes in chunks (F163-F165). */
async function sendChunks(stream, answer) {
  const writer = new BodyWriter(stream);
  const source = openSource(answer.stream);
  writer.onAbandon = () => source.cancel();
  try {
    const first = source.next();
    first.catch(() => {}); // thrown where it is awaited, unless nobody waits any more
    const early = await within(first, HEAD_DELAY_MS);
    if (writer.isClosed) return;
    const chunk = early === null || early.done ? null : toBytes(early.value);
    setStreamType(answer.headers, chunk === null ? null : early.value);
    sendHead(stream, answer, answer.length);
    if (chunk !== null) await writer.write(chunk);
    let item = chunk === null ? await first : await source.next();
    for (; !item.done && !writer.isClosed; item = await source.next()) await writer.write(toBytes(item.value));
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
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { sendAnswer };
