// CPU time and rate of one Node worker, driven over its socket like nginx does:
//   node [--cpu-prof] bench/worker-node.mjs [seconds per line] [part of a handler's name]
// Prints a line per handler and number of requests at once. CPU time is the worker's; this driver is not counted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { FrameReader, Type, encodeFrame } = createRequire(import.meta.url)('../runtimes/node/codec.js');
const MAIN = fileURLToPath(new URL('../runtimes/node/main.js', import.meta.url));
const TICKS_PER_SECOND = 100; // USER_HZ on Linux

const HANDLERS = {
  'constant text': `exports.handler = () => 'hello';`,
  'async envelope': `exports.handler = async () => ({ status: 200, headers: { 'Content-Type': 'application/json' }, body: '{"ok":true}' });`,
  'query to JSON': `exports.handler = async (event) => ({ hello: event.query.name, method: event.method });`,
  'headers and cookies': `exports.handler = (event) => event.headers.host + event.cookies.theme;`,
};

const HEAD = [
  'req-1783012345678-71-004211\x001783012345678\x0071\x00127.0.0.1\x00\x00\x000\x00GET /hello?name=Ada HTTP/1.1',
  'Host: 127.0.0.1:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  'Accept: text/html,application/xhtml+xml',
  'Accept-Encoding: gzip, deflate, br',
  'Connection: keep-alive',
  'Cookie: session_id=abc; theme=dark',
  '\r\n',
].join('\r\n');

const seconds = Number(process.argv[2] ?? 1);
const wanted = process.argv[3] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'fastfn-bench-'));
try {
  for (const [name, source] of Object.entries(HANDLERS)) if (name.includes(wanted)) await measureHandler(name, source);
} finally {
  rmSync(folder, { recursive: true });
}

async function measureHandler(name, source) {
  const entry = join(folder, 'hello.js');
  writeFileSync(entry, source);
  const worker = await startWorker(entry);
  try {
    for (const concurrency of [1, 16, 64]) {
      await drive(worker, concurrency, seconds / 4); // the compiler's share
      const figures = await drive(worker, concurrency, seconds);
      console.log(`${name.padEnd(22)} ${String(concurrency).padStart(3)} at once  ${figures}`);
    }
  } finally {
    await stop(worker);
  }
}

async function startWorker(entry) {
  const socketPath = join(folder, 'worker.sock');
  rmSync(socketPath, { force: true });
  const child = spawn(process.execPath, [...process.execArgv, MAIN, socketPath], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  await new Promise((resolve) => child.stdio[3].once('data', resolve));
  const control = await open(socketPath);
  control.send(encodeFrame(Type.LOAD, 0, Buffer.from(JSON.stringify(loadMessage(entry)))));
  await control.next(Type.LOADED);
  return { child, control, data: await open(socketPath) };
}

/** Ends the worker as a drain does, so that `node --cpu-prof` finds time to write its profile. */
async function stop({ child, control, data }) {
  control.send(encodeFrame(Type.DRAIN, 0, Buffer.alloc(0)));
  data.end();
  await once(child, 'exit');
}

function loadMessage(entry) {
  const context = {
    runtime: 'node',
    function_name: 'hello',
    version: 'default',
    timeout_ms: 2500,
    worker_pool: {},
    debug: { enabled: false },
  };
  return {
    function: 'node/hello@default',
    revision: '1',
    root: folder,
    dir: folder,
    entry,
    compiled: null,
    handler: 'handler',
    adapter: 'native',
    env: {},
    paths: [],
    limits: { concurrency: 1024 },
    context,
  };
}

/** A connection whose frames are handed to `onFrame`. */
async function open(path) {
  const socket = connect(path);
  await new Promise((resolve) => socket.once('connect', resolve));
  const peer = { onFrame: () => {}, send: (bytes) => socket.write(bytes), end: () => socket.end() };
  peer.next = (type) =>
    new Promise((resolve) => {
      peer.onFrame = (received) => received === type && resolve();
    });
  const reader = new FrameReader((type, id, bytes, start, end) => peer.onFrame(type, id, bytes, start, end));
  socket.on('data', (chunk) => reader.push(chunk));
  return peer;
}

/** Keeps `concurrency` requests open for `duration` seconds. */
async function drive({ child, data }, concurrency, duration) {
  const head = Buffer.from(HEAD, 'latin1');
  const payload = Buffer.alloc(5 + head.length);
  payload[0] = 1;
  payload.writeUInt32BE(head.length, 1);
  payload.set(head, 5);
  const frames = Array.from({ length: concurrency }, (_, i) => encodeFrame(Type.REQUEST, i + 1, payload));
  const cpuBefore = cpuTicks(child.pid);
  const start = performance.now();
  let answered = 0;
  let open = concurrency;
  let pending = [];
  await new Promise((resolve) => {
    data.onFrame = (type, id) => {
      if (type === Type.HELLO) return;
      if (type !== Type.RESPONSE) throw new Error(`unexpected frame ${type}`);
      answered++;
      if (performance.now() - start > duration * 1000) {
        if (--open === 0) resolve();
        return;
      }
      if (pending.push(frames[id - 1]) === 1) setImmediate(flush);
    };
    const flush = () => {
      data.send(Buffer.concat(pending));
      pending = [];
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
