'use strict';

const { isAscii } = require('node:buffer');
const { ProtocolError } = require('./codec.js');
const { decodeField, parseHeaders, setMember } = require('./text.js');

/**
 * The head of a request in raw form (docs/protocol.md). What every request needs is cut here; the request line and the
 * headers wait until somebody asks.
 */
class RequestHead {
  /** Where the request line begins in `text`. */
  #lineAt;
  #line;
  #bytes;
  #text;

  /** @param {Buffer} bytes the head and nothing else. Throws ProtocolError. */
  constructor(bytes) {
    const text = bytes.latin1Slice(0, bytes.length);
    this.#bytes = bytes;
    this.#text = text;
    const idEnd = fieldEnd(text, 0);
    const tsEnd = fieldEnd(text, idEnd + 1);
    const pidEnd = fieldEnd(text, tsEnd + 1);
    const ipEnd = fieldEnd(text, pidEnd + 1);
    const pathEnd = fieldEnd(text, ipEnd + 1);
    const extraEnd = fieldEnd(text, pathEnd + 1);
    const countEnd = fieldEnd(text, extraEnd + 1);
    this.id = text.slice(0, idEnd);
    this.ts = text.slice(idEnd + 1, tsEnd);
    this.gatewayPid = text.slice(tsEnd + 1, pidEnd);
    this.clientIp = text.slice(pidEnd + 1, ipEnd);
    this.path = text.slice(ipEnd + 1, pathEnd);
    this.extra = extraEnd === pathEnd + 1 ? null : parseExtra(text.slice(pathEnd + 1, extraEnd));
    this.params = {};
    this.#lineAt = countEnd + 1;
    for (let left = Number(text.slice(extraEnd + 1, countEnd)); left > 0; left--) this.#cutParam();
  }

  #cutParam() {
    const nameEnd = fieldEnd(this.#text, this.#lineAt);
    const valueEnd = fieldEnd(this.#text, nameEnd + 1);
    const name = this.#text.slice(this.#lineAt, nameEnd);
    setMember(this.params, decodeField(name), decodeField(this.#text.slice(nameEnd + 1, valueEnd)));
    this.#lineAt = valueEnd + 1;
  }

  /** Method, target and query of the request line, and where the header lines begin. */
  get line() {
    this.#line ??= parseRequestLine(this.#text, this.#lineAt);
    return this.#line;
  }

  /** A new object of the headers (F79, F80). */
  parseHeaders() {
    return parseHeaders(this.#text, this.line.headersAt, isAscii(this.#bytes));
  }
}

function fieldEnd(text, from) {
  const at = text.indexOf('\0', from);
  if (at < 0) throw new ProtocolError('a request head ends within its fields');
  return at;
}

function parseExtra(text) {
  try {
    return JSON.parse(Buffer.from(text, 'latin1').utf8Slice());
  } catch {
    throw new ProtocolError('the extra field of a request head is not JSON');
  }
}

function parseRequestLine(text, at) {
  const newline = text.indexOf('\n', at);
  if (newline < 0) throw new ProtocolError('a request head has no request line');
  const methodEnd = text.indexOf(' ', at);
  const targetEnd = text.lastIndexOf(' ', newline);
  const target = originForm(text.slice(methodEnd + 1, targetEnd));
  const question = target.indexOf('?');
  return {
    method: text.slice(at, methodEnd),
    target: decodeField(target),
    path: decodeField(question < 0 ? target : target.slice(0, question)),
    queryString: question < 0 ? '' : target.slice(question + 1),
    protocol: text.slice(targetEnd + 1, newline).trimEnd(),
    headersAt: newline + 1,
  };
}

/** Path and query of the target: of an absolute-form one too, and never a fragment. */
function originForm(target) {
  let origin = target;
  if (!target.startsWith('/')) {
    const scheme = target.indexOf('://');
    if (scheme > 0) {
      const slash = target.slice(scheme + 3).search(/[/?]/);
      origin = slash < 0 ? '/' : target.slice(scheme + 3 + slash);
      if (origin.startsWith('?')) origin = `/${origin}`;
    }
  }
  const hash = origin.indexOf('#');
  return hash < 0 ? origin : origin.slice(0, hash);
}

module.exports = { RequestHead };
