import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildPackage, cleanEnvironment, type Result, Running } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const KEY = randomBytes(32).toString('base64');
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NEW_KEY = randomBytes(32).toString('hex');

vi.setConfig({ testTimeout: 60_000 }); // each test starts several programs, one after the other

let fastfn: string;
let cwd: string;
beforeAll(() => {
  fastfn = buildPackage();
});
beforeEach(() => {
  cwd = temporaryFolder();
  mkdirSync(join(cwd, 'users'));
  mkdirSync(join(cwd, 'orders'));
  mkdirSync(join(cwd, 'tmp'));
  writeFileSync(join(cwd, 'users/handler.js'), '');
  writeFileSync(join(cwd, 'orders/get.items.py'), '');
});

function environment(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...cleanEnvironment(cwd), TMPDIR: join(cwd, 'tmp'), FN_SECRETS_KEY: KEY, ...env };
}

/** Runs `fastfn secrets …` to its end, with this on standard input. */
function secrets(args: readonly string[], { input = '', env = {} as Record<string, string> } = {}): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [fastfn, 'secrets', ...args], { cwd, env: environment(env) });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}

function readEnv(folder: string): Record<string, { value: string; is_secret: boolean }> {
  return JSON.parse(readFileSync(join(cwd, folder, 'fn.env.json'), 'utf8'));
}

/** An editor that changes the file by this shell command, with the file as `$1`. */
function editor(command: string): { EDITOR: string } {
  const script = join(cwd, 'editor.sh');
  writeFileSync(script, `#!/bin/sh\n${command}\n`);
  chmodSync(script, 0o700);
  return { EDITOR: `"${script}"` };
}

async function set(name: string, value: string, target: string): Promise<void> {
  expect(await secrets(['set', name, '--function', target], { input: value })).toMatchObject({ code: 0 });
}

