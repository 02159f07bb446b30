'use strict';

const { ContractError } = require('./contract-error.js');
const { escapeNonAscii } = require('./json.js');

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN = /[\r\n\0]/;

/** Values that JSON writes as they are: printable ASCII but `"` and `\`. */
const PLAIN = /^[ !#-[\]-~]*$/;
const MAX_CACHED = 200;

/** Names that have been checked. Handlers use few, nearly always the same ones. */
const checkedNames = new Set();

/** Content types and their line in the head's list. */
const typeLines = new Map();

/** The header lines of a response as the members of the head's JSON list: `"Name","value","Name","value"`. */
class HeaderList {
  json = '';
  /** The Content-Type the handler has set, or undefined. */
  contentType;

  /** Adds a line for each value that `value` stands for (F89). Throws ContractError. */
  add(name, value) {
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) for (const item of value) this.#addOne(name, item);
    else this.#addOne(name, value);
  }

  /** Adds what FastFN sets itself; both are known to be valid ASCII. */
  set(name, value) {
    this.#append(`"${name}","${value}"`);
  }

  has(name) {
    return JSON.parse(`[${this.json}]`).some((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  }

  #addOne(name, value) {
    if (value === null || value === undefined) return;
    const text = valueText(value);
    if (name.length === 12 && name.toLowerCase() === 'content-type') this.#addType(name, text);
    else this.#append(encodeLine(name, text));
  }

  #addType(name, text) {
    this.contentType = text;
    const key = name === 'Content-Type' ? text : null;
    let line = key === null ? undefined : typeLines.get(key);
    if (line === undefined) {
      line = encodeLine(name, text);
      if (key !== null && typeLines.size < MAX_CACHED) typeLines.set(key, line);
    }
    this.#append(line);
  }

  #append(line) {
    this.json = this.json === '' ? line : `${this.json},${line}`;
  }
}

function valueText(value) {
  const type = typeof value;
  if (type === 'string') return value;
  if (type === 'number' || type === 'boolean') return String(value);
  throw new ContractError('a header value is neither a string, a number nor a boolean');
}

function encodeLine(name, text) {
  if (!checkedNames.has(name)) {
    if (!TOKEN.test(name)) throw new ContractError('a header name is not a token (RFC 9110)');
    if (checkedNames.size < MAX_CACHED) checkedNames.add(name);
  }
  if (PLAIN.test(text)) return `"${name}","${text}"`;
  if (FORBIDDEN.test(text)) throw new ContractError('a header value contains CR, LF or NUL');
  // A lone surrogate has no UTF-8 form.
  return `"${name}",${escapeNonAscii(JSON.stringify(text.toWellFormed()))}`;
}

/** The header list of an envelope's `headers`: a map, or what iterates as pairs (Headers, Map). Throws ContractError. */
function encodeHeaders(headers) {
  const list = new HeaderList();
  if (headers === null || headers === undefined) return list;
  if (typeof headers !== 'object' || Array.isArray(headers)) throw new ContractError('headers is not a map');
  if (typeof headers[Symbol.iterator] === 'function') {
    for (const [name, value] of headers) list.add(name, value);
  } else {
    for (const name of Object.keys(headers)) list.add(name, headers[name]);
  }
  return list;
}

module.exports = { HeaderList, encodeHeaders };
