import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Output, wantsColour } from '../../src/cli/output.ts';
import { createRenderer } from '../../src/cli/render.ts';
import { loadProject } from '../../src/project/load.ts';
import type { LogRecord, StackEvent } from '../../src/stack/events.ts';

const READY = {
  type: 'ready',
  url: 'http://127.0.0.1:8080',
  mode: 'native',
  functions: 3,
  routes: 12,
  ms: 421,
} as const;
const REQUEST = {
  type: 'request',
  method: 'GET',
  path: '/hello',
  status: 200,
  ms: 3.2,
  functionKey: 'node/hello@default',
} as const;
const PROBLEM = {
  type: 'problem',
  severity: 'warning',
  path: 'a.js',
  message: 'two entries',
  hint: 'remove one',
} as const;

function log(record: Partial<LogRecord>): StackEvent {
  const time = '2026-01-02T03:04:05.678Z';
  return {
    type: 'log',
    record: {
      time,
      level: 'info',
      source: 'node',
      function: null,
      stream: null,
      requestId: null,
      message: 'hi',
      ...record,
    },
  };
}

/** A pipe that this test reads. */
function pipe(isTTY = false): { output: Output; stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk) => {
    text += chunk;
  });
  return {
    output: new Output(Object.assign(stream, { isTTY }) as unknown as NodeJS.WriteStream),
    stream,
    text: () => text,
  };
}

async function render(
  events: readonly StackEvent[],
  flags: Record<string, string | boolean> = {},
  env: NodeJS.ProcessEnv = {},
  command: 'dev' | 'run' = 'dev',
) {
  const [out, err] = [pipe(), pipe()];
  const config = await loadProject({
    command,
    flags: { native: true, 'logs.format': 'text', ...flags },
    env: {},
    cwd: '/',
  });
  const renderer = await createRenderer(
    config,
    {
      out: out.output,
      err: err.output,
      env,
      cwd: '/',
      hasTerminalInput: false,
    },
    { reload() {}, open() {} },
  );
  for (const event of events) renderer.show(event);
  await new Promise(setImmediate);
  return { out: out.text(), err: err.text() };
}

