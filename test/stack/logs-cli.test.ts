import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { cleanEnvironment, type Result, Running, runToEnd } from '../unit/cli-support.ts';
import { makeTempDir, TestStack, until, writeFiles } from './support.ts';

const FASTFN = join(packageRoot, 'bin/fastfn.js');
const FILES = {
  'talk.js': `exports.handler = ({ query }) => {
    console.log('said ' + query.word);
    console.error('warned ' + query.word);
    return query.word;
  }`,
  'other.py': 'def handler(event):\n    print("other speaks")\n    return "x"\n',
};

let stack: TestStack;
let env: NodeJS.ProcessEnv;
let requestId: string;
beforeAll(async () => {
  stack = await TestStack.start(FILES);
  env = {
    ...cleanEnvironment(stack.base),
    FN_RUN_DIR: stack.runDir,
    FN_STATE_DIR: join(stack.base, 'state'),
  };
  requestId = String((await stack.get('/talk?word=one')).headers['x-request-id']);
  await stack.get('/other');
  await stack.get('/talk?word=two');
  await stack.get('/missing');
  await until(async () => {
    const { stdout } = await logs('--no-follow');
    return ['warned two', 'other speaks', 'GET /missing 404'].every((text) => stdout.includes(text));
  }, 'the logs hold what was printed');
});
afterAll(() => stack?.stop());

function logs(...args: string[]): Promise<Result> {
  return runToEnd(FASTFN, ['logs', ...args], { cwd: stack.dir, env });
}

function follow(...args: string[]): Running {
  return new Running(FASTFN, ['logs', ...args], { cwd: stack.dir, env });
}

