import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNativePrerequisites } from '../../src/doctor/native.ts';
import { isMissing } from '../../src/doctor/types.ts';
import { createPrivateClient, type PrivateClient } from '../../src/gateway/private-client.ts';
import { packageRoot } from '../../src/package-root.ts';
import { loadProject } from '../../src/project/load.ts';
import { until } from './support.ts';

/** Runs Lua code in a real nginx, with the gateway's modules on its path: the only interpreter they are written for. */
export class LuaHost {
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #client: PrivateClient;

  private constructor(dir: string, child: ChildProcess) {
    this.#dir = dir;
    this.#child = child;
    this.#client = createPrivateClient(join(dir, 'lua.sock'));
  }

  static async start(): Promise<LuaHost> {
    const dir = mkdtempSync(join(tmpdir(), 'fastfn-lua-'));
    mkdirSync(join(dir, 'tmp'));
    const config = await loadProject({ command: 'dev', flags: { native: true }, env: {}, cwd: dir });
    const { nginx } = await findNativePrerequisites(config, []);
    if (isMissing(nginx)) throw new Error(nginx.problem);
    writeFileSync(
      join(dir, 'nginx.conf'),
      `${nginx.modules.map((module) => `load_module ${module};`).join('\n')}
daemon off; master_process off; pid ${dir}/nginx.pid; error_log stderr warn;
events {}
http {
  client_body_temp_path ${dir}/tmp/body; proxy_temp_path ${dir}/tmp/proxy; fastcgi_temp_path ${dir}/tmp/fastcgi;
  uwsgi_temp_path ${dir}/tmp/uwsgi; scgi_temp_path ${dir}/tmp/scgi;
  access_log off; client_body_buffer_size 8m; client_max_body_size 8m;
  lua_package_path "${packageRoot}/?.lua;;";
  lua_shared_dict fn_table 8m; lua_shared_dict fn_counters 1m; lua_shared_dict fn_rates 1m;
  server {
    listen unix:${dir}/lua.sock;
    location = /run {
      content_by_lua_block {
        local cjson = require "cjson.safe"
        ngx.req.read_body()
        local message = cjson.decode(ngx.req.get_body_data())
        local chunk, err = loadstring(message.code, "=test")
        local ok, result = pcall(chunk or function() error(err) end, message.input)
        ngx.print(cjson.encode(ok and { result = result } or { error = tostring(result) }))
      }
    }
  }
}`,
    );
    const child = spawn(nginx.path, ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await until(() => existsSync(join(dir, 'lua.sock')), 'nginx listens');
    return new LuaHost(dir, child);
  }

  /** Runs a chunk with `...` = input; its result travels as JSON. */
  async run(code: string, input?: unknown): Promise<any> {
    const answer = (await this.#client.post('/run', JSON.stringify({ code, input }))) as {
      result?: unknown;
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  async stop(): Promise<void> {
    this.#client.close();
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
