import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import which from 'which';
import type { ProjectConfig } from '../project/types.ts';
import { installHint } from './packages.ts';
import { probe } from './probe.ts';
import type { Finding, ProbeCache } from './probe-cache.ts';
import type { FoundNginx, MissingNginx } from './types.ts';
import { isAtLeast } from './version.ts';

const MINIMUM = { openresty: '1.21.4', nginx: '1.22', lua: '0.10.19' };
const USUAL_OPENRESTY = [
  '/usr/local/openresty/bin/openresty',
  '/opt/homebrew/bin/openresty',
  '/usr/local/bin/openresty',
];
const USUAL_NGINX = ['/usr/sbin/nginx', '/usr/local/sbin/nginx']; // not in PATH of ordinary users on Debian
const REPORT = 'fastfn-probe ';

interface Build {
  readonly flavor: 'openresty' | 'nginx';
  readonly version: string;
  readonly modules: readonly string[];
}

/** Why one binary does not do. */
interface Failure {
  readonly problem: string;
  /** Everything else is there. */
  readonly lacksLibrary: boolean;
}

/** Finds an nginx that can carry the gateway, in the order of P43; a configured one is never silently replaced. */
export async function findNginx(
  config: ProjectConfig,
  cache: ProbeCache,
  env: NodeJS.ProcessEnv,
): Promise<FoundNginx | MissingNginx> {
  const { openresty, nginx } = config.binaries;
  const configured = openresty ?? nginx;
  const candidates =
    configured === undefined ? await installed(env.PATH ?? '') : [await locate(configured, env.PATH ?? '')];
  const failures: Failure[] = [];
  for (const binary of candidates.filter((candidate) => candidate !== null)) {
    const found = await cache.remember(`nginx ${binary}`, () => examine(binary, failures));
    if (found !== null) return found;
  }
  const [failure] = failures;
  const lacksLibrary = failure?.lacksLibrary ?? false;
  if (configured === undefined) {
    const problem = failure?.problem ?? 'nginx with Lua is not installed';
    return { problem, hint: installHint('nginx'), configured: false, lacksLibrary };
  }
  const problem = failure?.problem ?? `${configured} does not exist or is not executable`;
  const name = openresty === undefined ? 'FN_NGINX_BIN' : 'FN_OPENRESTY_BIN';
  return { problem, hint: `Correct ${name} or runtime-binaries, or leave it out.`, configured: true, lacksLibrary };
}

async function installed(path: string): Promise<(string | null)[]> {
  const usual = async (places: readonly string[]) =>
    (await Promise.all(places.map(existing))).find((place) => place !== null) ?? null;
  const [openresty, nginx] = await Promise.all([locate('openresty', path), locate('nginx', path)]);
  return [openresty ?? (await usual(USUAL_OPENRESTY)), nginx ?? (await usual(USUAL_NGINX))];
}

function locate(program: string, path: string): Promise<string | null> {
  return which(program, { nothrow: true, path });
}

async function existing(path: string): Promise<string | null> {
  return stat(path).then(
    () => path,
    () => null,
  );
}

/** Asks one binary what it is and lets it load everything the gateway needs; a failure is added to `failures`. */
async function examine(binary: string, failures: Failure[]): Promise<Finding<FoundNginx> | null> {
  const fail = (problem: string, lacksLibrary = false) => {
    failures.push({ problem: `${binary}: ${problem}`, lacksLibrary });
    return null;
  };
  const answer = await probe(binary, ['-V']);
  if (!answer.ok) return fail(answer.reason);
  const build = await readBuild(answer.stderr + answer.stdout);
  if (build === null) return fail('it does not answer -V like nginx');
  if (!isAtLeast(build.version, MINIMUM[build.flavor])) {
    return fail(`${build.flavor} ${build.version} is too old; ${MINIMUM[build.flavor]} is needed`);
  }
  if (build.modules.length === 0 && !/ngx_(http_)?lua|lua-nginx-module/.test(answer.stderr))
    return fail(await describeNoLua());
  const loaded = await loadLibraries(binary, build.modules);
  if ('problem' in loaded) return fail(loaded.problem, loaded.lacksLibrary);
  if (!isAtLeast(loaded.luaVersion, MINIMUM.lua))
    return fail(`its Lua module ${loaded.luaVersion} is too old; ${MINIMUM.lua} is needed`);
  const { flavor, version, modules } = build;
  return {
    value: { path: binary, flavor, version, modules, luaVersion: loaded.luaVersion },
    files: [binary, ...modules, ...loaded.files],
  };
}