describe('text', () => {
  test('P25: the ready line is alone on standard output', async () => {
    const { out, err } = await render([
      READY,
      REQUEST,
      { ...READY, url: 'http://[::1]:80', functions: 1, routes: 0, ms: 12_345 },
    ]);
    expect(out.split('\n')).toEqual([
      'FastFN ready at http://127.0.0.1:8080 (native, 3 functions, 12 routes, 0.42s)',
      'FastFN ready at http://[::1]:80 (native, 1 function, 0 routes, 12.35s)',
      '',
    ]);
    expect(err).toBe('GET /hello 200 3ms hello\n');
  });

  test('P119: a path cannot forge a line, also where no terminal is: a log is read at one later', async () => {
    const { err } = await render([{ ...REQUEST, path: '/x\nnote: all is well\u001b]0;title\u0007' }]);
    expect(err).toBe('GET /x\\x0anote: all is well\\x1b]0;title\\x07 200 3ms hello\n');
  });

  test.each([
    [REQUEST, 'GET /hello 200 3ms hello'],
    [{ ...REQUEST, functionKey: 'php/a/b@v2', status: 500 }, 'GET /hello 500 3ms a/b@v2'],
    [{ ...REQUEST, functionKey: null, status: 404 }, 'GET /hello 404 3ms'],
    [{ type: 'requests-omitted', bytes: 99 }, '(more requests than can be shown: 99 bytes are in the access log only)'],
    [{ type: 'reloaded', functions: ['node/hello@default'], ms: 31.4 }, 'reloaded hello in 31ms'],
    [
      { type: 'reloaded', functions: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], ms: 1 },
      'reloaded a, b, c, d, e and 2 more in 1ms',
    ],
    [PROBLEM, 'warning: a.js: two entries\n  hint: remove one'],
    [{ type: 'problem', severity: 'error', path: '', message: 'no disk' }, 'error: no disk'],
    [{ type: 'note', message: 'x' }, 'note: x'],
    [{ type: 'stopping', graceSeconds: 3 }, 'stopping, running requests have 3s (once more to stop at once)'],
    [
      { type: 'install', state: 'started', tool: 'pip', functions: ['python/a@default'] },
      'installing dependencies of a (pip)',
    ],
    [
      { type: 'install', state: 'done', tool: 'npm', functions: ['node/a@default'], ms: 1250 },
      'installed dependencies of a (npm) in 1.3s',
    ],
    [
      {
        type: 'install',
        state: 'failed',
        tool: 'pip',
        functions: ['python/a@default'],
        reason: 'pip exited with 1',
        tail: ['no pandas'],
        logFile: '/l',
        lastGood: true,
      },
      'error: a: dependencies failed to install (pip exited with 1)\n  no pandas\n  log: /l\n  hint: the last good version keeps serving; edit the manifest and save to try again',
    ],
  ] as const)('P119: %j', async (event, text) => {
    expect((await render([event as StackEvent])).err).toBe(`${text}\n`);
  });

  test.each([
    [
      log({ function: 'hello@default', stream: 'stdout', requestId: 'req-1' }),
      '[node] [fn:hello@default stdout] [req:req-1] hi',
    ],
    [log({ function: 'hello@v2', stream: 'stderr', level: 'warn' }), '[node] [warn] [fn:hello@v2 stderr] [req:-] hi'],
    [log({ source: 'gateway', level: 'error' }), '[gateway] [error] hi'],
  ])('P116: %j', async (event, text) => {
    expect((await render([event])).err).toBe(`2026-01-02T03:04:05.678Z ${text}\n`);
  });

  test('P119: --quiet leaves the ready line and errors', async () => {
    const failed = { type: 'install', state: 'failed', tool: 'npm', functions: ['node/a@default'] } as const;
    const events = [
      READY,
      REQUEST,
      PROBLEM,
      { type: 'note', message: 'x' },
      log({}),
      log({ level: 'error' }),
      failed,
    ] as const;
    const { out, err } = await render(events, { quiet: true });
    expect(out).toContain('FastFN ready');
    expect(err.match(/^.*(\[error\]|error:).*$/gm)).toHaveLength(2);
    expect(err).not.toMatch(/GET|warning|note|\[node\] hi/);
  });

  test('P27: run shows no request lines', async () => {
    expect((await render([REQUEST, PROBLEM], {}, {}, 'run')).err).toMatch(/^warning:/);
  });

  test('P2: --log-level bounds log lines', async () => {
    const events = (['debug', 'info', 'warn', 'error'] as const).map((level) => log({ level, message: level }));
    const shown = async (flags: Record<string, string | boolean>) => (await render(events, flags)).err.match(/\w+$/gm);
    expect(await shown({})).toEqual(['info', 'warn', 'error']);
    expect(await shown({ 'logs.level': 'error' })).toEqual(['error']);
    expect(await shown({ 'dev-verbose-logs': true })).toEqual(['debug', 'info', 'warn', 'error']);
  });
});

describe('JSON', () => {
  test('P25: every event is one JSON object per line, the ready line on standard output', async () => {
    const { out, err } = await render([READY, REQUEST, log({ fields: { a: 1 } })], { 'logs.format': 'json' });
    expect(JSON.parse(out)).toEqual({
      event: 'ready',
      url: READY.url,
      mode: 'native',
      functions: 3,
      routes: 12,
      ms: 421,
    });
    const lines = err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { event: 'request', status: 200 },
      { event: 'log', source: 'node', message: 'hi', fields: { a: 1 } },
    ]);
  });
});

describe('colour', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('P1: terminal %s with %j: %s', (isTTY, env, expected) => {
    expect(wantsColour(pipe(isTTY).output, env)).toBe(expected);
  });

  test('coloured lines say the same as plain ones', async () => {
    const coloured = (await render([REQUEST, PROBLEM, log({ level: 'error' })], {}, { FORCE_COLOR: '1' })).err;
    const plain = (await render([REQUEST, PROBLEM, log({ level: 'error' })])).err;
    expect(coloured).toContain('\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});

describe('slow and lost readers', () => {
  test('lines beyond 1 MiB of waiting text are dropped, and their number is said', () => {
    const received: string[] = [];
    const waiting: (() => void)[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        received.push(String(chunk));
        waiting.push(done);
      },
    });
    const output = new Output(stream as unknown as NodeJS.WriteStream);
    for (let line = 0; line < 30; line++) output.line('x'.repeat(99_999));
    expect(stream.writableLength).toBe(1_100_000);
    for (let done = waiting.shift(); done; done = waiting.shift()) done();
    output.line('after');
    expect(received.at(-1)).toBe('(19 lines were not shown: the reader is too slow)\nafter\n');
  });

  test('a reader that left is no error', () => {
    const stream = new PassThrough();
    const output = new Output(stream as unknown as NodeJS.WriteStream);
    stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    output.line('nobody reads this');
    expect(stream.read()).toBeNull();
  });
});