async function linesOf(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await logs('--no-follow', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').slice(0, -1);
}

describe('the kept lines', () => {
  test('P30, P116: all logs are one, by time, in the form of the terminal', async () => {
    const lines = await linesOf();
    const times = lines.map((line) => Date.parse(line.split(' ')[0]!));
    expect(times.every((time) => time > 0)).toBe(true);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(lines.join('\n')).toMatch(/^\S+Z \[node\] \[fn:talk.js@default stdout\] \[req:req-\S+\] said one$/m);
    expect(lines.join('\n')).toMatch(/^\S+ GET \/talk 200 \S+ms \[fn:talk.js@default\] \[req:req-\S+\]$/m);
  });

  test('P13: --file chooses the log, --lines how many of its last lines', async () => {
    const access = await linesOf('--file', 'access');
    expect(access.map((line) => line.split(' ').slice(1, 4).join(' '))).toEqual(
      expect.arrayContaining(['GET /talk 200', 'GET /other 200', 'GET /missing 404']),
    );
    expect(await linesOf('--file', 'access', '--lines', '1')).toEqual(access.slice(-1));
    expect(await linesOf('--lines', '0')).toEqual([]);
  });

  test('P13: lines of one function, one request, one stream', async () => {
    const speakers = (lines: readonly string[]) => new Set(lines.map((line) => /\[fn:(\S+?)[@ \]]/.exec(line)?.[1]));
    for (const key of ['talk', 'talk.js', 'talk.js@default', 'node/talk.js@default'])
      expect(speakers(await linesOf('--function', key))).toEqual(new Set(['talk.js']));
    const ofRequest = await linesOf('--request', requestId, '--file', 'runtime');
    expect(ofRequest.map((line) => line.split('] ').at(-1))).toEqual(['said one', 'warned one']);
    expect((await linesOf('--stream', 'stderr', '--file', 'runtime')).every((line) => line.includes(' stderr]'))).toBe(
      true,
    );
  });

  test('P13: --level is the least severe that is shown', async () => {
    const lines = await linesOf('--level', 'warn');
    expect(lines.join('\n')).toContain('GET /missing 404');
    expect(lines.join('\n')).not.toContain('GET /talk 200');
  });

  test('P13: --since takes a duration or a time', async () => {
    expect((await linesOf('--since', '1h')).length).toBeGreaterThan(4);
    expect(await linesOf('--since', '2999-01-01T00:00:00Z')).toEqual([]);
    expect((await linesOf('--since', '2020-01-01')).length).toBeGreaterThan(4);
  });

  test('P1: what a stranger puts into a path neither acts on the terminal nor makes a line of its own', async () => {
    await stack.get('/forged%0a2026-01-01T00:00:00Z%20[supervisor]%20all%20is%20well%1b]0;title%07%c2%9b6n');
    const line = await until(
      async () => (await linesOf('--file', 'access')).find((one) => one.includes('/forged')),
      'the request is logged',
    );
    expect(line).toContain('/forged\\x0a2026-01-01T00:00:00Z [supervisor] all is well\\x1b]0;title\\x07\\x9b6n 404');
    const stored = (await linesOf('--file', 'access', '--json')).find((one) => one.includes('/forged'))!;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(stored).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(JSON.parse(stored).path).toContain('title\u0007\u009b6n');
  });

  test('P30: --json is the lines as they are stored', async () => {
    const stored = readFileSync(join(stack.base, 'state/logs/runtime.log'), 'utf8').trimEnd().split('\n');
    expect(await linesOf('--file', 'runtime', '--json')).toEqual(stored);
    for (const line of stored) expect(JSON.parse(line)).toMatchObject({ time: expect.any(String) });
  });
});

describe('following', () => {
  test('P30: lines that come are shown until Ctrl+C, exit 130', async () => {
    const following = follow('--lines', '0', '--file', 'runtime');
    // A follower says nothing until something comes, so lines are written until one is seen.
    await until(async () => {
      await stack.get('/talk?word=live');
      return following.stdout.includes('said live');
    }, 'a line is shown');
    following.child.kill('SIGINT');
    expect(await following.ended()).toBe(130);
    expect(following.stderr).toBe('');
  });

  test('P1: a reader that leaves ends it quietly', async () => {
    const script = `"${process.execPath}" "${FASTFN}" logs | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const done = new Promise<string>((resolve, reject) => {
      execFile('bash', ['-c', script], { cwd: stack.dir, env }, (error, stdout, stderr) =>
        error ? reject(error) : resolve(stdout + stderr),
      );
    });
    let output: string | undefined;
    void done.then((text) => {
      output = text;
    });
    await until(async () => {
      await stack.get('/talk?word=more'); // the broken pipe is noticed at the next line
      return output !== undefined;
    }, 'it has ended');
    expect(await done).toMatch(/^\S+ .+\n0\n$/);
  });

  test('P30: it ends with the stack, with its last lines, exit 0; afterwards the kept files can be read', async () => {
    const made = makeTempDir();
    const base = realpathSync(made.path);
    mkdirSync(join(base, 'project'));
    writeFiles(join(base, 'project'), FILES);
    const brief = TestStack.over(base, join(base, 'project'));
    await brief.untilReady();
    const settings = {
      cwd: brief.dir,
      env: { ...env, FN_RUN_DIR: brief.runDir, FN_STATE_DIR: join(base, 'state') },
    };
    await brief.get('/talk?word=first');
    await until(() => brief.output.includes('said first'), 'the stack shows it');
    const following = new Running(FASTFN, ['logs', '--file', 'runtime'], settings);
    await following.said('said first');
    await brief.get('/talk?word=last');
    brief.kill('SIGTERM');
    expect(await following.ended()).toBe(0);
    expect(following.stdout).toContain('said last');

    const kept = await runToEnd(FASTFN, ['logs', '--no-follow'], settings);
    expect(kept).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('said last') });
    const refused = await runToEnd(FASTFN, ['logs'], settings);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: no stack of .+ is running\nhint: .*--no-follow shows the kept logs\.\n$/);
    await brief.stop();
    made.remove();
  });
});

describe('usage', () => {
  test.each([
    [['--native', '--docker'], '--native and --docker exclude each other'],
    [['--file', 'acess'], '--file: unknown value "acess" (did you mean "access"?)'],
    [['--lines', '100001'], '--lines: "100001" is not a number from 0 to 100000'],
    [['--lines', '-1'], '--lines: "-1" is not a number'],
    [['--level', 'loud'], '--level: unknown value "loud"'],
    [['--stream', 'out'], '--stream: unknown value "out"'],
    [['--since', 'yesterday'], '--since: "yesterday" is neither'],
  ])('P6, P13: %j, exit 2', async (args, message) => {
    const { code, stdout, stderr } = await logs(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`error: ${message}`);
  });

  test('P30: --docker without a container, exit 1', async () => {
    expect(await logs('--docker')).toMatchObject({ code: 1, stdout: '' });
  });
});
