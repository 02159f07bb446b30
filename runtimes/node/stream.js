'use strict';

const { Flag, MAX_BODY_BYTES, ProtocolError, Type } = require('./codec.js');
const { requests } = require('./log.js');

/** Credit goes back in portions: often enough to keep a body flowing, seldom enough to cost nothing. */
const CREDIT_PORTION_BYTES = MAX_BODY_BYTES / 2;

const State = Object.freeze({ RECEIVING: 0, WAITING: 1, RUNNING: 2, CLOSED: 3 });

/** One request on a connection, from REQUEST to the frame that closes it. */
class Stream {
  state = State.RECEIVING;
  /** The request's bytes once it is complete, null if there are none. */
  body = null;
  /** Lines printed so far (log.js), null until there is one. */
  output = null;
  /** Set by the answer that is being sent: called if the stream closes before its end. */
  onAbandon = null;
  /** Set by the answer that is being sent: takes credit for its body. */
  onCredit = null;

  #parts = [];
  #credit = MAX_BODY_BYTES;
  #consumed = 0;
  #controller = null;
  #isCancelled = false;
  #begunMs = 0;

  /**
   * @param connection the Connection it came by
   * @param {number} id
   * @param {number} flags of its REQUEST
   * @param {import('./request-head.js').RequestHead} head
   * @param program what the worker serves (handler.js)
   */
  constructor(connection, id, flags, head, program) {
    this.connection = connection;
    this.id = id;
    this.head = head;
    this.program = program;
    this.isAnnounced = (flags & Flag.ANNOUNCE) !== 0;
    this.isCaptured = (flags & Flag.CAPTURE) !== 0;
  }

  get isClosed() {
    return this.state === State.CLOSED;
  }

  /** `event.signal`: aborts when the client has gone or the deadline has passed (F103). */
  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#isCancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Takes a piece of the body. Throws ProtocolError. */
  receive(bytes) {
    if (this.state !== State.RECEIVING || bytes.length === 0) return;
    this.#credit -= bytes.length;
    if (this.#credit < 0) throw new ProtocolError('more body bytes than credit');
    this.#parts.push(bytes);
    this.#consumed += bytes.length;
    if (this.#consumed < CREDIT_PORTION_BYTES) return;
    this.connection.outbox.window(this.id, this.#consumed);
    this.#credit += this.#consumed;
    this.#consumed = 0;
  }

  /** The body is complete. Returns false if it was before. */
  complete() {
    if (this.state !== State.RECEIVING) return false;
    this.state = State.WAITING;
    if (this.#parts.length > 0) this.body = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = null;
    return true;
  }

  /** The handler begins now. */
  begin() {
    this.state = State.RUNNING;
    if (this.isAnnounced) this.#begunMs = Date.now();
  }

  /** Epoch milliseconds at which the gateway gives up: a request that waited has its whole timeout from its beginning. */
  get deadlineMs() {
    return (this.#begunMs || Number(this.head.ts)) + this.program.context.timeout_ms;
  }

  /** CANCEL: nothing more of an answer is sent. */
  cancel() {
    if (this.isClosed) return;
    this.connection.outbox.empty(Type.END, this.id);
    this.abandon();
  }

  /** Closes the stream because nobody waits for its answer any more, and tells the handler. */
  abandon() {
    if (this.isClosed) return;
    this.#isCancelled = true;
    this.connection.close(this);
    this.onAbandon?.();
    if (this.#controller !== null) requests.run(this, () => this.#controller.abort());
  }
}

module.exports = { Stream, State };
