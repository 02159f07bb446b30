import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './children.mjs';
import { freePort } from './http.mjs';

/** The same program that FastFN takes. */
const PROGRAM = spawnSync('openresty', ['-v']).error ? 'nginx' : 'openresty';
const MODULES = '/etc/nginx/modules-enabled';

/**
 * Starts a plain nginx with a prefix of its own and as many workers as the product has. It keeps an access log in nginx's
 * default format, buffered, because the product as shipped keeps one too.
 */
export async function startNginx(dir, { http = '', location }) {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  writeFileSync(
    join(dir, 'nginx.conf'),
    `${loadModules()}
daemon off; worker_processes 2; pid ${dir}/nginx.pid; error_log ${dir}/error.log; worker_rlimit_nofile 65536;
${process.getuid() === 0 ? 'user root root;' : ''}
events { worker_connections 4096; }
http {
  access_log ${dir}/access.log combined buffer=64k flush=1s;
  ${temporary.join(' ')}
  client_body_buffer_size 128k; client_max_body_size 1m;
  ${http}
  server { listen 127.0.0.1:${port} backlog=1024; location / { ${location} } }
}
`,
  );
  const started = start(PROGRAM, ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')]);
  return { started, url: `http://127.0.0.1:${port}` };
}

/** Distributions ship Lua as a module, named relative to nginx's own prefix; OpenResty has it built in. */
function loadModules() {
  const { stderr } = spawnSync(PROGRAM, ['-V'], { encoding: 'utf8' });
  const prefix = /--prefix=(\S+)/.exec(stderr)?.[1];
  if (PROGRAM === 'openresty' || !existsSync(MODULES)) return '';
  const lines = readdirSync(MODULES)
    .sort()
    .map((name) => readFileSync(join(MODULES, name), 'utf8'));
  return lines.join('\n').replace(/load_module\s+modules\//g, `load_module ${prefix}/modules/`);
}
