// CPU time and rate of one PHP worker, driven over its socket like nginx does:
//   node bench/worker-php.mjs [seconds per line] [part of a handler's name] [-- php options]
// A line per handler and number of requests at once. `announced` is a busy worker: every request waits for the one
// before it, so each answer is written alone, with the START of the next. CPU time is the worker's, not this driver's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { FrameReader, Type, encodeFrame } = createRequire(import.meta.url)('../runtimes/node/codec.js');
const MAIN = fileURLToPath(new URL('../runtimes/php/main.php', import.meta.url));
const TICKS_PER_SECOND = 100; // USER_HZ on Linux
const END = 1;
const ANNOUNCE = 2;

const HANDLERS = {
  'constant text': `<?php function handler($event) { return 'hello'; }`,
  envelope: `<?php function handler(array $event) { return ['status' => 200, 'headers' => ['Content-Type' => 'application/json'], 'body' => '{"ok":true}']; }`,
  'query to JSON': `<?php function handler($event) { return ['hello' => $event['query']['name'], 'method' => $event['method']]; }`,
  script: `<h1>Hello <?= htmlspecialchars($event['query']['name']) ?></h1>`,
};

const LINES = [
  'GET /hello?name=Ada HTTP/1.1',
  'Host: 127.0.0.1:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  'Accept: text/html,application/xhtml+xml',
  'Accept-Encoding: gzip, deflate, br',
  'Connection: keep-alive',
  'Cookie: session_id=abc; theme=dark',
];
const HEAD = Buffer.from(
  `req-1783012345678-71-004211\x001783012345678\x0071\x00127.0.0.1\0\0\x000\0${LINES.join('\r\n')}\r\n\r\n`,
);

const split = process.argv.indexOf('--');
const phpOptions = split < 0 ? [] : process.argv.slice(split + 1);
const [seconds = '1', wanted = ''] = process.argv.slice(2, split < 0 ? undefined : split);
const folder = mkdtempSync(join(tmpdir(), 'fastfn-bench-'));
try {
  for (const [name, source] of Object.entries(HANDLERS)) {
    if (name.includes(wanted)) await measureHandler(name, source, Number(seconds));
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function measureHandler(name, source, duration) {
  const entry = join(folder, 'hello.php');
  writeFileSync(entry, source);
  const worker = await startWorker(entry);
  try {
    for (const concurrency of [1, 16, 64]) {
      for (const flags of concurrency === 1 ? [END] : [END, END | ANNOUNCE]) {
        const figures = await drive(worker, concurrency, flags, duration);
        const label = flags & ANNOUNCE ? 'announced' : 'at once';
        console.log(`${name.padEnd(16)} ${String(concurrency).padStart(3)} ${label.padEnd(9)}  ${figures}`);
      }
    }
  } finally {
    await stop(worker);
  }
}

async function startWorker(entry) {
  const socketPath = join(folder, 'worker.sock');
  rmSync(socketPath, { force: true });
  const child = spawn('php', [...phpOptions, MAIN, socketPath], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  await once(child.stdio[3], 'data');
  const control = await open(socketPath);
  control.send(encodeFrame(Type.LOAD, 0, Buffer.from(JSON.stringify(loadMessage(entry)))));
  await control.next(Type.LOADED);
  return { child, control, data: await open(socketPath) };
}

async function stop({ child, control, data }) {
  control.send(encodeFrame(Type.DRAIN, 0, Buffer.alloc(0)));
  data.end();
  await once(child, 'exit');
}

function loadMessage(entry) {
  return {
    function: 'php/hello@default',
    revision: '1',
    root: folder,
    dir: folder,
    entry,
    handler: 'handler',
    env: {},
    paths: [],
    context: {
      runtime: 'php',
      function_name: 'hello',
      version: 'default',
      timeout_ms: 2500,
      debug: { enabled: false },
    },
  };
}

/** A connection whose frames are handed to `onFrame`. */
async function open(path) {
  const socket = connect(path);
  await once(socket, 'connect');
  const peer = { onFrame: () => {}, send: (bytes) => socket.write(bytes), end: () => socket.end() };
  peer.next = (type) =>
    new Promise((resolve) => {
      peer.onFrame = (received) => received === type && resolve();
    });
  const reader = new FrameReader((type, id) => peer.onFrame(type, id));
  socket.on('data', (chunk) => reader.push(chunk));
  return peer;
}

/** Keeps `concurrency` requests open for `duration` seconds. */
async function drive({ child, data }, concurrency, flags, duration) {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(HEAD.length, 1);
  const payload = Buffer.concat([prefix, HEAD]);
  const frames = Array.from({ length: concurrency }, (_, i) => encodeFrame(Type.REQUEST, i + 1, payload));
  const cpuBefore = cpuTicks(child.pid);
  const start = performance.now();
  let answered = 0;
  let open = concurrency;
  let pending = [];
  await new Promise((resolve, reject) => {
    const flush = () => {
      data.send(Buffer.concat(pending));
      pending = [];
    };
    data.onFrame = (type, id) => {
      if (type === Type.ERROR) reject(new Error('the handler failed'));
      if (type !== Type.RESPONSE) return;
      answered++;
      if (performance.now() - start > duration * 1000) {
        if (--open === 0) resolve();
      } else if (pending.push(frames[id - 1]) === 1) setImmediate(flush);
    };
    data.send(Buffer.concat(frames));
  });
  const elapsed = (performance.now() - start) / 1000;
  const cpuMicros = ((cpuTicks(child.pid) - cpuBefore) / TICKS_PER_SECOND) * 1e6;
  return `${(cpuMicros / answered).toFixed(2).padStart(6)} µs CPU/request  ${Math.round(answered / elapsed)} requests/s`;
}

function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
