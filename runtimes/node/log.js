'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { isUtf8 } = require('node:buffer');
const { Writable } = require('node:stream');
const { Type } = require('./codec.js');

const NEWLINE = 10;

/** A longer line is sent in pieces (docs/protocol.md, LOG). */
const MAX_LINE_BYTES = 16_384;

/** Beyond this much unsent output lines are dropped: a worker never waits for its log. */
const MAX_UNSENT_BYTES = 1_048_576;

/** How much of each stream X-Fn-Stdout and X-Fn-Stderr show (F108). */
const MAX_SHOWN_BYTES = 4_096;

const CONSOLE_LEVELS = { log: 'info', info: 'info', debug: 'debug', warn: 'warn', error: 'error' };

/** The request on whose behalf code runs, across its awaits and callbacks (F106). Holds a Stream. */
const requests = new AsyncLocalStorage();

/** Lines of one output stream of one request (null: of none that is known), made of the pieces that were written. */
class LineBuffer {
  #log;
  #requestId;
  #stream;
  #level;
  /** The beginning of a line that has not ended. */
  #partial = null;
  /** First bytes of the output, kept for the answer's head if `isShown`. */
  shown = null;

  constructor(log, requestId, stream, isShown) {
    this.#log = log;
    this.#requestId = requestId;
    this.#stream = stream;
    if (isShown) this.shown = Buffer.alloc(0);
  }

  write(bytes, level) {
    if (this.shown !== null && this.shown.length < MAX_SHOWN_BYTES) {
      this.shown = Buffer.concat([this.shown, bytes]).subarray(0, MAX_SHOWN_BYTES);
    }
    this.#level = level;
    let rest = this.#partial === null ? bytes : Buffer.concat([this.#partial, bytes]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      this.#emit(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    rest = this.#cutLong(rest);
    // A copy: the caller may use its buffer again.
    this.#partial = rest.length === 0 ? null : Buffer.from(rest);
  }

  /** Sends what has no newline yet. */
  end() {
    if (this.#partial !== null) this.#emit(this.#partial);
    this.#partial = null;
  }

  #emit(line) {
    this.#log.line(this.#requestId, this.#stream, this.#level, this.#cutLong(line), false);
  }

  /** Sends the pieces that `line` is too long for, and returns the last one. */
  #cutLong(line) {
    let rest = line;
    while (rest.length > MAX_LINE_BYTES) {
      const at = cutAt(rest);
      this.#log.line(this.#requestId, this.#stream, this.#level, rest.subarray(0, at), true);
      rest = rest.subarray(at);
    }
    return rest;
  }
}

/** The largest piece that does not end within a UTF-8 sequence. */
function cutAt(bytes) {
  let at = MAX_LINE_BYTES;
  while (at > MAX_LINE_BYTES - 4 && (bytes[at] & 0xc0) === 0x80) at--;
  return at;
}

/** The output of a request: created with its first line. */
class Output {
  constructor(log, requestId, isShown) {
    this.stdout = new LineBuffer(log, requestId, 'stdout', isShown);
    this.stderr = new LineBuffer(log, requestId, 'stderr', isShown);
  }

  end() {
    this.stdout.end();
    this.stderr.end();
  }
}

/** Sends everything the function prints to the supervisor as LOG frames. */
class Log {
  #outbox = null;
  #dropped = 0;
  #level = null;
  #lastFlush = null;
  #unattributed = new Output(this, null, false);

  /** Redirects console and process.stdout/stderr. Must run before any user code. */
  capture() {
    for (const stream of ['stdout', 'stderr']) {
      Object.defineProperty(process, stream, { value: this.#writable(stream), configurable: true, enumerable: true });
    }
    for (const [method, level] of Object.entries(CONSOLE_LEVELS)) this.#addLevel(method, level);
  }

  /** Where frames go: the control connection's outbox. */
  sendTo(outbox) {
    this.#outbox = outbox;
  }

  /** Reports a failure of user code on stderr; the request id may be null. */
  error(requestId, text) {
    new LineBuffer(this, requestId, 'stderr', false).write(Buffer.from(`${text}\n`), 'error');
  }

  /** Ends the log of a request; with CAPTURE the supervisor is told that nothing more follows. */
  endRequest(request) {
    request.output?.end();
    if (request.isCaptured)
      this.#send({ request_id: request.head.id, stream: 'stdout', level: 'info', message: '', last: true });
  }

  /** The process ends. What its own exit listeners print after this one is sent at once: no turn will follow. */
  end(flush) {
    this.#unattributed.end();
    this.#lastFlush = flush;
    flush();
  }

  /** The supervisor has caught up: say what it missed. */
  reportDropped() {
    if (this.#dropped === 0) return;
    const message = `${this.#dropped} lines dropped`;
    this.#dropped = 0;
    this.#send({ request_id: null, stream: 'stderr', level: 'warn', message });
  }

  /** One line, or a piece of one. Bytes that are not UTF-8 are replaced in the text and kept as base64 (P116). */
  line(requestId, stream, level, bytes, continued) {
    const record = { request_id: requestId, stream, level, message: bytes.toString('utf8') };
    if (continued) record.fields = { continued: true };
    if (!isUtf8(bytes)) record.fields = { ...record.fields, base64: bytes.base64Slice() };
    this.#send(record);
  }

  #send(record) {
    if (this.#outbox === null) return;
    if (this.#outbox.unsentBytes > MAX_UNSENT_BYTES) {
      this.#dropped++;
      return;
    }
    this.reportDropped();
    this.#outbox.text(Type.LOG, 0, JSON.stringify(record));
  }

  #outputOf(request) {
    if (request === undefined || request === null) return this.#unattributed;
    request.output ??= new Output(this, request.head.id, request.program.context.debug?.enabled === true);
    return request.output;
  }

  #writable(stream) {
    const writable = new Writable({
      write: (bytes, _encoding, done) => {
        const request = requests.getStore();
        const buffer = this.#outputOf(request)[stream];
        buffer.write(bytes, this.#level ?? (stream === 'stdout' ? 'info' : 'error'));
        if (request?.isClosed || this.#lastFlush !== null) buffer.end();
        this.#lastFlush?.();
        done();
      },
    });
    writable.fd = stream === 'stdout' ? 1 : 2;
    // As Node's own: a function that ends its stdout does not silence those that print later.
    writable.end = (...last) => (last.length > 0 && typeof last[0] !== 'function' ? writable.write(...last) : writable);
    writable.destroy = () => writable;
    return writable;
  }

  /** The console writes synchronously, so its level can be read where the text arrives. */
  #addLevel(method, level) {
    const original = console[method];
    console[method] = (...values) => {
      const outer = this.#level;
      this.#level = level;
      try {
        original(...values);
      } finally {
        this.#level = outer;
      }
    };
  }
}

module.exports = { Log, requests };
