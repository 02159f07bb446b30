'use strict';

const { ContractError } = require('./contract-error.js');
const { toCsv } = require('./csv.js');
const { toJson } = require('./json.js');
const { HeaderList, encodeHeaders } = require('./response-headers.js');

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json';
const BYTES = 'application/octet-stream';

const HTML_START = /^\s*<(?:!doctype html|html)/i;
const HTML_PART = /<body|<\/html>/i;
const CSV_TYPE = /^\s*text\/csv\s*(?:;|$)/i;
const DIGITS = /^[0-9]+$/;
const NOT_BASE64 = /[^A-Za-z0-9+/]/;
const PADDING = /={1,2}$/;

/** What is sent for a handler's result. */
class Answer {
  /**
   * @param {number} status
   * @param {HeaderList} headers complete, except for the Content-Type of a stream
   * @param {string | Uint8Array | null} body null if `stream` gives it
   */
  constructor(status, headers, body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** Something to iterate for the body (F163). */
  stream = null;
  /** Bytes of the stream, if known. */
  length = null;
  /** Encoded instruction for the gateway (F158), which then ignores the rest. */
  proxy = null;
}

/** Turns any result of a handler into an answer (F88-F94). Throws ContractError (F105). */
function toAnswer(result) {
  if (typeof result === 'string') {
    return typed(200, new HeaderList(), isHtml(result) ? HTML : TEXT, result);
  }
  if (typeof result !== 'object' || result === null) return bodyAnswer(200, new HeaderList(), result);
  if (isFetchResponse(result)) return fetchAnswer(result);
  if (isEnvelope(result) && !isBytes(result) && !isIterable(result)) return envelopeAnswer(result);
  return bodyAnswer(200, new HeaderList(), result);
}

function isHtml(text) {
  return HTML_START.test(text) || HTML_PART.test(text);
}

/** F88: any of these keys makes an envelope, but a word as `status` alone is the user's own data. */
function isEnvelope(result) {
  const has = Object.hasOwn;
  return (
    (has(result, 'status') && !isWord(result.status)) ||
    has(result, 'body') ||
    has(result, 'statusCode') ||
    has(result, 'headers') ||
    has(result, 'is_base64') ||
    has(result, 'isBase64Encoded') ||
    has(result, 'body_base64') ||
    has(result, 'proxy')
  );
}

function isWord(status) {
  return typeof status === 'string' && !DIGITS.test(status);
}

/** F89. A member that is null counts as absent. */
function envelopeAnswer(envelope) {
  if (envelope.proxy !== undefined && envelope.proxy !== null) return proxyAnswer(envelope.proxy);
  const status = statusOf(envelope.status ?? envelope.statusCode ?? 200);
  const headers = encodeHeaders(envelope.headers);
  if ((envelope.is_base64 ?? envelope.isBase64Encoded) === true) {
    return typed(status, headers, BYTES, decodeBase64(envelope.body_base64 ?? envelope.base64 ?? envelope.body));
  }
  return bodyAnswer(status, headers, envelope.body);
}

function statusOf(value) {
  const status = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new ContractError('status is not an integer from 200 to 599');
  }
  return status;
}

function decodeBase64(payload) {
  const text = isBytes(payload) ? toBuffer(payload).latin1Slice() : payload;
  if (typeof text !== 'string') throw new ContractError('is_base64 is set, but there is no base64 string');
  const digits = text.replace(PADDING, '');
  if (NOT_BASE64.test(digits) || digits.length % 4 === 1) throw new ContractError('the body is not valid base64');
  return Buffer.from(digits, 'base64');
}

function proxyAnswer(proxy) {
  if (typeof proxy !== 'object' || Array.isArray(proxy)) throw new ContractError('proxy is not a map');
  const answer = new Answer(200, new HeaderList(), '');
  answer.proxy = toJson(proxy);
  return answer;
}

/** F91: the body by its type. */
function bodyAnswer(status, headers, body) {
  switch (typeof body) {
    case 'string':
    case 'number':
    case 'boolean':
      return typed(status, headers, TEXT, String(body));
    case 'undefined':
      return new Answer(status, headers, '');
    case 'object':
      return body === null ? new Answer(status, headers, '') : objectAnswer(status, headers, body);
    default:
      throw new ContractError(`a ${typeof body} cannot be a body`);
  }
}

function objectAnswer(status, headers, body) {
  if (isBytes(body)) return typed(status, headers, BYTES, toBuffer(body));
  if (isBlob(body)) return streamAnswer(status, withType(headers, BYTES), body.stream(), body.size);
  if (isIterable(body)) return streamAnswer(status, headers, body, null);
  if (headers.contentType !== undefined && CSV_TYPE.test(headers.contentType)) {
    return new Answer(status, headers, toCsv(body));
  }
  return typed(status, headers, JSON_TYPE, toJson(body));
}

/** F164: caches and buffers between here and the client would hold events back. */
function streamAnswer(status, headers, stream, length) {
  if (headers.contentType?.trim().toLowerCase().startsWith('text/event-stream')) {
    if (!headers.has('cache-control')) headers.set('Cache-Control', 'no-cache');
    if (!headers.has('x-accel-buffering')) headers.set('X-Accel-Buffering', 'no');
  }
  const answer = new Answer(status, headers, null);
  answer.stream = stream;
  answer.length = length;
  return answer;
}

/** F93: a fetch Response, every Set-Cookie line of it and its body as it comes. */
function fetchAnswer(response) {
  const status = statusOf(response.status);
  const headers = encodeHeaders(response.headers);
  return response.body === null ? new Answer(status, headers, '') : streamAnswer(status, headers, response.body, null);
}

function typed(status, headers, type, body) {
  return new Answer(status, withType(headers, type), body);
}

function withType(headers, type) {
  if (headers.contentType === undefined) headers.set('Content-Type', type);
  return headers;
}

/** The Content-Type of a stream whose handler set none (F91): it depends on the first chunk. */
function setStreamType(headers, firstChunk) {
  withType(headers, typeof firstChunk === 'string' ? TEXT : BYTES);
}

function isBytes(value) {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

/** The bytes of a Buffer, typed array or ArrayBuffer, not copied. */
function toBuffer(value) {
  return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
}

/** Boxed strings iterate too, but mean a string's JSON. */
function isIterable(value) {
  if (typeof value[Symbol.asyncIterator] === 'function') return true;
  return typeof value[Symbol.iterator] === 'function' && !Array.isArray(value) && !(value instanceof String);
}

// By their tags: touching the global classes would load undici into every worker.
function isFetchResponse(value) {
  return value[Symbol.toStringTag] === 'Response' && typeof value.headers?.getSetCookie === 'function';
}

function isBlob(value) {
  const tag = value[Symbol.toStringTag];
  return (tag === 'Blob' || tag === 'File') && typeof value.stream === 'function' && value.size >= 0;
}

module.exports = { toAnswer, setStreamType, isBytes, toBuffer };
