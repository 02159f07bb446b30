import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../src/package-root.ts';
import { LuaHost } from '../stack/lua-host.ts';

/** A request as the gateway hands it to a function; texts hold a character per byte. */
export interface Head {
  readonly path: string;
  readonly params: readonly (readonly [string, string])[];
  readonly method: string;
  readonly target: string;
  /** Header lines with their line ends, and the empty line. */
  readonly block: string;
}

/** What a parser made of it; maps as pairs sorted by name, because not every language can show a map's names as they are. */
export type Parsed = Readonly<Record<string, unknown>>;

/** The four implementations of the request head (docs/protocol.md), each behind the same call. */
export interface Parser {
  readonly runtime: string;
  parse(head: Head): Promise<Parsed>;
  stop(): Promise<void>;
}

const MAPS = ['params', 'headers', 'cookies', 'query'];
const TEXTS = ['method', 'path', 'raw_path', 'query_string'];

export function startParsers(): Promise<Parser[]> {
  return Promise.all([nodeParser(), processParser('python', PYTHON), processParser('php', PHP), luaParser()]);
}

/** The bytes that a worker gets. */
function encode({ path, params, method, target, block }: Head): Buffer {
  const fields = ['req-1', '1783012345678', '71', '127.0.0.1', path, '', String(params.length), ...params.flat()];
  return Buffer.from(`${fields.join('\0')}\0${method} ${target} HTTP/1.1\r\n${block}`, 'latin1');
}

function nodeParser(): Parser {
  const require = createRequire(import.meta.url);
  const { createEvent } = require(join(packageRoot, 'runtimes/node/event.js'));
  const { RequestHead } = require(join(packageRoot, 'runtimes/node/request-head.js'));
  const program = { env: {}, context: { worker_pool: {}, debug: {} } };
  return {
    runtime: 'node',
    parse: async (head) => {
      const event = createEvent({ head: new RequestHead(encode(head)), body: null, program, deadlineMs: 1 });
      const maps = MAPS.map((name) => [name, sorted(Object.entries(event[name]))]);
      const texts = TEXTS.map((name) => [name, event[name]]);
      return Object.fromEntries([...maps, ...texts, ['session', event.session?.id ?? null]]);
    },
    stop: async () => {},
  };
}

const PYTHON = `
import base64, json, sys
sys.path.insert(0, sys.argv[1] + "/runtimes")
from python.event import EventFactory
factory = EventFactory({}, {})
for line in sys.stdin:
    event = factory.make(base64.b64decode(line), b"", False)
    shown = {name: list(event[name].items()) for name in ${JSON.stringify(MAPS)}}
    shown |= {name: event[name] for name in ${JSON.stringify(TEXTS)}}
    shown["session"] = event["session"] and event["session"]["id"]
    print(json.dumps(shown), flush=True)
`;

const PHP = `
foreach (['Codec', 'ProtocolError', 'Text', 'Event'] as $class) { require $argv[1] . "/runtimes/php/$class.php"; }
$events = new FastFN\\Worker\\Event([], []);
while (($line = fgets(STDIN)) !== false) {
    $event = $events->create(base64_decode($line), '', 0);
    $shown = ['session' => $event['session']['id'] ?? null];
    foreach (${JSON.stringify(MAPS)} as $name) {
        $shown[$name] = array_map(fn ($key, $value) => [(string) $key, $value], array_keys($event[$name]), $event[$name]);
    }
    foreach (${JSON.stringify(TEXTS)} as $name) { $shown[$name] = $event[$name]; }
    echo json_encode($shown, JSON_THROW_ON_ERROR), "\\n";
}
`;

function processParser(runtime: 'python' | 'php', code: string): Parser {
  const [command, args] = runtime === 'python' ? ['python3', ['-c', code]] : ['php', ['-r', code, '--']];
  const child: ChildProcess = spawn(command, [...args, packageRoot], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => waiting.shift()?.resolve(line));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code) => {
      for (const { reject } of waiting) reject(new Error(`${runtime} ended with ${code}`));
      resolve();
    });
  });
  return {
    runtime,
    parse: async (head) => {
      const answered = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      child.stdin!.write(`${encode(head).toString('base64')}\n`);
      const shown = JSON.parse(await answered);
      for (const name of MAPS) shown[name] = sorted(shown[name]);
      return shown;
    },
    stop: () => {
      child.stdin!.end();
      return exited;
    },
  };
}

const LUA = `
local event = require "openresty.lua_event"
local input = ...
local function bytes(text) return ngx.decode_base64(text) end
local match = { path = bytes(input.path), params = {} }
for i, pair in ipairs(input.params) do match.params[i] = { bytes(pair[1]), bytes(pair[2]) } end
local template = event.template({ context = {}, env = {}, version = "default" })
local made = event.build(template, match, input.method, bytes(input.target), "req-1", "1", bytes(input.block), nil, "127.0.0.1", 71, 1)
local shown = { session = made.session and made.session.id }
for _, name in ipairs(input.maps) do
  local pairs_of = {}
  for key, value in pairs(made[name]) do pairs_of[#pairs_of + 1] = { key, value } end
  shown[name] = pairs_of
end
for _, name in ipairs(input.texts) do shown[name] = made[name] end
return shown
`;

async function luaParser(): Promise<Parser> {
  const host = await LuaHost.start();
  const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
  return {
    runtime: 'lua',
    parse: async ({ path, params, method, target, block }) => {
      const shown = await host.run(LUA, {
        path: base64(path),
        params: params.map((pair) => pair.map(base64)),
        method,
        target: base64(target),
        block: base64(`${method} ${target} HTTP/1.1\r\n${block}`),
        maps: MAPS,
        texts: TEXTS,
      });
      for (const name of MAPS) shown[name] = sorted(Array.isArray(shown[name]) ? shown[name] : []);
      return { ...shown, session: shown.session ?? null };
    },
    stop: () => host.stop(),
  };
}

function sorted(pairs: [string, unknown][]): [string, unknown][] {
  return pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
