'use strict';

const { isUtf8 } = require('node:buffer');
const { inspect } = require('node:util');
const { decodeField, parseCookies, parseQuery } = require('./text.js');

const SESSION_COOKIES = ['session_id', 'sessionid', 'sid'];

/**
 * The event (F74) looks like a plain object of the fields below and costs nothing until it is looked at: most handlers
 * read two or three of its nineteen fields. It is a proxy whose target stays empty while fields are only read; anything
 * that depends on the object as a whole (writing, spreading, listing, JSON) fills the target first, and from then on
 * the target is the event. Own getters would serve as well, but defining them costs 0.4 µs each, per request.
 * What a proxy cannot do is pass structuredClone; a spread of it can.
 */
class EventSource {
  #request;
  #filled = false;
  #line;
  #query;
  #headers;
  #cookies;
  #session;
  #client;
  #context;
  #env;
  #text;
  #isBase64;

  /** @param request a Stream (stream.js) whose body is complete */
  constructor(request) {
    this.#request = request;
  }

  // The fields of F74, in its order.
  static FIELDS = {
    __proto__: null,
    id: (source) => source.#request.head.id,
    ts: (source) => Number(source.#request.head.ts),
    method: (source) => source.#requestLine().method,
    path: (source) => decodeField(source.#request.head.path) || source.#requestLine().path,
    raw_path: (source) => source.#requestLine().target,
    query_string: (source) => decodeField(source.#requestLine().queryString),
    query: (source) => source.#queryValues(),
    params: (source) => source.#request.head.params,
    path_params: (source) => source.#request.head.params,
    headers: (source) => source.#headerValues(),
    body: (source) => source.#bodyText(),
    is_base64: (source) => source.#isBinary(),
    body_base64: (source) => (source.#isBinary() ? source.#bodyText() : undefined),
    cookies: (source) => source.#cookieValues(),
    session: (source) => source.#sessionOrNull(),
    client: (source) => source.#clientAddress(),
    auth: (source) => source.#request.head.extra?.auth ?? null,
    version: (source) => source.#request.head.extra?.version ?? source.#request.program.context.version,
    env: (source) => source.#environment(),
    context: (source) => source.#requestContext(),
  };

  // Reachable on every event, but neither listed nor part of its JSON (F84, F103).
  static HIDDEN = {
    __proto__: null,
    raw_body: (source) => source.#request.body ?? Buffer.alloc(0),
    signal: (source) => source.#request.signal,
    toJSON: (source, target) => () => source.#fill(target),
  };

  #requestLine() {
    this.#line ??= this.#request.head.line;
    return this.#line;
  }

  #queryValues() {
    this.#query ??= parseQuery(this.#requestLine().queryString);
    return this.#query;
  }

  #headerValues() {
    this.#headers ??= this.#request.head.parseHeaders();
    return this.#headers;
  }

  #cookieValues() {
    this.#cookies ??= parseCookies(this.#headerValues().cookie ?? '');
    return this.#cookies;
  }

  #sessionOrNull() {
    if (this.#session === undefined) {
      const raw = this.#headerValues().cookie;
      this.#session = raw === undefined ? null : describeSession(raw);
    }
    return this.#session;
  }

  #clientAddress() {
    this.#client ??= { ip: this.#request.head.clientIp, ua: this.#headerValues()['user-agent'] ?? null };
    return this.#client;
  }

  #isBinary() {
    if (this.#isBase64 === undefined) {
      const body = this.#request.body;
      this.#isBase64 = body !== null && !isUtf8(body);
    }
    return this.#isBase64;
  }

  #bodyText() {
    if (this.#text === undefined) {
      const body = this.#request.body;
      this.#text = body === null ? null : this.#isBinary() ? body.base64Slice() : body.utf8Slice();
    }
    return this.#text;
  }

  #environment() {
    this.#env ??= { ...this.#request.program.env };
    return this.#env;
  }

  #requestContext() {
    this.#context ??= describeContext(this.#request);
    return this.#context;
  }

  #fill(target) {
    if (this.#filled) return target;
    this.#filled = true;
    for (const name in EventSource.FIELDS) {
      const value = EventSource.FIELDS[name](this);
      if (value !== undefined) target[name] = value;
    }
    return target;
  }

  // The traps of the proxy.

  get(target, name, receiver) {
    if (!this.#filled) {
      const read = EventSource.FIELDS[name];
      if (read !== undefined) return read(this);
    }
    if (name in EventSource.HIDDEN && !Object.hasOwn(target, name)) return EventSource.HIDDEN[name](this, target);
    return Reflect.get(target, name, receiver);
  }

  has(target, name) {
    return name in this.#fill(target) || name in EventSource.HIDDEN;
  }

  set(target, name, value, receiver) {
    return Reflect.set(this.#fill(target), name, value, receiver);
  }

  ownKeys(target) {
    return Reflect.ownKeys(this.#fill(target));
  }

  getOwnPropertyDescriptor(target, name) {
    return Reflect.getOwnPropertyDescriptor(this.#fill(target), name);
  }

  defineProperty(target, name, descriptor) {
    return Reflect.defineProperty(this.#fill(target), name, descriptor);
  }

  deleteProperty(target, name) {
    return Reflect.deleteProperty(this.#fill(target), name);
  }

  getPrototypeOf(target) {
    // A target that may still grow hides where util.inspect finds its way into the proxy.
    return Object.isExtensible(target) ? Object.prototype : Reflect.getPrototypeOf(target);
  }

  preventExtensions(target) {
    Object.setPrototypeOf(this.#fill(target), Object.prototype);
    return Reflect.preventExtensions(target);
  }
}

// util.inspect (console.log) looks at a proxy's target behind its back, and would show it empty.
const TARGET_PROTOTYPE = Object.create(Object.prototype, {
  [inspect.custom]: {
    value() {
      return { ...this };
    },
  },
});

/** The event of a request whose body is complete. */
function createEvent(request) {
  return new Proxy({ __proto__: TARGET_PROTOTYPE }, new EventSource(request));
}

function describeSession(raw) {
  const cookies = parseCookies(raw);
  const name = SESSION_COOKIES.find((candidate) => Object.hasOwn(cookies, candidate));
  return { id: name === undefined ? null : cookies[name], raw, cookies };
}

function describeContext(request) {
  const { head, program } = request;
  const settings = program.context;
  return {
    request_id: head.id,
    runtime: settings.runtime,
    function_name: settings.function_name,
    version: settings.version,
    timeout_ms: settings.timeout_ms,
    deadline_ms: request.deadlineMs,
    max_concurrency: settings.max_concurrency,
    max_body_bytes: settings.max_body_bytes,
    worker_pool: { ...settings.worker_pool },
    gateway: { worker_pid: Number(head.gatewayPid) },
    debug: { ...settings.debug },
    user: head.extra?.user ?? null,
    trigger: head.extra?.trigger ?? null,
  };
}

module.exports = { createEvent };
