'use strict';

const { sendAnswer } = require('./answering.js');
const { backgroundEnd } = require('./background.js');
const { Type } = require('./codec.js');
const { Connection } = require('./connection.js');
const { failStream, loadError } = require('./failure.js');
const { Fifo } = require('./fifo.js');
const { loadProgram } = require('./handler.js');
const { requests } = require('./log.js');
const { loadedFiles, onFileLoaded } = require('./loaded-files.js');
const { toAnswer } = require('./response.js');
const { createTurn } = require('./turn.js');

/** Handlers that block are started one by one beyond this, so that what arrives meanwhile (CANCEL) is read. */
const SLICE_MS = 1;

/** The process: what it serves, who is connected, which handlers run and which wait. */
class Worker {
  /** What LOAD brought (handler.js), null as long as this is a spare or still loading. */
  program = null;
  /** Id of the request whose handler began last. */
  lastRequestId = null;

  #log;
  #control = null;
  #data = new Set();
  #hasLoad = false;
  #isDraining = false;
  #fileCount = 0;
  #running = 0;
  /** Complete streams whose handlers have not begun, in order. */
  #waiting = new Fifo();
  #unflushed = [];
  #requestTurn = createTurn(
    () => this.#beginWaiting(),
    () => this.flush(),
  );

  constructor(log) {
    this.#log = log;
  }

  /** A new peer. The first one is the supervisor. */
  accept(socket) {
    const isControl = this.#control === null;
    const connection = new Connection(socket, this, isControl);
    if (isControl) {
      this.#control = connection;
      this.#log.sendTo(connection.outbox);
      socket.on('drain', () => this.#log.reportDropped());
    } else {
      this.#data.add(connection);
    }
  }

  /** Payload of HELLO. */
  hello() {
    return JSON.stringify({
      protocol: 1,
      runtime: 'node',
      version: process.versions.node,
      pid: process.pid,
      function: this.program?.key ?? null,
      revision: this.program?.revision ?? null,
      concurrency: this.program?.concurrency ?? 1,
      head: 'raw',
    });
  }

  /** Loads the function and reports LOADED, or ERROR and the end of this process. */
  async load(message) {
    if (this.#hasLoad) return;
    this.#hasLoad = true;
    let files;
    try {
      this.program = await loadProgram(message);
      files = loadedFiles(message);
    } catch (error) {
      this.#control.outbox.text(Type.ERROR, 0, JSON.stringify(loadError(error)));
      this.#control.finish(() => process.reallyExit(1));
      return;
    }
    this.#reportLoaded(files);
    onFileLoaded(() => {
      const more = loadedFiles(message);
      if (more.length > this.#fileCount) this.#reportLoaded(more);
    });
  }

  #reportLoaded(files) {
    const { revision, concurrency } = this.program;
    this.#fileCount = files.length;
    this.#control.outbox.text(Type.LOADED, 0, JSON.stringify({ revision, concurrency, head: 'raw', files }));
  }

  /** CONTEXT: holds for the requests that follow. */
  setContext(context) {
    if (this.program !== null) this.program = { ...this.program, context };
  }

  /** DRAIN: serves what still comes and ends with the last data connection. */
  drain() {
    this.#isDraining = true;
    // After this turn: a gateway that has just connected may not have been accepted yet.
    setImmediate(() => this.#endIfDrained());
  }

  async #endIfDrained() {
    if (!this.#isDraining || this.#data.size > 0) return;
    await backgroundEnd();
    process.exit(0);
  }

  onConnectionEnd(connection) {
    // Whatever still runs: without a supervisor nobody would end it later.
    if (connection.isControl) process.reallyExit(0);
    this.#data.delete(connection);
    this.#endIfDrained();
  }

  /** A stream's body is complete: its handler begins in this turn if a slot is free. */
  onComplete(stream) {
    this.#waiting.push(stream);
    this.#requestTurn();
  }

  /** A stream has closed; `held` tells whether it held a slot. */
  onClosed(stream, held) {
    this.#log.endRequest(stream);
    if (!held) return;
    this.#running--;
    if (!this.#waiting.isEmpty) this.#requestTurn();
  }

  flushLater(outbox) {
    this.#unflushed.push(outbox);
    this.#requestTurn();
  }

  /** Sends everything that is queued. */
  flush() {
    const outboxes = this.#unflushed;
    this.#unflushed = [];
    for (const outbox of outboxes) outbox.flush();
  }

  /** Begins waiting handlers as slots allow; true if it stopped only to let the process read. */
  #beginWaiting() {
    const sliceEnd = Date.now() + SLICE_MS;
    while (!this.#waiting.isEmpty && this.#running < this.program.concurrency) {
      const stream = this.#waiting.take();
      if (stream.isClosed) continue;
      this.#begin(stream);
      if (Date.now() > sliceEnd) return true;
    }
    return false;
  }

  #begin(stream) {
    const { program, connection } = stream;
    this.lastRequestId = stream.head.id;
    this.#running++;
    stream.begin();
    if (stream.isAnnounced) {
      // At once: a handler that never yields would keep START, and so the deadline, from the gateway.
      connection.outbox.empty(Type.START, stream.id);
      connection.outbox.flush();
    }
    try {
      const result = requests.run(stream, program.invoke, stream);
      if (typeof result?.then === 'function') this.#whenSettled(stream, result);
      else this.#answer(stream, result);
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #whenSettled(stream, result) {
    const promise = result instanceof Promise ? result : Promise.resolve(result);
    promise.then(
      (value) => this.#answer(stream, value),
      (error) => this.#fail(stream, error),
    );
  }

  #answer(stream, result) {
    if (stream.isClosed) return;
    try {
      const answer = toAnswer(result);
      if (answer.stream === null) {
        sendAnswer(stream, answer);
      } else {
        // A generator's body runs on behalf of its request, too.
        requests.run(stream, sendAnswer, stream, answer).catch((error) => this.#fail(stream, error));
      }
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #fail(stream, error) {
    if (!stream.isClosed) failStream(stream, error, this.#log);
  }
}

module.exports = { Worker };
