'use strict';

const { isUtf8 } = require('node:buffer');

const NOT_ASCII = /[\x80-\xff]/;
const ENCODED = /[%+\x80-\xff]/;
const ESCAPE = /%([0-9a-fA-F]{2})/g;

/**
 * A request head is read as Latin-1, one character per byte. This gives a field its meaning: UTF-8 if its bytes are
 * valid, else the Latin-1 code points they stand for (F77, F79).
 */
function decodeField(raw) {
  if (!NOT_ASCII.test(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  return isUtf8(bytes) ? bytes.utf8Slice() : raw;
}

/** One name or value of a query: `+` is a space, an invalid `%` stays as it is (F77). */
function decodeQueryText(raw) {
  if (!ENCODED.test(raw)) return raw;
  const bytes = raw.replaceAll('+', ' ').replace(ESCAPE, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeField(bytes);
}

/** Sets an own member whatever its name; `__proto__` would otherwise change the prototype. */
function setMember(object, name, value) {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

/** F77: one occurrence is a string, several are an array of strings in order. */
function parseQuery(queryString) {
  const query = {};
  if (queryString === '') return query;
  for (const piece of queryString.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = decodeQueryText(equals < 0 ? piece : piece.slice(0, equals));
    const value = equals < 0 ? '' : decodeQueryText(piece.slice(equals + 1));
    if (!Object.hasOwn(query, name)) setMember(query, name, value);
    else if (typeof query[name] === 'string') setMember(query, name, [query[name], value]);
    else query[name].push(value);
  }
  return query;
}

/** F81: no decoding, the last of equal names wins, entries without `=` are ignored. */
function parseCookies(header) {
  const cookies = {};
  for (const entry of header.split(';')) {
    const equals = entry.indexOf('=');
    if (equals >= 0) setMember(cookies, trimBlanks(entry, 0, equals), trimBlanks(entry, equals + 1, entry.length));
  }
  return cookies;
}

/** F80: what concerns one hop, and the key of the admin API. */
const NOT_FORWARDED = new Set([
  'x-fn-admin-token',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authorization',
  'proxy-connection',
]);

/**
 * Spelling of a header name -> the name of the member, null if it is not forwarded. Clients use few spellings, and a
 * hit spares a new string, its hash and a second look-up per header and request.
 */
const memberNames = new Map();
const MAX_CACHED_NAMES = 1_000;

function memberName(spelling) {
  const known = memberNames.get(spelling);
  if (known !== undefined) return known;
  // A copy: a slice would keep the whole head it was cut from.
  const own = Buffer.from(spelling, 'latin1').latin1Slice();
  // As a key, because V8 keeps those unique: finding the member is then a comparison of addresses.
  const [lower] = Object.keys({ [own.toLowerCase()]: true });
  const name = NOT_FORWARDED.has(lower) ? null : lower;
  if (memberNames.size < MAX_CACHED_NAMES) memberNames.set(own, name);
  return name;
}

/** Headers of the event (F79, F80) from the header lines of `text`, which begin at `at`. */
function parseHeaders(text, at, isAscii) {
  const headers = {};
  let connection = '';
  let start = at;
  for (let end = text.indexOf('\n', start); end > start; end = text.indexOf('\n', start)) {
    const last = text.charCodeAt(end - 1) === 13 ? end - 1 : end;
    const colon = text.indexOf(':', start);
    if (last === start) break;
    if (colon >= 0 && colon < last) {
      const spelling = text.slice(start, colon);
      const raw = trimBlanks(text, colon + 1, last);
      const name = memberName(spelling);
      if (name !== null) addHeader(headers, name, isAscii ? raw : decodeField(raw));
      else if (raw !== 'keep-alive' && spelling.toLowerCase() === 'connection') connection += `,${raw}`;
    }
    start = end + 1;
  }
  if (connection !== '') dropNamed(headers, connection);
  return headers;
}

/** Repeated lines are joined (F79). Values are strings, so anything else found there is inherited. */
function addHeader(headers, name, value) {
  const known = headers[name];
  if (known === undefined) headers[name] = value;
  else if (typeof known === 'string') headers[name] = known + (name === 'cookie' ? '; ' : ', ') + value;
  else setMember(headers, name, Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value);
}

function trimBlanks(text, from, to) {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code) {
  return code === 32 || code === 9;
}

/** A header that Connection names belongs to this hop (RFC 9110 section 7.6.1). */
function dropNamed(headers, connection) {
  for (const name of connection.split(',')) delete headers[trimBlanks(name, 0, name.length).toLowerCase()];
}

module.exports = { decodeField, parseQuery, parseCookies, parseHeaders, setMember };
