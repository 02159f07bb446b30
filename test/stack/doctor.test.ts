import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTime } from '../../src/process-identity.ts';
import { buildPackage, cleanEnvironment, type Result, runToEnd } from '../unit/cli-support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { TestStack, writeFiles } from './support.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const SCHEMA = JSON.parse(readFileSync(join(ROOT, 'docs/reference/doctor.schema.json'), 'utf8'));
const EVERY_LANGUAGE = join(ROOT, 'test/fixtures/every-language');
const NO_NGINX = { PATH: '/nowhere', FN_NGINX_BIN: '/nowhere/nginx' };

const ajv = new Ajv2020();
addFormats.default(ajv);
const matchesSchema = ajv.compile(SCHEMA);

let fastfnPath: string;
let cwd: string;
let temporary: string;

beforeAll(() => {
  fastfnPath = buildPackage();
});
beforeEach(() => {
  cwd = temporaryFolder();
  temporary = temporaryFolder();
});

/**
 * Without a Docker daemon, unless a test names one: what other mode there is decides the severity. With temporary folders of
 * the test alone, so that --fix meets no stack of another one.
 */
function fastfn(args: readonly string[], env: NodeJS.ProcessEnv = {}, folder = cwd): Promise<Result> {
  const own = {
    DOCKER_HOST: 'unix:///nowhere/docker.sock',
    XDG_RUNTIME_DIR: temporary,
    TMPDIR: temporary,
    FN_PORT: '0',
  };
  return runToEnd(fastfnPath, args, { cwd: folder, env: { ...cleanEnvironment(cwd), ...own, ...env } });
}

/** The JSON report of a command, which must be what the published schema says. */
async function report(args: readonly string[], env: NodeJS.ProcessEnv = {}, folder = cwd) {
  const { code, stdout, stderr } = await fastfn([...args, '--json'], env, folder);
  const document = JSON.parse(stdout);
  matchesSchema(document);
  expect(matchesSchema.errors).toBeNull();
  const byId = Object.fromEntries(document.checks.map((check: { id: string }) => [check.id, check]));
  return { code, stderr, document, byId };
}

interface Daemon {
  readonly env: NodeJS.ProcessEnv;
  /** What it was told to remove. */
  readonly removed: readonly string[];
  close(): void;
}

