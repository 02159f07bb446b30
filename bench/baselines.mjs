// What FastFN is compared with: the servers one would write by hand, behind the same nginx, doing the same work.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { phpFpm, uvicornPackages } from './lib/cache.mjs';
import { start } from './lib/children.mjs';
import { startNginx } from './lib/nginx.mjs';

/** Number of backend processes where the runtime serves one request at a time per process, as many as FastFN takes. */
const PROCESSES = 4;

const PROXY =
  'proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;';
const upstream = (socket) => `upstream app { server unix:${socket}; keepalive 64; }`;

/** nginx → one node:http process over kept Unix connections. */
export async function startNode(dir) {
  const socket = join(dir, 'node.sock');
  writeFileSync(join(dir, 'server.mjs'), NODE_SERVER);
  const server = start(process.execPath, [join(dir, 'server.mjs'), socket]);
  return withNginx(dir, [server], { http: upstream(socket), location: PROXY });
}

const NODE_SERVER = `import { createServer } from 'node:http';
const answer = (response, value) => {
  const body = JSON.stringify(value);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
};
createServer((request, response) => {
  if (request.method === 'POST') {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => answer(response, JSON.parse(Buffer.concat(chunks).toString('utf8'))));
  } else {
    const query = new URL(request.url, 'http://localhost').searchParams;
    answer(response, { hello: query.get('name') ?? 'world' });
  }
}).listen(process.argv[2]);
`;

/** nginx → uvicorn with uvloop and httptools, a bare ASGI application. */
export async function startUvicorn(dir) {
  const packages = await uvicornPackages();
  const socket = join(dir, 'uvicorn.sock');
  writeFileSync(join(dir, 'application.py'), ASGI_APPLICATION);
  const options = ['--uds', socket, '--workers', String(PROCESSES), '--loop', 'uvloop', '--http', 'httptools'];
  const server = start(
    'python3',
    ['-m', 'uvicorn', 'application:application', '--no-access-log', '--log-level', 'warning', ...options],
    {
      cwd: dir,
      env: { ...process.env, PYTHONPATH: packages },
    },
  );
  return withNginx(dir, [server], { http: upstream(socket), location: PROXY });
}

const ASGI_APPLICATION = `import json
from urllib.parse import parse_qs

async def application(scope, receive, send):
    name = parse_qs(scope["query_string"].decode()).get("name", ["world"])[0]
    body = json.dumps({"hello": name}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
`;

/** nginx → php-fpm with a static pool and opcache. */
export async function startPhp(dir) {
  const binary = await phpFpm();
  const socket = join(dir, 'php.sock');
  writeFileSync(join(dir, 'hello.php'), PHP_SCRIPT);
  writeFileSync(
    join(dir, 'fpm.conf'),
    `[global]\ndaemonize = no\nerror_log = ${dir}/fpm.log\n[www]\nlisten = ${socket}\npm = static\npm.max_children = ${PROCESSES}\n` +
      (process.getuid() === 0 ? 'user = root\ngroup = root\n' : ''),
  );
  const options = ['-n', '-d', 'zend_extension=opcache', '-d', 'opcache.enable=1', '-y', join(dir, 'fpm.conf')];
  const server = start(binary, process.getuid() === 0 ? [...options, '--allow-to-run-as-root'] : options);
  const parameters = [
    'SCRIPT_FILENAME',
    'QUERY_STRING',
    'REQUEST_METHOD',
    'CONTENT_TYPE',
    'CONTENT_LENGTH',
    'REQUEST_URI',
  ];
  const values = { SCRIPT_FILENAME: join(dir, 'hello.php') };
  const lines = parameters.map((name) => `fastcgi_param ${name} ${values[name] ?? `$${name.toLowerCase()}`};`);
  // Without kept connections: each would hold one of the pool's processes while others wait.
  return withNginx(dir, [server], {
    http: `upstream app { server unix:${socket}; }`,
    location: `fastcgi_pass app; ${lines.join(' ')}`,
  });
}

const PHP_SCRIPT = `<?php
header('Content-Type: application/json');
echo json_encode(['hello' => $_GET['name'] ?? 'world']);
`;

/** The same in nginx's own Lua. */
export function startLua(dir) {
  const location = `content_by_lua_block {
    local cjson = require "cjson.safe"
    ngx.header.content_type = "application/json"
    ngx.print(cjson.encode({ hello = ngx.req.get_uri_args().name or "world" }))
  }`;
  return withNginx(dir, [], { location });
}

/** What nginx can do at most on this machine. */
export function startReturn(dir) {
  return withNginx(dir, [], { location: `default_type application/json; return 200 '{"hello":"Ada"}';` });
}

async function withNginx(dir, servers, configuration) {
  const { started, url } = await startNginx(join(dir, 'nginx'), configuration);
  const all = [...servers, started];
  return { url, roots: all.map(({ pid }) => pid), output: () => all.map(({ output }) => output).join('') };
}
