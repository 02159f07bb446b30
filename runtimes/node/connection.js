'use strict';

const { Flag, FrameReader, MAX_BODY_BYTES, MAX_STREAM_ID, ProtocolError, Type, readU32 } = require('./codec.js');
const { Outbox } = require('./outbox.js');
const { RequestHead } = require('./request-head.js');
const { State, Stream } = require('./stream.js');

/** Payload of a REQUEST before its head: flags and the head's length. */
const REQUEST_PREFIX_BYTES = 5;

/** One peer: reads its frames, keeps its open streams, sends its answers. */
class Connection {
  /** Open streams by id. */
  #streams = new Map();
  #socket;
  #worker;
  #reader = new FrameReader((type, id, bytes, start, end) => this.#onFrame(type, id, bytes, start, end));

  /**
   * @param {import('node:net').Socket} socket
   * @param worker the Worker it talks to
   * @param {boolean} isControl whether this is the supervisor's connection
   */
  constructor(socket, worker, isControl) {
    this.#socket = socket;
    this.#worker = worker;
    this.isControl = isControl;
    this.outbox = new Outbox(socket, (outbox) => worker.flushLater(outbox));
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('error', () => socket.destroy());
    this.outbox.text(Type.HELLO, 0, worker.hello());
    this.outbox.flush();
  }

  /** Takes a stream off the list and gives its slot back; its last frame has been queued. */
  close(stream) {
    const held = stream.state === State.RUNNING;
    stream.state = State.CLOSED;
    this.#streams.delete(stream.id);
    this.#worker.onClosed(stream, held);
  }

  /** Sends what is queued, then ends the connection and calls `done`. */
  finish(done) {
    this.outbox.flush();
    this.#socket.end(done);
  }

  #onData(chunk) {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      process.stderr.write(`connection closed: ${error.message}\n`);
      this.#socket.destroy();
    }
  }

  #end() {
    this.#socket.destroy();
    for (const stream of this.#streams.values()) stream.abandon();
    this.#worker.onConnectionEnd(this);
  }

  #onFrame(type, id, bytes, start, end) {
    switch (type) {
      case Type.REQUEST:
        return this.#open(id, bytes, start, end);
      case Type.BODY:
        if (end - start > MAX_BODY_BYTES) throw new ProtocolError(`body of ${end - start} bytes in one frame`);
        return this.#streams.get(id)?.receive(bytes.subarray(start, end));
      case Type.END:
        return this.#onEnd(id, bytes, start, end);
      case Type.CANCEL:
        return this.#streams.get(id)?.cancel();
      case Type.WINDOW:
        if (end - start !== 4) throw new ProtocolError('WINDOW is not a u32');
        return this.#streams.get(id)?.onCredit?.(readU32(bytes, start));
      case Type.PING:
        return this.outbox.bytes(Type.PONG, id, bytes.subarray(start, end));
      case Type.LOAD:
      case Type.DRAIN:
      case Type.CONTEXT:
        return this.#onControl(type, bytes, start, end);
      case Type.HELLO:
      case Type.RESPONSE:
      case Type.ERROR:
      case Type.LOG:
      case Type.START:
      case Type.LOADED:
        throw new ProtocolError(`a worker must not receive frames of type ${type}`);
      default:
      // PONG answers nothing of ours; unknown types are for later versions.
    }
  }

  #open(id, bytes, start, end) {
    const program = this.#worker.program;
    if (program === null) throw new ProtocolError('REQUEST before LOADED');
    if (id < 1 || id > MAX_STREAM_ID || this.#streams.has(id)) throw new ProtocolError(`stream ${id} cannot be opened`);
    if (end - start < REQUEST_PREFIX_BYTES) throw new ProtocolError('REQUEST without a head');
    const headAt = start + REQUEST_PREFIX_BYTES;
    const bodyAt = headAt + readU32(bytes, start + 1);
    if (bodyAt > end) throw new ProtocolError('a head length beyond the payload');
    const stream = new Stream(this, id, bytes[start], new RequestHead(bytes.subarray(headAt, bodyAt)), program);
    this.#streams.set(id, stream);
    if (bodyAt < end) stream.receive(bytes.subarray(bodyAt, end));
    if ((bytes[start] & Flag.END) !== 0 && stream.complete()) this.#worker.onComplete(stream);
  }

  #onEnd(id, bytes, start, end) {
    if (end > start) parseJson(bytes, start, end);
    const stream = this.#streams.get(id);
    if (stream?.complete()) this.#worker.onComplete(stream);
  }

  #onControl(type, bytes, start, end) {
    if (!this.isControl) throw new ProtocolError(`frames of type ${type} belong to the control connection`);
    if (type === Type.DRAIN) this.#worker.drain();
    else if (type === Type.LOAD) this.#worker.load(parseJson(bytes, start, end));
    else this.#worker.setContext(parseJson(bytes, start, end));
  }
}

function parseJson(bytes, start, end) {
  try {
    return JSON.parse(bytes.utf8Slice(start, end));
  } catch {
    throw new ProtocolError('a payload is not JSON');
  }
}

module.exports = { Connection };
