'use strict';

const { HEADER_BYTES, Type, writeHeader, writeU32 } = require('./codec.js');

/** What the answers of one event-loop turn usually need; also the size libuv reads with. */
const CHUNK_BYTES = 65_536;

/** Byte strings above this are handed to the socket as they are: copying them costs more than one more iovec. */
const COPY_LIMIT_BYTES = 16_384;

/** A UTF-16 code unit takes at most three bytes of UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * Frames on their way to one socket. They are encoded straight into a buffer that is written once per turn of the
 * event loop: at 64 requests at once this is one system call for all their answers.
 */
class Outbox {
  #socket;
  #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #start = 0;
  #used = 0;
  #parts = [];
  #partBytes = 0;
  #isEmpty = true;
  #onFirst;

  /**
   * @param {import('node:net').Socket} socket
   * @param {(outbox: Outbox) => void} onFirst called with the first frame after a flush: asks for the next one
   */
  constructor(socket, onFirst) {
    this.#socket = socket;
    this.#onFirst = onFirst;
  }

  /** Bytes the kernel has not taken yet. */
  get unsentBytes() {
    return this.#socket.writableLength + this.#partBytes + this.#used - this.#start;
  }

  /** A frame whose payload is text, usually JSON. */
  text(type, streamId, text) {
    const at = this.#reserve(HEADER_BYTES + text.length * MAX_BYTES_PER_UNIT);
    const length = this.#buffer.utf8Write(text, at + HEADER_BYTES);
    writeHeader(this.#buffer, at, length, type, streamId);
    this.#used = at + HEADER_BYTES + length;
  }

  /** A frame without payload. */
  empty(type, streamId) {
    const at = this.#reserve(HEADER_BYTES);
    writeHeader(this.#buffer, at, 0, type, streamId);
    this.#used = at + HEADER_BYTES;
  }

  /** A frame whose payload is bytes; large ones are not copied and must not change any more. */
  bytes(type, streamId, bytes) {
    const at = this.#reserve(HEADER_BYTES);
    writeHeader(this.#buffer, at, bytes.length, type, streamId);
    this.#used = at + HEADER_BYTES;
    this.#append(bytes);
  }

  /** WINDOW: `credit` more bytes of the request body may come. */
  window(streamId, credit) {
    const at = this.#reserve(HEADER_BYTES + 4);
    writeHeader(this.#buffer, at, 4, Type.WINDOW, streamId);
    writeU32(this.#buffer, at + HEADER_BYTES, credit);
    this.#used = at + HEADER_BYTES + 4;
  }

  /**
   * RESPONSE with its (first) body bytes. `head` is ASCII, so its length in bytes is known before it is encoded, and a
   * short text body is encoded together with it.
   */
  response(streamId, head, body) {
    const isText = typeof body === 'string';
    const text = isText ? head + body : head;
    const at = this.#reserve(HEADER_BYTES + 4 + text.length * MAX_BYTES_PER_UNIT);
    const written = this.#buffer.utf8Write(text, at + HEADER_BYTES + 4);
    const length = 4 + written + (isText ? 0 : body.length);
    writeHeader(this.#buffer, at, length, Type.RESPONSE, streamId);
    writeU32(this.#buffer, at + HEADER_BYTES, head.length);
    this.#used = at + HEADER_BYTES + 4 + written;
    if (!isText && body.length > 0) this.#append(body);
  }

  /** Hands all frames to the socket. */
  flush() {
    this.#isEmpty = true;
    if (this.#parts.length > 0) this.#writeParts();
    else if (this.#used > this.#start) this.#socket.write(this.#buffer.subarray(this.#start, this.#used));
    else return;
    // The kernel took everything at once, nearly always: then nobody reads this buffer any more.
    if (this.#socket.writableLength === 0) this.#used = 0;
    this.#start = this.#used;
  }

  #writeParts() {
    this.#seal();
    this.#socket.cork();
    for (const part of this.#parts) this.#socket.write(part);
    this.#socket.uncork();
    this.#parts = [];
    this.#partBytes = 0;
  }

  #append(bytes) {
    if (bytes.length > COPY_LIMIT_BYTES) {
      this.#seal();
      this.#parts.push(bytes);
      this.#partBytes += bytes.length;
    } else {
      const at = this.#reserve(bytes.length);
      this.#buffer.set(bytes, at);
      this.#used = at + bytes.length;
    }
  }

  /** Moves what the buffer holds into the list of parts, so that a byte string can follow it. */
  #seal() {
    if (this.#used === this.#start) return;
    this.#parts.push(this.#buffer.subarray(this.#start, this.#used));
    this.#partBytes += this.#used - this.#start;
    this.#start = this.#used;
  }

  /** Makes room for `bytes` and returns where they go. */
  #reserve(bytes) {
    if (this.#isEmpty) {
      this.#isEmpty = false;
      this.#onFirst(this);
    }
    if (this.#buffer.length - this.#used < bytes) {
      this.#seal();
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
      this.#start = 0;
      this.#used = 0;
    }
    return this.#used;
  }
}

module.exports = { Outbox, COPY_LIMIT_BYTES };