/** Reads `nginx -V`; modules are paths for `load_module`, the development kit first because Lua needs its symbols. */
async function readBuild(text: string): Promise<Build | null> {
  const [, flavor, version] = /version: (nginx|openresty)\/([\d.]+)/.exec(text) ?? [];
  if (flavor === undefined || version === undefined) return null;
  const prefix = /--prefix=(\S+)/.exec(text)?.[1] ?? '/usr/local/nginx';
  const folder = /--modules-path=(\S+)/.exec(text)?.[1] ?? join(prefix, 'modules');
  const files = ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((name) => existing(join(folder, name)));
  const modules = (await Promise.all(files)).filter((path) => path !== null);
  const hasLua = modules.some((path) => path.endsWith('lua_module.so'));
  return { flavor: flavor as Build['flavor'], version, modules: hasLua ? modules : [] };
}

async function describeNoLua(): Promise<string> {
  const isPackaged = (await existing('/var/lib/dpkg/info/libnginx-mod-http-lua.list')) !== null;
  return isPackaged
    ? 'its Lua module is installed as a package, but the file is gone; install libluajit2-5.1-2 in place of libluajit-5.1-2'
    : 'it has no Lua module';
}

type Loaded = { readonly luaVersion: string; readonly files: readonly string[] } | Failure;

/**
 * Starts nginx on a generated configuration whose Lua loads every library the gateway uses, reports and ends the
 * process. `nginx -t` would not do: it never runs Lua.
 */
async function loadLibraries(binary: string, modules: readonly string[]): Promise<Loaded> {
  const dir = await mkdtemp(join(tmpdir(), 'fastfn-probe-'));
  try {
    await writeFile(join(dir, 'nginx.conf'), probeConfiguration(dir, modules));
    const { ok, stderr, reason } = await probe(binary, ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr']);
    const report = stderr.split('\n').find((line) => line.startsWith(REPORT));
    if (!ok || report === undefined) return explain(stderr, reason);
    const { version, files } = JSON.parse(report.slice(REPORT.length)) as { version: number; files: string[] };
    return { luaVersion: `0.${Math.floor(version / 1000)}.${version % 1000}`, files };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function probeConfiguration(dir: string, modules: readonly string[]): string {
  const quoted = (path: string) => `"${path}"`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${quoted(join(dir, kind))};`,
  );
  return `${modules.map((path) => `load_module ${quoted(path)};`).join('\n')}
${process.getuid?.() === 0 ? 'user root root;' : ''}
daemon off; master_process off; pid ${quoted(join(dir, 'pid'))}; error_log stderr;
events {}
http {
  access_log off;
  ${temporary.join('\n  ')}
  init_by_lua_block {
    local files = {}
    for _, name in ipairs { "cjson", "cjson.safe", "resty.core", "resty.lrucache", "ngx.semaphore" } do
      require(name)
      files[#files + 1] = package.searchpath(name, package.path) or package.searchpath(name, package.cpath)
    end
    assert(require("ngx.semaphore").new(0))
    io.stderr:write("${REPORT}", require("cjson").encode({ version = ngx.config.ngx_lua_version, files = files }), "\\n")
    os.exit(0)
  }
  server { listen ${quoted(`unix:${join(dir, 'probe.sock')}`)}; location / { content_by_lua_block { ngx.exit(204) } } }
}
`;
}

/** nginx's complaint in words: which part is missing (P43). */
function explain(stderr: string, reason: string): Failure {
  const library = /module '([\w.]+)' not found|failed to load the '([\w.]+)' module/.exec(stderr);
  if (library) return { problem: `the Lua library ${library[1] ?? library[2]} is missing`, lacksLibrary: true };
  const module = /dlopen\(\) "([^"]+)" failed \((.*)\)/.exec(stderr);
  if (module) return { problem: `its module ${module[1]} does not load (${module[2]})`, lacksLibrary: false };
  const complaint = /\[(?:emerg|alert|error)\] (?:\d+#\d+: )?(.*)/.exec(stderr)?.[1];
  return { problem: `it cannot start (${complaint ?? reason})`, lacksLibrary: false };
}
