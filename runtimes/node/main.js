'use strict';

/**
 * A FastFN worker for Node (docs/protocol.md): `node main.js <socket path>`, descriptor 3 is told when it listens.
 */

const fs = require('node:fs');
const net = require('node:net');
const { describeError } = require('./failure.js');
const { Log, requests } = require('./log.js');
const { Worker } = require('./worker.js');

const READY_FD = 3;
const OWNER_ONLY = 0o177;

function main(socketPath) {
  const log = new Log();
  const worker = new Worker(log);
  log.capture();
  // Output and answers of a handler that ends the process in the same turn (P113).
  process.on('exit', () => log.end(() => worker.flush()));
  // F113. `uncaughtException` stays as Node has it: the trace on descriptor 2, and the end.
  process.on('unhandledRejection', (reason) => {
    const requestId = requests.getStore()?.head.id ?? worker.lastRequestId;
    log.error(requestId, `unhandled rejection: ${describeError(reason)}`);
  });
  listen(
    net.createServer((socket) => worker.accept(socket)),
    socketPath,
  );
}

function listen(server, socketPath) {
  const umask = process.umask(OWNER_ONLY);
  server.listen(socketPath, () => {
    fs.writeSync(READY_FD, 'listening\n');
    fs.closeSync(READY_FD);
  });
  process.umask(umask);
}

main(process.argv[2]);
