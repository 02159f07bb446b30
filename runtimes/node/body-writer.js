'use strict';

const { MAX_BODY_BYTES, Type } = require('./codec.js');

/** Frames of a large body: one bufferful for nginx, and other streams get their turn in between. */
const FRAME_BYTES = 65_536;

/** The body of an answer in BODY frames, no faster than the gateway gives credit for. */
class BodyWriter {
  #stream;
  #credit = MAX_BODY_BYTES;
  /** Wakes a write that waits for credit or for the stream's end. */
  #wake = null;
  /** Called if the stream closes before the body has ended. */
  onAbandon = null;

  constructor(stream) {
    this.#stream = stream;
    stream.onCredit = (bytes) => {
      this.#credit += bytes;
      this.#wake?.();
    };
    stream.onAbandon = () => {
      this.#wake?.();
      this.onAbandon?.();
    };
  }

  /** Whether nobody wants the body any more. */
  get isClosed() {
    return this.#stream.isClosed;
  }

  /** Resolves when all bytes are on their way, or the stream has closed. */
  async write(bytes) {
    const { connection, id } = this.#stream;
    for (let at = 0; at < bytes.length; ) {
      if (this.#credit === 0) await this.#change();
      if (this.isClosed) return;
      const size = Math.min(bytes.length - at, this.#credit, FRAME_BYTES);
      connection.outbox.bytes(Type.BODY, id, bytes.subarray(at, at + size));
      this.#credit -= size;
      at += size;
    }
  }

  /** The body is complete: closes the stream. */
  end() {
    if (this.isClosed) return;
    this.#stream.connection.outbox.empty(Type.END, this.#stream.id);
    this.#stream.connection.close(this.#stream);
  }

  #change() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

module.exports = { BodyWriter };
