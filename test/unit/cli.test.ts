import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildPackage, cleanEnvironment, type Result, runToEnd } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const EVERY_LANGUAGE = fileURLToPath(new URL('../fixtures/every-language', import.meta.url));

let fastfnPath: string;
let cwd: string;

beforeAll(() => {
  fastfnPath = buildPackage();
});
beforeEach(() => {
  cwd = temporaryFolder();
});

function fastfn(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return runToEnd(fastfnPath, args, { cwd, env: { ...cleanEnvironment(cwd), ...env } });
}

describe('usage', () => {
  test.each([
    [['dve'], 'unknown command "dve" (did you mean "dev"?)'],
    [['frobnicate'], 'unknown command "frobnicate"'],
    [['dev', '--prot', '80'], 'unknown flag "--prot" (did you mean "--port"?)'],
    [['dev', '--prot=80'], 'unknown flag "--prot" (did you mean "--port"?)'],
    [['--qiet', 'dev'], 'unknown flag "--qiet" (did you mean "--quiet"?)'],
    [['run', '--poll'], 'unknown flag "--poll"'],
    [['help', 'vershun'], 'unknown command "vershun" (did you mean "version"?)'],
  ])('P2: %j names the nearest known name on one line, exit 2', async (args, message) => {
    const { code, stdout, stderr } = await fastfn(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')).toEqual([expect.stringContaining(`error: ${message}`), '']);
  });

  test.each([
    [['dev', 'a', 'b']],
    [['dev', '--port']],
    [['dev', '--native', '--build']],
    [['dev', '--native', '--port', 'x']],
    [['dev', '--native', 'missing']],
    [['dev', '--native', '--config', 'missing.json']],
    [['--cwd', 'missing', 'dev', '--native']],
  ])('P6: %j exits with 2 and one reason', async (args) => {
    const { code, stdout, stderr } = await fastfn(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .+\n(hint: .+\n)?$/);
  });

  test('P23: what a later version deploys to is not available in this one, exit 2', async () => {
    const { code, stdout, stderr } = await fastfn(['deploy', 'swarm']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('error: "fastfn deploy swarm" is not available in this version\n');
  });

  test('P23: a value that is called like a command is a value', async () => {
    mkdirSync(join(cwd, 'build'));
    expect((await fastfn(['--cwd', 'build', 'dev', '--dry-run'])).code).toBe(0);
  });

  test('without a command the usage is shown on standard error, exit 2', async () => {
    const { code, stdout, stderr } = await fastfn([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: fastfn <command>');
  });

  test('P3: a stack trace is shown with --log-level debug only', async () => {
    const args = ['dev', '--native', 'missing'];
    expect((await fastfn(args)).stderr).not.toContain('    at ');
    expect((await fastfn([...args, '--log-level', 'debug'])).stderr).toContain('    at ');
    expect((await fastfn(['-v', ...args])).stderr).toContain('    at ');
  });

  test('P37: every configuration problem is a line of its own', async () => {
    writeFileSync(join(cwd, 'fastfn.json'), '{"function-dir": "x", "port": -1}');
    const { code, stderr } = await fastfn(['dev', '--native'], { FN_HOST: '?' });
    expect(code).toBe(2);
    expect(stderr.split('\n')).toEqual([
      'error: fastfn.json: unknown key "function-dir" (did you mean "functions-dir"?)',
      'error: FN_HOST: "?" is not an IP address or localhost',
      'error: fastfn.json: port: must be an integer from 0 to 65535, not -1',
      '',
    ]);
  });
});

describe('version and help', () => {
  test.each([[['version']], [['--version']], [['-q', 'version']], [['--version', 'dev']]])('P20: %j', async (args) => {
    expect(await fastfn(args)).toEqual({ code: 0, stdout: `FastFN ${PACKAGE.version}\n`, stderr: '' });
  });

  test.each([[['version', '--json']], [['--version', '--json']]])('P20: %j is one JSON document', async (args) => {
    const { stdout } = await fastfn(args);
    const platform = `${process.platform}-${process.arch}`;
    expect(JSON.parse(stdout)).toEqual({
      version: PACKAGE.version,
      commit: null,
      node: process.versions.node,
      platform,
    });
  });

  test.each([[['help']], [['--help']], [['-h']]])('P22: %j lists the commands, exit 0', async (args) => {
    const { code, stdout, stderr } = await fastfn(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['dev', 'run', 'doctor', 'version', 'help'])
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  test.each([[['help', 'dev']], [['dev', '--help']], [['-h', 'dev', '--native']]])(
    'P22: %j shows flags, defaults, variables and two examples',
    async (args) => {
      const { code, stdout } = await fastfn(args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^ {2}--port <number> .*default: 8080; FN_HOST_PORT; FN_PORT/m);
      expect(stdout.split('Examples:\n')[1]?.trim().split('\n')).toHaveLength(2);
    },
  );

  test('a reader that leaves early is no failure', async () => {
    const status = execFileSync('bash', [
      '-c',
      `"${process.execPath}" "${fastfnPath}" help dev | head -c 10 >/dev/null; echo "\${PIPESTATUS[0]}"`,
    ]);
    expect(status.toString().trim()).toBe('0');
  });
});

describe('dry run', () => {
  async function dryRun(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { code, stdout, stderr } = await fastfn([...args, '--dry-run'], env);
    expect({ code, stderr: stderr.replace(/^note: .*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  test('P26: it prints one JSON document with the source of each setting and writes nothing', async () => {
    const document = await dryRun(['dev', '--native', '--port=3000', '--no-watch'], {
      FN_HOST: '::1',
      PATH: '/nowhere',
    });
    expect(document).toMatchObject({
      mode: 'native',
      runtimes: ['node', 'python', 'php', 'lua'],
      settings: {
        port: { value: 3000, source: 'flag' },
        host: { value: '::1', source: 'environment' },
        'hot-reload': { value: false, source: 'flag' },
        'drain-timeout-seconds': { value: 3, source: 'default' },
      },
    });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('P26: in Docker mode it needs no daemon, and prints the image and the container', async () => {
    writeFileSync(join(cwd, '.env'), 'MY_TOKEN=very-secret-token');
    const document = await dryRun(['run'], {
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
      FN_ADMIN_TOKEN: 'very-secret-token',
    });
    expect(document).toMatchObject({
      mode: 'docker',
      image: expect.stringMatching(/^fastfn-stack:[0-9a-f]{12}$/),
      container: {
        name: expect.stringMatching(/^fastfn-[0-9a-f]{10}$/),
        HostConfig: { ReadonlyRootfs: true, PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }] } },
      },
    });
    expect(JSON.stringify(document)).not.toContain('very-secret-token');
  });

  test('P26: secrets are masked', async () => {
    const document = await dryRun(['dev', '--native'], { FN_ADMIN_TOKEN: 'very-secret-token' });
    expect(document.settings['admin-token']).toEqual({ value: '<hidden>', source: 'environment' });
    expect(JSON.stringify(document)).not.toContain('very-secret-token');
  });

  test('P2: global flags count before and after the command, and --env-file may be repeated', async () => {
    writeFileSync(join(cwd, 'a.env'), 'FN_PORT=1\nFN_HOST=::1');
    writeFileSync(join(cwd, 'b.env'), 'FN_PORT=2');
    const before = await dryRun(['--env-file', 'a.env', '--env-file=b.env', '-q', 'dev']);
    const after = await dryRun(['dev', '-q', '--env-file=a.env', '--env-file', 'b.env']);
    expect(before).toEqual(after);
    expect(before.settings).toMatchObject({ port: { value: 2, source: 'env-file' }, quiet: { value: true } });
  });

  test('P2: every switch has a --no- form, and the last one counts', async () => {
    const { settings } = await dryRun([
      'dev',
      '--native',
      '--no-native',
      '--force-url',
      '--no-force-url',
      '--no-quiet',
    ]);
    expect(settings).toMatchObject({
      native: { value: false },
      'force-url': { value: false },
      quiet: { value: false },
    });
  });
});

describe('what native mode needs', () => {
  const NO_DOCKER = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

  test('P28, P52: without a Docker daemon dev exits with 3 and names the command that works here', async () => {
    const { code, stdout, stderr } = await fastfn(['dev'], NO_DOCKER);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('error: Docker is not installed or not running');
    expect(stderr).toContain('hint: "fastfn dev --native" works here');
  });

  test('P28: without a Docker daemon and without nginx no other command is promised', async () => {
    const { code, stderr } = await fastfn(['run'], { ...NO_DOCKER, FN_NGINX_BIN: '/nowhere/nginx' });
    expect(code).toBe(3);
    expect(stderr).toContain('error: Docker is not installed or not running');
    expect(stderr).not.toContain('--native');
  });

  test('P62: a mount over what the container itself needs is refused, exit 2', async () => {
    writeFileSync(join(cwd, 'fastfn.json'), JSON.stringify({ docker: { mounts: ['.:/opt/fastfn/x', '.:/etc:ro'] } }));
    const { code, stderr } = await fastfn(['dev'], NO_DOCKER);
    expect(code).toBe(2);
    expect(stderr).toContain('error: docker.mounts: /opt/fastfn/x would cover /opt/fastfn inside the container');
    expect(stderr).toContain('error: docker.mounts: /etc would cover /etc inside the container');
  });

  test('P7, P40: everything that is missing is reported together, exit 3', async () => {
    cpSync(EVERY_LANGUAGE, cwd, { recursive: true });
    const { code, stderr } = await fastfn(['run', '--native'], { FN_NGINX_BIN: '/nowhere/nginx', PATH: '/nowhere' });
    expect(code).toBe(3);
    expect(stderr).toContain('error: /nowhere/nginx does not exist or is not executable\n');
    expect(stderr).toContain('error: Python is not installed; needed by greet-python\n');
    expect(stderr).toContain('error: PHP is not installed; needed by greet-php\n');
    expect(stderr).toMatch(/^hint: .*php-cli/m);
  });

  test('P7: a configured binary that does not work is an error although nothing needs it', async () => {
    const { code, stderr } = await fastfn(['dev', '--native'], { FN_PHP_BIN: '/nowhere/php' });
    expect(code).toBe(3);
    expect(stderr).toContain('error: /nowhere/php does not exist or is not executable');
  });
});

test('P20: --version needs nothing of what parses command lines', async () => {
  const copy = join(cwd, 'package');
  cpSync(dirname(dirname(fastfnPath)), copy, { recursive: true, verbatimSymlinks: true });
  for (const name of readdirSync(join(copy, 'dist/chunks'))) {
    if (name.startsWith('program-')) rmSync(join(copy, 'dist/chunks', name));
  }
  expect(await runToEnd(join(copy, 'bin/fastfn.js'), ['--version'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect((await runToEnd(join(copy, 'bin/fastfn.js'), ['help'], { cwd })).code).not.toBe(0);
});