/** Answers like a Docker daemon that has these things; the real ones of this machine belong to others. */
async function startDaemon(content: {
  readonly hasImage?: boolean;
  readonly containers?: readonly object[];
  readonly networks?: readonly object[];
  readonly images?: readonly object[];
}): Promise<Daemon> {
  const { hasImage = true, containers = [], networks = [], images = [] } = content;
  const removed: string[] = [];
  const server = createHttpServer(({ method, url = '' }, response) => {
    const path = decodeURIComponent(url.split('?')[0]!.replace(/^\/v[\d.]+/, ''));
    if (method === 'DELETE') removed.push(path);
    const lists: Record<string, unknown> = {
      '/version': { Version: '28.1.0', ApiVersion: '1.49', Os: 'linux' },
      '/containers/json': containers,
      '/networks': networks,
      '/images/json': images,
    };
    const isAbsent = lists[path] === undefined && method === 'GET' && !hasImage;
    const status = !isAbsent ? 200 : path.startsWith('/distribution/') ? 500 : 404;
    const body = isAbsent ? { message: 'registry.test is out of reach' } : (lists[path] ?? {});
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const socket = join(temporary, 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { env: { DOCKER_HOST: `unix://${socket}` }, removed, close: () => server.close() };
}

describe('the report', () => {
  beforeEach(() => cpSync(EVERY_LANGUAGE, cwd, { recursive: true }));

  test('P263: it is one JSON document that matches the published schema, and its summary adds up', async () => {
    const { document, byId } = await report(['doctor']);
    expect(document).toMatchObject({ scope: 'general', version: PACKAGE.version });
    const { ok, warn, fail } = document.summary;
    expect(ok + warn + fail).toBe(document.checks.length);
    expect(byId['runtime.openresty']).toMatchObject({ status: 'OK', details: { flavor: expect.any(String) } });
    expect(byId['runtime.python']).toMatchObject({ status: 'OK', details: { functions: '1' } });
    expect(byId['project.discovery']).toMatchObject({ status: 'OK', message: '4 functions, 4 routes' });
    expect(byId['project.port']).toMatchObject({ status: 'OK', details: { skipped: 'port 0 takes any free one' } });
  });

  test('P266-P286: every check is in it, family by family', async () => {
    const { document } = await report(['doctor']);
    expect(document.checks.map(({ id }: { id: string }) => id)).toMatchSnapshot();
  });

  test('P264: the text has one line per check, hints and details below it, and ends with the summary', async () => {
    const { code, stdout } = await fastfn(['doctor']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const outer = lines.filter((line) => !line.startsWith('  '));
    expect(outer[0]).toBe('FastFN Doctor (general)');
    expect(outer.at(-1)).toMatch(/^Summary: OK=\d+ WARN=\d+ FAIL=0$/);
    for (const line of outer.slice(1, -1)) expect(line).toMatch(/^\[(OK|WARN|FAIL)\] [a-z_.]+: .+$/);
    for (const line of lines.filter((line) => line.startsWith('  '))) expect(line).toMatch(/^ {2}\S.*: ./);
  });

  test('P1: colours are for terminals, and FORCE_COLOR', async () => {
    expect((await fastfn(['check'])).stdout).not.toContain('\u001b');
    expect((await fastfn(['check'], { FORCE_COLOR: '1' })).stdout).toContain('\u001b[32m[OK]\u001b[39m');
  });

  test('P264: what failed is told on standard error too, with its hint', async () => {
    const { code, stderr } = await fastfn(['doctor'], NO_NGINX);
    expect(code).toBe(1);
    expect(stderr).toContain('error: runtime.php: PHP is not installed; needed by greet-php\nhint: Install it: ');
  });

  test('--strict turns warnings into failures', async () => {
    const folder = temporaryFolder();
    expect((await fastfn(['doctor'], {}, folder)).code).toBe(0);
    expect((await fastfn(['doctor', '--strict'], {}, folder)).code).toBe(1);
  });

  test.each([[['doctor', '--mode', 'dokcer'], '--mode: "dokcer" is not one of auto, native, docker']])(
    'P6: %j is a mistake in the command line',
    async (args, message) => {
      const { code, stdout, stderr } = await fastfn(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`error: ${message}`);
    },
  );
});

describe('severity', () => {
  beforeEach(() => cpSync(EVERY_LANGUAGE, cwd, { recursive: true }));

  test('P265: a missing language fails when functions need it, and is not checked when none does', async () => {
    const { code, byId } = await report(['doctor'], NO_NGINX);
    expect(code).toBe(1);
    expect(byId['runtime.php']).toMatchObject({ status: 'FAIL', message: 'PHP is not installed; needed by greet-php' });
    mkdirSync(join(cwd, 'empty'));
    writeFileSync(join(cwd, 'empty.json'), '{"functions-dir": "empty"}');
    const empty = await report(['doctor', '--config', 'empty.json'], { PATH: '/nowhere' });
    expect(empty.byId['runtime.php']).toMatchObject({ status: 'OK', details: { skipped: 'no function needs PHP' } });
  });

  test('P265: without Docker it is a warning as long as native mode works, else a failure', async () => {
    const native = await report(['doctor']);
    expect(native.byId['docker.daemon']).toMatchObject({ status: 'WARN', hint: expect.any(String) });
    const neither = await report(['doctor'], { PATH: '/nowhere' });
    expect(neither.byId['docker.daemon'].status).toBe('FAIL');
    expect(neither.byId['runtime.python'].status).toBe('FAIL');
    const chosen = await report(['doctor', '--mode', 'native']);
    expect(chosen.byId['docker.daemon']).toMatchObject({ status: 'OK', details: { skipped: expect.any(String) } });
  });

  test('P265, P269: where Docker answers, what native mode lacks is a warning; a wrong FN_*_BIN stays a failure', async () => {
    const docker = await startDaemon({});
    const { byId } = await report(['doctor'], { ...docker.env, PATH: '/nowhere', FN_PHP_BIN: '/nowhere/php' });
    const details = { server_version: '28.1.0', api_version: '1.49', socket: docker.env.DOCKER_HOST };
    expect(byId['docker.daemon']).toMatchObject({ status: 'OK', details });
    expect(byId['runtime.python'].status).toBe('WARN');
    expect(byId['runtime.php'].status).toBe('FAIL');
    const chosen = await report(['doctor', '--mode', 'docker'], { ...docker.env, PATH: '/nowhere' });
    expect(chosen.byId['runtime.python']).toMatchObject({ status: 'OK', details: { skipped: expect.any(String) } });
    const strict = await report(['doctor', '--mode', 'native'], { ...docker.env, PATH: '/nowhere' });
    expect(strict.byId['runtime.python'].status).toBe('FAIL');
    docker.close();
  });

  test('P265, P270: a daemon that has no image and reaches no registry cannot replace native mode', async () => {
    const docker = await startDaemon({ hasImage: false });
    const { byId } = await report(['doctor'], { ...docker.env, PATH: '/nowhere' });
    expect(byId['docker.image']).toMatchObject({
      status: 'FAIL',
      message: expect.stringContaining('registry.test is out of reach'),
      hint: expect.stringContaining('FN_DOCKER_BASE_IMAGE'),
    });
    expect(byId['runtime.python'].status).toBe('FAIL');
    expect((await report(['doctor'], docker.env)).byId['docker.image'].status).toBe('WARN');
    docker.close();
  });
});

describe('what Docker mode left', () => {
  const living = `${process.pid} ${startTime(process.pid)} ${readlinkSync('/proc/self/ns/pid')}`;
  const labels = (owner: string) => ({ 'dev.fastfn.project': '0123456789', 'dev.fastfn.owner': owner });
  const content = {
    containers: [
      { Id: 'c1', Names: ['/fastfn-dead'], Labels: labels(living.replace(/^\d+/, String(2 ** 22 + 1))) },
      { Id: 'c2', Names: ['/fastfn-alive'], Labels: labels(living) },
    ],
    networks: [
      { Id: 'n1', Name: 'fastfn-dead', Labels: labels('') },
      { Id: 'n2', Name: 'fastfn-alive', Labels: labels(living) },
    ],
    images: [1, 2, 3].map((Created) => ({ Created, RepoTags: [`fastfn-stack:00000000000${Created}`] })),
  };

  test('P271: containers and networks of dead stacks and old images are named; those of living ones are not', async () => {
    const docker = await startDaemon(content);
    const { byId } = await report(['doctor'], docker.env);
    expect(byId['docker.leftovers']).toMatchObject({
      status: 'WARN',
      message: 'left behind: container fastfn-dead, network fastfn-dead, image fastfn-stack:000000000001',
      hint: expect.stringContaining('--fix'),
    });
    expect(docker.removed).toEqual([]);
    docker.close();
  });

  test('P287: --fix removes exactly these', async () => {
    const docker = await startDaemon(content);
    const { byId } = await report(['doctor', '--fix', '--yes'], docker.env);
    expect(byId['docker.leftovers.fix']).toMatchObject({
      status: 'OK',
      message: expect.stringMatching(/^removed container/),
    });
    expect(docker.removed).toEqual(['/containers/c1', '/networks/n1', '/images/fastfn-stack:000000000001']);
    docker.close();
  });
});

describe('the project', () => {
  const hello = { 'hello.js': 'exports.handler = () => 1;' };

  test('P276: every problem of the configuration is in the report, and the checks that need it are skipped', async () => {
    writeFileSync(join(cwd, 'fastfn.json'), '{"prot": 1, "host": 2}');
    const { code, byId } = await report(['doctor']);
    expect(code).toBe(1);
    expect(Object.values(byId['project.config'].details)).toEqual([
      'fastfn.json: unknown key "prot" (did you mean "port"?)',
      'fastfn.json: host: must be a string, not 2',
    ]);
    expect(byId['runtime.openresty'].details.skipped).toBe('the configuration is invalid');
    expect((await report(['check'])).code).toBe(2);
  });

  test('P277: a functions folder that does not exist fails', async () => {
    writeFileSync(join(cwd, 'fastfn.json'), '{"functions-dir": "gone"}');
    const { code, byId } = await report(['doctor']);
    expect(code).toBe(1);
    expect(byId['project.functions_dir']).toMatchObject({
      status: 'FAIL',
      message: expect.stringContaining('gone does not exist'),
    });
    expect((await report(['check', 'elsewhere'])).code).toBe(2);
  });

  test('P5, P278: claims to the same route are a warning with both files, and check ends with 1', async () => {
    writeFiles(cwd, { ...hello, 'hello.py': 'def handler(event): return 1' });
    const { code, stderr, byId } = await report(['check']);
    expect(byId['project.discovery']).toMatchObject({
      status: 'WARN',
      details: { 'GET /hello': 'claimed by hello.js and hello.py, so it answers 409' },
    });
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: project.discovery: files claim the same route\n' });
    expect((await report(['doctor'])).code).toBe(0);
  });

  test('P264, P279, F117: an invalid fn.config.json fails and check ends with 2', async () => {
    writeFiles(cwd, { 'a/handler.js': hello['hello.js'], 'a/fn.config.json': { timeout_ms: 'x' } });
    const { code, byId } = await report(['check']);
    expect(code).toBe(2);
    const details = { 'a/fn.config.json': expect.stringContaining('timeout_ms') };
    expect(byId['project.functions']).toMatchObject({ status: 'FAIL', details });
    expect((await report(['doctor'])).code).toBe(1);
  });

  test('F118, P279: an unknown key is a warning with the nearest one', async () => {
    writeFiles(cwd, { 'a/handler.js': hello['hello.js'], 'a/fn.config.json': { timeoutms: 5 } });
    const { code, byId } = await report(['check']);
    expect(code).toBe(0);
    expect(byId['project.functions'].status).toBe('WARN');
    expect(JSON.stringify(byId['project.functions'])).toContain('timeout_ms');
  });

  test('P280: files of secrets that others may read are named, with the line that closes them', async () => {
    writeFiles(cwd, {
      ...hello,
      'a b/handler.js': hello['hello.js'],
      'a b/fn.env.json': { API_KEY: 'x' },
      '.env': 'A=1',
    });
    for (const name of ['a b/fn.env.json', '.env']) chmodSync(join(cwd, name), 0o644);
    const { byId } = await report(['check']);
    expect(byId['project.secrets']).toMatchObject({
      status: 'WARN',
      hint: `chmod 600 '${join(cwd, 'a b/fn.env.json')}' '${join(cwd, '.env')}'`,
      details: { 'a b/fn.env.json': 'others may read it (mode 644)', '.env': 'others may read it (mode 644)' },
    });
  });

  test('P282: a port that another program has is a warning with its name', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { byId } = await report(['doctor'], { FN_PORT: String(port) });
    server.close();
    expect(byId['project.port']).toMatchObject({
      status: 'WARN',
      message: expect.stringContaining(`port ${port} is in use by pid ${process.pid}`),
      hint: expect.stringContaining('--port'),
    });
  });

  test('P283: a damaged state file fails and is named; a folder that cannot be written fails too', async () => {
    writeFiles(cwd, { ...hello, '.fastfn/scheduler-state.json': '{"version": 2, "sch' });
    const { byId } = await report(['check']);
    const file = join(cwd, '.fastfn/scheduler-state.json');
    expect(byId['project.state']).toMatchObject({ status: 'FAIL', details: { [file]: 'is not valid JSON' } });
    const blocked = await report(['check'], { FN_STATE_DIR: join(cwd, 'hello.js/state') });
    expect(blocked.byId['project.state'].message).toContain('hello.js is not a folder');
  });

  test('P284: schedules that this version does not run are named', async () => {
    writeFiles(cwd, { 'a/handler.js': hello['hello.js'], 'a/fn.config.json': { schedule: { cron: '* * * * *' } } });
    const { byId } = await report(['check']);
    expect(byId['project.schedules']).toMatchObject({ status: 'WARN', details: { 'a/fn.config.json': 'is not run' } });
  });

  test('P285: writing from anywhere without a token fails; the token makes it safe', async () => {
    const open = { FN_HOST: '0.0.0.0', FN_CONSOLE_WRITE_ENABLED: '1' };
    const { code, byId } = await report(['doctor'], open);
    expect(code).toBe(1);
    expect(byId['security.admin']).toMatchObject({ status: 'FAIL', hint: expect.stringContaining('FN_ADMIN_TOKEN') });
    const closed = await report(['doctor'], { ...open, FN_ADMIN_TOKEN: 'long-enough-for-everybody' });
    expect(closed.byId['security.admin'].status).toBe('OK');
  });
});

describe('check', () => {
  test('P17: it looks at the project alone, and starts no process', async () => {
    cpSync(EVERY_LANGUAGE, cwd, { recursive: true });
    const { code, document } = await report(['check'], { PATH: '/nowhere' });
    expect(code).toBe(0);
    expect(document.scope).toBe('project');
    for (const { id } of document.checks) expect(id).toMatch(/^project\./);
    expect(readdirSync(cwd)).toEqual(readdirSync(EVERY_LANGUAGE));
  });

  test('P264: its text', async () => {
    writeFiles(cwd, {
      'hello.js': 'exports.handler = () => 1;',
      'package.json': { dependencies: { 'is-odd': '3.0.1' } },
    });
    const { stdout } = await fastfn(['check']);
    expect(stdout.replaceAll(cwd, '<project>')).toMatchSnapshot();
  });

  test('a project path may hold blanks, a colon and other scripts', async () => {
    const folder = join(cwd, 'my project: été 日本');
    writeFiles(folder, { 'hello.js': 'exports.handler = () => 1;' });
    const { code, byId } = await report(['check'], {}, folder);
    expect(code).toBe(0);
    expect(byId['project.discovery'].message).toBe('1 function, 1 route');
    const { byId: all } = await report(['doctor'], {}, folder);
    expect(all['runtime.openresty'].status).toBe('OK');
  });

  test('broken links, links that leave the folder and names with line ends do not stop it', async () => {
    writeFiles(cwd, { 'hello.js': 'exports.handler = () => 1;', 'bad\nname/handler.js': '' });
    symlinkSync('/nowhere/at/all.js', join(cwd, 'gone.js'));
    symlinkSync('/etc', join(cwd, 'outside'));
    symlinkSync('.', join(cwd, 'loop'));
    const { code, byId } = await report(['check']);
    expect(code).toBe(0);
    expect(byId['project.discovery']).toMatchObject({ status: 'WARN', details: { 'gone.js': expect.any(String) } });
    const { stdout } = await fastfn(['check']);
    for (const line of stdout.trimEnd().split('\n')) expect(line).toMatch(/^(FastFN|\[|Summary| {2}\S)/);
  });

  test('10,000 files in node_modules are not looked at', async () => {
    writeFiles(cwd, { 'hello.js': 'exports.handler = () => 1;' });
    for (let folder = 0; folder < 100; folder++) {
      mkdirSync(join(cwd, `node_modules/package-${folder}`), { recursive: true });
      for (let file = 0; file < 100; file++) writeFileSync(join(cwd, `node_modules/package-${folder}/${file}.js`), '');
    }
    const { code, byId } = await report(['check']);
    expect(code).toBe(0);
    expect(byId['project.discovery'].message).toBe('1 function, 1 route');
  });

  test('without HOME it works as well', async () => {
    const { HOME: _home, ...env } = cleanEnvironment(cwd);
    const { code } = await runToEnd(fastfnPath, ['check'], { cwd, env });
    expect(code).toBe(0);
  });
});

describe('domains', () => {
  test('P288, P297: names of fastfn.json are checked even where the project is not in order', async () => {
    writeFileSync(
      join(cwd, 'fastfn.json'),
      '{"functions-dir": "gone", "domains": ["not_a_name.test", {"host": "*.test"}]}',
    );
    const { code, stderr, document } = await report(['doctor', 'domains']);
    expect(code).toBe(1);
    expect(document).toMatchObject({ scope: 'domains', summary: { ok: 12, warn: 0, fail: 2 } });
    expect(stderr).toContain('error: [not_a_name.test] domain.format: ');
    const { stdout } = await fastfn(['check', 'domains']);
    expect(stdout).toMatch(/^FastFN Doctor \(domains\)\n\[FAIL\] \[not_a_name\.test\] domain\.format: /);
  });

  test('P288: an entry that cannot be read ends with 2', async () => {
    writeFileSync(join(cwd, 'fastfn.json'), '{"domains": ["example.com", {"domain": "b.test", "prot": 1}]}');
    const { code, stdout, stderr } = await fastfn(['doctor', 'domains']);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: fastfn.json: domains: entry 2: unknown key "prot"\n',
    });
  });

  test('P288: the example of the documentation is a valid configuration', async () => {
    const page = readFileSync(join(ROOT, 'docs/doctor.md'), 'utf8');
    writeFileSync(join(cwd, 'fastfn.json'), /```json\n([\s\S]*?)```/.exec(page)![1]!);
    expect((await report(['check'])).byId['project.config'].status).toBe('OK');
  });
});

describe('--fix', () => {
  const byId = (results: Awaited<ReturnType<typeof report>>) => results.byId;

  test('P287: it writes a minimal fastfn.json where there is none, and never changes one', async () => {
    expect((await report(['doctor'])).byId['project.config'].status).toBe('WARN');
    const fixed = byId(await report(['doctor', '--fix', '--yes']));
    const message = `wrote ${join(cwd, 'fastfn.json')}`;
    expect(fixed['project.config.fix']).toMatchObject({ status: 'OK', message });
    expect(fixed['project.config'].status).toBe('OK');
    expect(JSON.parse(readFileSync(join(cwd, 'fastfn.json'), 'utf8'))).toEqual({ 'functions-dir': '.' });
    writeFileSync(join(cwd, 'fastfn.json'), '{"port": 0}');
    expect(byId(await report(['doctor', '--fix', '--yes']))['project.config.fix']).toBeUndefined();
    expect(readFileSync(join(cwd, 'fastfn.json'), 'utf8')).toBe('{"port": 0}');
  });

  test('P287: it closes fn.env.json to others, leaves .env, and creates the state folder', async () => {
    writeFiles(cwd, { 'a/handler.js': 'exports.handler = () => 1;', 'a/fn.env.json': { API_KEY: 'x' }, '.env': 'A=1' });
    for (const name of ['a/fn.env.json', '.env']) chmodSync(join(cwd, name), 0o644);
    const fixed = byId(await report(['doctor', '--fix', '--yes']));
    expect(fixed['project.secrets.fix'].message).toContain(join(cwd, 'a/fn.env.json'));
    expect(fixed['project.state.fix'].message).toBe(`created ${join(cwd, '.fastfn')}`);
    const modes = ['a/fn.env.json', '.env', '.fastfn'].map((name) => statSync(join(cwd, name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o644, 0o700]);
    const again = byId(await report(['doctor', '--fix', '--yes']));
    expect(Object.keys(again).filter((id) => id.endsWith('.fix'))).toEqual([]);
  });

  test('P265: without --fix nothing is changed', async () => {
    writeFiles(cwd, { 'hello.js': 'exports.handler = () => 1;', 'fn.env.json': { API_KEY: 'x' } });
    chmodSync(join(cwd, 'fn.env.json'), 0o644);
    const before = readdirSync(cwd);
    await report(['doctor']);
    expect(readdirSync(cwd).filter((name) => name !== '.cache')).toEqual(before);
    expect(statSync(join(cwd, 'fn.env.json')).mode & 0o777).toBe(0o644);
  });

  test('P287: without consent, or where nothing may be installed, it prints the exact command and exits 3', async () => {
    cpSync(EVERY_LANGUAGE, cwd, { recursive: true });
    const { code, stderr } = await fastfn(['doctor', '--fix'], NO_NGINX);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^hint: Run: .*apt-get install -y --no-install-recommends .*php-cli.*, or add --yes\.$/m);
    const agreed = await fastfn(['doctor', '--fix', '--yes'], NO_NGINX);
    expect(agreed.code).toBe(3);
    expect(agreed.stderr).toMatch(/^hint: Run: sudo apt-get update && sudo apt-get install/m);
  });

  test('P287: --fix --yes installs what the functions need, and nothing else, with apt and without questions', async () => {
    cpSync(EVERY_LANGUAGE, cwd, { recursive: true });
    const bin = join(cwd, 'bin');
    mkdirSync(bin);
    for (const name of ['sh', 'chmod', 'rm', 'true']) symlinkSync(`/bin/${name}`, join(bin, name));
    writeFileSync(join(bin, 'sudo'), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
    writeFileSync(join(bin, 'apt-get'), `#!/bin/sh\necho "$DEBIAN_FRONTEND: $*" >> ${cwd}/apt.log\n`, { mode: 0o755 });
    const { code, stdout, stderr } = await fastfn(['doctor', '--fix', '--yes'], { PATH: bin });
    expect(readFileSync(join(cwd, 'apt.log'), 'utf8').split('\n').slice(-3)).toEqual([
      'noninteractive: -o DPkg::Lock::Timeout=120 update',
      'noninteractive: -o DPkg::Lock::Timeout=120 install -y --no-install-recommends npm python3 python3-pip php-cli',
      '',
    ]);
    expect(stderr).toContain('installing npm, python, pip, php\n');
    expect(stdout).toContain('[OK] runtime.php.fix: installed npm python3 python3-pip php-cli\n');
    expect(code).toBe(1); // this apt installs nothing, and the report says so
  });
});

describe('a stack', () => {
  let stack: TestStack | undefined;
  afterEach(() => stack?.stop());

  /** Looks from the stack's folder, with its run and state directories. */
  function examine(of: TestStack, args: readonly string[] = []) {
    const env = { FN_STATE_DIR: join(of.base, 'state'), FN_RUN_DIR: of.runDir, FN_PORT: String(of.port) };
    return report(['doctor', ...args], env, of.dir);
  }

  test('P282, P286: a running one is told with its state, and its port is no conflict', async () => {
    stack = await TestStack.start({ 'hello.js': 'exports.handler = () => 1;' });
    const { byId } = await examine(stack);
    expect(byId['stack.running']).toMatchObject({ status: 'OK', message: `running at ${stack.url}` });
    expect(byId['stack.running'].details[stack.url]).toBe(
      `pid ${stack.pid}, native, version ${PACKAGE.version}, ready`,
    );
    expect(byId['project.port']).toMatchObject({ status: 'OK', message: expect.stringContaining(`pid ${stack.pid}`) });
    const path = join(stack.runDir, 'run.json');
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), version: '0.0.9' }));
    expect((await examine(stack)).byId['stack.running']).toMatchObject({
      status: 'WARN',
      message: expect.stringContaining('with version 0.0.9'),
    });
    await examine(stack, ['--fix', '--yes']);
    expect((await stack.get('/hello')).status).toBe(200);
  });

  test('P286, P287: what a dead one left is a warning, and --fix removes it', async () => {
    const runDir = join(cwd, 'old-run');
    const gone = { pid: 2 ** 22 + 1, pid_start: 1, mode: 'native', url: 'http://127.0.0.1:9', port: 9 };
    const rest = { functions_root: cwd, project_id: '0123456789', started_at: '', version: '0.1.0', children: [] };
    writeFiles(runDir, { 'run.json': { ...gone, ...rest, control_socket: '', log_dir: '' }, 'worker.sock': '' });
    const before = await report(['doctor'], { FN_RUN_DIR: runDir });
    expect(before.byId['stack.running']).toMatchObject({ status: 'WARN', hint: expect.stringContaining('--fix') });
    const fixed = await report(['doctor', '--fix', '--yes'], { FN_RUN_DIR: runDir });
    expect(fixed.byId['stack.running.fix']).toMatchObject({ status: 'OK', message: `removed ${runDir}` });
    expect(fixed.byId['stack.running'].status).toBe('OK');
    expect(existsSync(runDir)).toBe(false);
  });

  test('P287: a folder that holds nothing of ours is not touched, whatever FN_RUN_DIR says', async () => {
    const mine = join(cwd, 'mine');
    writeFiles(mine, { 'letter.txt': 'dear' });
    const { byId } = await report(['doctor', '--fix', '--yes'], { FN_RUN_DIR: mine });
    expect(byId['stack.running.fix']).toBeUndefined();
    expect(readFileSync(join(mine, 'letter.txt'), 'utf8')).toBe('dear');
  });
});
