// CPU microseconds per request of the Python worker, driven over its Unix socket with pipelined REQUESTs.
//   node bench/worker-python.mjs [python binary] [seconds per point]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const python = process.argv[2] ?? 'python3';
const seconds = Number(process.argv[3] ?? 1);
const main = join(dirname(fileURLToPath(import.meta.url)), '../runtimes/python/main.py');
const TICK_MS = 10; // of /proc/<pid>/stat: USER_HZ is 100 on Linux

const HANDLERS = {
  def: 'def handler(event):\n    return {"status": 200, "body": "hello"}\n',
  async: 'async def handler(event):\n    return {"status": 200, "body": "hello"}\n',
  json: 'def handler(event):\n    return {"hello": event["query"].get("name"), "path": event["path"]}\n',
};
const LINES = [
  'GET /hello?name=Ada HTTP/1.1',
  'Host: 127.0.0.1:8080',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)',
  'Accept: text/html,application/xhtml+xml',
  'Accept-Encoding: gzip, deflate',
];
const HEAD = Buffer.from(
  `req-1783012345678-71-004211\0${Date.now()}\x0071\x00127.0.0.1\0\0\x000\0${LINES.join('\r\n')}\r\n\r\n`,
);

for (const [name, source] of Object.entries(HANDLERS)) {
  const worker = await start(source);
  for (const concurrency of [1, 16, 64]) {
    for (const connections of concurrency === 1 ? [1] : [1, 2]) {
      const { requests, cpuMs, elapsedMs } = await measure(worker, concurrency, connections);
      const perSecond = Math.round((requests / elapsedMs) * 1000);
      const perRequest = ((cpuMs / requests) * 1000).toFixed(1);
      console.log(
        `${name.padEnd(5)} c=${concurrency} over ${connections}: ${perRequest} µs CPU per request, ${perSecond} requests/s`,
      );
    }
  }
  worker.stop();
}

async function start(source) {
  const dir = mkdtempSync(join(tmpdir(), 'fastfn-bench-'));
  const entry = join(dir, 'hello.py');
  writeFileSync(entry, source);
  const child = spawn(python, [main, join(dir, 's')], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  await new Promise((resolve) => child.stdio[3].once('data', resolve));
  const control = await open(join(dir, 's'));
  const context = {
    runtime: 'python',
    function_name: 'hello',
    version: 'default',
    timeout_ms: 2500,
    debug: { enabled: false },
  };
  const order = {
    function: 'hello',
    revision: '1',
    root: dir,
    dir,
    entry,
    handler: 'handler',
    adapter: 'native',
    env: {},
    paths: [],
  };
  control.write(frame(13, 0, Buffer.from(JSON.stringify({ ...order, limits: { concurrency: 1024 }, context }))));
  await new Promise((resolve) => control.once('data', resolve));
  return {
    pid: child.pid,
    socket: join(dir, 's'),
    stop() {
      control.destroy();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Keeps `concurrency` requests open, spread over the connections, each answer at once followed by the next request. */
async function measure(worker, concurrency, connections) {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(worker.socket)));
  let requests = 0;
  let running = true;
  for (const socket of sockets) {
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const next = [];
      let offset = 0;
      while (rest.length - offset >= 9 && rest.length - offset - 9 >= rest.readUInt32BE(offset)) {
        next.push(request(rest.readUInt32BE(offset + 5)));
        offset += 9 + rest.readUInt32BE(offset);
        requests += 1;
      }
      rest = rest.subarray(offset);
      if (running) socket.write(Buffer.concat(next));
    });
    const first = Array.from({ length: concurrency / connections }, (_, index) => request(index + 1));
    socket.write(Buffer.concat(first));
  }
  await sleep(200); // caches warm
  const before = { requests, cpuMs: cpuMs(worker.pid), time: performance.now() };
  await sleep(seconds * 1000);
  const after = { requests, cpuMs: cpuMs(worker.pid), time: performance.now() };
  running = false;
  for (const socket of sockets) socket.destroy();
  return {
    requests: after.requests - before.requests,
    cpuMs: after.cpuMs - before.cpuMs,
    elapsedMs: after.time - before.time,
  };
}

function request(stream) {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(1, 0);
  prefix.writeUInt32BE(HEAD.length, 1);
  return frame(2, stream, Buffer.concat([prefix, HEAD]));
}

function frame(type, stream, payload) {
  const header = Buffer.alloc(9);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt8(type, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function open(path) {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', reject);
    socket.once('data', () => resolve(socket)); // HELLO
  });
}

function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