describe('set', () => {
  test('encrypts what it reads into a private file, and prints no value', async () => {
    const { code, stdout, stderr } = await secrets(['set', 'API_KEY', '--function', 'users'], { input: 's3cr3t\n' });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^users\/fn\.env\.json: API_KEY is set, encrypted with the key [0-9a-f]{8}\n$/);
    expect(readEnv('users')).toEqual({ API_KEY: { value: expect.stringMatching(/^enc:v1:/), is_secret: true } });
    expect(statSync(join(cwd, 'users/fn.env.json')).mode & 0o777).toBe(0o600);
  });

  test('keeps the other variables, and takes a file or the name of a function as its target', async () => {
    writeFileSync(join(cwd, 'orders/fn.env.json'), '{"GREETING": "hi"}');
    await set('A', 'x', 'orders/get.items.py');
    await set('B', 'x', 'users');
    expect(Object.keys(readEnv('orders'))).toEqual(['GREETING', 'A']);
    expect(Object.keys(readEnv('users'))).toEqual(['B']);
  });

  test.each([
    ['no name', [], 'x', /set needs the name of a variable/],
    ['a value on the command line', ['KEY=s3cr3t'], 'x', /nothing but its name/],
    ['too many words', ['KEY', '.', 's3cr3t'], 'x', /too many arguments/],
    ['no value', ['KEY'], '\n', /no value for KEY/],
    ['an unknown function', ['KEY', '--function', 'usrs'], 'x', /--function: usrs is no function/],
    ['a folder outside', ['KEY', '--function', '..'], 'x', /outside the functions folder/],
  ])('P6: %s is refused with exit code 2, and no value is repeated', async (_, args, input, message) => {
    const { code, stdout, stderr } = await secrets(['set', ...args], { input });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('s3cr3t');
  });

  test('without a key it says how to get one', async () => {
    const { code, stderr } = await secrets(['set', 'KEY'], { input: 'x', env: { FN_SECRETS_KEY: '' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /error: there is no key to encrypt with\nhint: .*FN_SECRETS_KEY_FILE.*fastfn secrets keygen/,
    );
  });

  test('a file that is broken stays as it is', async () => {
    writeFileSync(join(cwd, 'users/fn.env.json'), '{');
    const { code, stderr } = await secrets(['set', 'KEY', '--function', 'users'], { input: 'x' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: users\/fn\.env\.json: line 1/);
    expect(readFileSync(join(cwd, 'users/fn.env.json'), 'utf8')).toBe('{');
  });
});

describe('set at a terminal', () => {
  /** What the terminal showed, and the exit code. */
  const atTerminal = (typed: string): Promise<{ shown: string; code: number }> => {
    const program = join(ROOT, 'test/fixtures/cli/at-a-terminal.py');
    const command = [program, '(not shown)', typed, process.execPath, fastfn, 'secrets', 'set', 'KEY'];
    return new Promise((resolve) => {
      execFile('python3', command, { cwd, env: environment() }, (error, shown) => {
        resolve({ shown, code: error === null ? 0 : Number(error.code) });
      });
    });
  };

  test('asks for the value and does not show it', async () => {
    const { shown, code } = await atTerminal('s3cr3t\r');
    expect([code, shown]).toEqual([
      0,
      expect.stringMatching(/^Value of KEY \(not shown\): \r\nfn\.env\.json: KEY is set/),
    ]);
    expect(shown).not.toContain('s3cr3t');
  });

  test.each([
    ['Ctrl+C', 's3c\u0003'],
    ['the end of input', '\u0004'],
  ])('P8: %s changes nothing and ends with 130', async (_, typed) => {
    expect(await atTerminal(typed)).toMatchObject({ code: 130, shown: expect.stringContaining('nothing was changed') });
    expect(existsSync(join(cwd, 'fn.env.json'))).toBe(false);
  });
});

test('the commands that docs/secrets.md shows work as written', async () => {
  const page = readFileSync(join(ROOT, 'docs/secrets.md'), 'utf8');
  const lines = [...page.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.trim().split('\n'));
  const script = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  const expected = lines.filter((line) => !line.startsWith('$ '));
  mkdirSync(join(cwd, 'payments'));
  mkdirSync(join(cwd, 'bin'));
  writeFileSync(join(cwd, 'bin/fastfn'), `#!/bin/sh\nexec "${process.execPath}" "${fastfn}" "$@"\n`, { mode: 0o700 });
  const env = { ...environment({ STRIPE_KEY: 's3cr3t', FN_SECRETS_KEY: '' }), PATH: `${cwd}/bin:${process.env.PATH}` };
  const stdout = await new Promise<string>((resolve, reject) => {
    const command = ['-euc', script.join('\n')];
    execFile('bash', command, { cwd, env }, (error, out, err) => (error ? reject(new Error(err)) : resolve(out)));
  });
  expect(
    stdout
      .trim()
      .replace(/key [0-9a-f]{8}/g, 'key 5a1e0c33')
      .split('\n'),
  ).toEqual(expected);
});

test('keygen makes a key that set and list accept, different each time', async () => {
  const [one, two] = [await secrets(['keygen']), await secrets(['keygen'])];
  expect(one.stdout).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  expect(one.stdout).not.toBe(two.stdout);
  writeFileSync(join(cwd, 'key'), one.stdout);
  expect(await secrets(['set', 'A', '--key-file', 'key'], { input: 'x' })).toMatchObject({ code: 0 });
});

test('list shows how each secret is stored, and no value', async () => {
  await set('API_KEY', 's3cr3t-one', 'users');
  writeFileSync(
    join(cwd, 'orders/fn.env.json'),
    JSON.stringify({ TOKEN: 's3cr3t-two', DSN: { from_env: 'DSN' }, GREETING: 'hi', OLD: 'enc:v1:00000000:AAAA' }),
  );
  const { code, stdout } = await secrets(['list', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { file: 'orders/fn.env.json', name: 'TOKEN', storage: 'plain', key_id: null, problem: null },
    { file: 'orders/fn.env.json', name: 'DSN', storage: 'environment', key_id: null, problem: null },
    { file: 'orders/fn.env.json', name: 'OLD', storage: 'encrypted', key_id: '00000000', problem: expect.any(String) },
    { file: 'users/fn.env.json', name: 'API_KEY', storage: 'encrypted', key_id: expect.any(String), problem: null },
  ]);
  const text = await secrets(['list']);
  expect(text.stdout).toContain('TOKEN    not encrypted');
  expect(text.stdout + stdout).not.toContain('s3cr3t');
});

describe('rotate', () => {
  test('re-encrypts with the new key, leaves all else, and has nothing to do the second time', async () => {
    await set('A', 'one', 'users');
    await set('B', 'two', 'orders');
    writeFileSync(join(cwd, 'old'), KEY);
    const rotate = ['rotate', '--old-key-file', 'old'];
    const env = { FN_SECRETS_KEY: NEW_KEY };
    const first = await secrets(rotate, { env });
    expect([first.code, first.stdout.split('\n').length]).toEqual([0, 3]);
    expect(first.stdout).toMatch(/^orders\/fn\.env\.json: 1 value re-encrypted with the key [0-9a-f]{8}\n/);
    const after = [readEnv('users'), readEnv('orders')];
    expect((await secrets(rotate, { env })).stdout).toMatch(/^nothing to do/);
    expect([readEnv('users'), readEnv('orders')]).toEqual(after);
    const listed = JSON.parse((await secrets(['list', '--json'], { env })).stdout);
    expect(listed.map(({ problem }: any) => problem)).toEqual([null, null]);
  });

  test('an interrupted run is taken up where it ended; a file it cannot read is named and left whole', async () => {
    await set('A', 'one', 'users');
    await set('B', 'two', 'orders');
    await set('C', 'three', 'orders');
    const env = readEnv('orders');
    env.C!.value = env.B!.value;
    writeFileSync(join(cwd, 'orders/fn.env.json'), JSON.stringify(env));
    const ring = { env: { FN_SECRETS_KEY: `${NEW_KEY},${KEY}` } };
    const { code, stdout, stderr } = await secrets(['rotate'], ring);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^users\/fn\.env\.json: 1 value/);
    expect(stderr).toMatch(/^error: orders\/fn\.env\.json: C does not decrypt/);
    expect(readEnv('orders')).toEqual(env);
    delete env.C;
    writeFileSync(join(cwd, 'orders/fn.env.json'), JSON.stringify(env));
    expect((await secrets(['rotate'], ring)).stdout).toMatch(/^orders\/fn\.env\.json: 1 value re-encrypted.*\n$/);
  });
});

describe('edit', () => {
  test('shows plain text in a private file, encrypts what is saved and leaves nothing behind', async () => {
    await set('API_KEY', 's3cr3t', 'users');
    await set('KEEP', 'kept', 'users');
    const before = readEnv('users');
    const command = `stat -c '%a' "$1" "$(dirname "$1")" > modes; cp "$1" seen; env > env; sed -i 's/s3cr3t/changed/' "$1"`;
    const { code, stdout } = await secrets(['edit', '--function', 'users'], { env: editor(command) });
    expect([code, stdout]).toMatchObject([0, expect.stringMatching(/^users\/fn\.env\.json: saved/)]);
    expect(readFileSync(join(cwd, 'modes'), 'utf8')).toBe('600\n700\n');
    expect(readFileSync(join(cwd, 'env'), 'utf8')).not.toContain(KEY);
    expect(JSON.parse(readFileSync(join(cwd, 'seen'), 'utf8')).API_KEY).toEqual({ value: 's3cr3t', is_secret: true });
    const after = readEnv('users');
    expect(after.KEEP).toEqual(before.KEEP);
    expect(after.API_KEY!.value).toMatch(/^enc:v1:/);
    expect(after.API_KEY).not.toEqual(before.API_KEY);
    const again = await secrets(['edit', '--function', 'users'], { env: editor('cp "$1" seen') });
    expect(again.stdout).toBe('users/fn.env.json: nothing changed\n');
    expect(JSON.parse(readFileSync(join(cwd, 'seen'), 'utf8')).API_KEY.value).toBe('changed');
    expect(readdirSync(join(cwd, 'tmp'))).toEqual([]);
  });

  test('encrypts secrets that were plain', async () => {
    writeFileSync(join(cwd, 'users/fn.env.json'), '{"TOKEN": "plain", "GREETING": "hi"}');
    await secrets(['edit', '--function', 'users'], { env: editor(`sed -i 's/hi/ho/' "$1"`) });
    expect(readEnv('users')).toEqual({ TOKEN: expect.stringMatching(/^enc:v1:/), GREETING: 'ho' });
  });

  test.each([
    ['a mistake in the file', `echo '{"A": {"val": "s3cr3t"}}' > "$1"`, 2, /A: unknown member "val"/],
    ['no JSON', `echo '{' > "$1"`, 2, /line 2/],
    ['an editor that fails', 'exit 3', 1, /the editor ended with code 3/],
    [
      'a change by someone else meanwhile',
      `echo '{}' > users/fn.env.json; echo '{"B": 1}' > "$1"`,
      1,
      /changed by someone else/,
    ],
  ])('%s changes nothing and leaves nothing behind', async (_, command, exitCode, message) => {
    await set('API_KEY', 's3cr3t', 'users');
    const before = readFileSync(join(cwd, 'users/fn.env.json'), 'utf8');
    const { code, stderr } = await secrets(['edit', '--function', 'users'], { env: editor(command) });
    expect([code, stderr]).toEqual([exitCode, expect.stringMatching(message)]);
    expect(stderr).not.toContain('s3cr3t');
    expect(['{}\n', before]).toContain(readFileSync(join(cwd, 'users/fn.env.json'), 'utf8'));
    expect(readdirSync(join(cwd, 'tmp'))).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'P8: %s removes the plain text and ends with 130',
    async (signal) => {
      await set('API_KEY', 's3cr3t', 'users');
      const env = environment(editor('echo editing; exec sleep 60'));
      const running = new Running(fastfn, ['secrets', 'edit', '--function', 'users'], { cwd, env });
      await running.said('editing');
      expect(readdirSync(join(cwd, 'tmp'))).toHaveLength(1);
      await running.signal(signal);
      expect(await running.ended()).toBe(130);
      expect(readdirSync(join(cwd, 'tmp'))).toEqual([]);
    },
  );
});
