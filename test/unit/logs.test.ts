import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ProjectConfig } from '../../src/project/types.ts';
import type { LogRecord } from '../../src/stack/events.ts';
import { LogFile } from '../../src/stack/log-file.ts';
import { createLogStore, formatRecord } from '../../src/stack/logs.ts';
import { recordOfNginx } from '../../src/stack/records.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'fastfn-logs-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function store(logs: Partial<ProjectConfig['logs']> = {}) {
  const dir = logs.dir ?? folder();
  const opened = createLogStore({ logs: { format: 'text', level: 'info', maxSizeMb: 20, keep: 3, dir, ...logs } });
  const read = async (name: string): Promise<LogRecord[]> => {
    await opened.close();
    const text = existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '';
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  return { ...opened, dir, read };
}

function line(message: string, rest: Partial<LogRecord> = {}): LogRecord {
  const time = '2026-01-02T03:04:05.678Z';
  return {
    time,
    level: 'info',
    source: 'python',
    function: 'hello@default',
    stream: 'stdout',
    requestId: 'req-1',
    message,
    ...rest,
  };
}

const platform = { source: 'gateway', function: null, stream: null, requestId: null } as const;

test('P117: lines of functions are kept in runtime.log, those of the platform in error.log, as JSON with mode 0600', async () => {
  const s = store();
  s.write(line('one'));
  s.write(line('two', { fields: { order: 7 } }));
  s.write(line('three', platform));
  expect(await s.read('runtime.log')).toEqual([line('one'), line('two', { fields: { order: 7 } })]);
  expect(await s.read('error.log')).toEqual([line('three', platform)]);
  for (const name of readdirSync(s.dir)) expect(statSync(join(s.dir, name)).mode & 0o777).toBe(0o600);
});

test('P117: lines below the level are shown to nobody and not kept', async () => {
  const s = store({ level: 'warn' });
  s.write(line('quiet'));
  s.write(line('loud', { level: 'error' }));
  expect((await s.read('runtime.log')).map((record) => record.message)).toEqual(['loud']);
});

test('P117: a log is rotated at its size and the number of old ones is kept', async () => {
  const dir = folder();
  for (let i = 0; i < 6; i += 1) {
    const s = store({ dir, maxSizeMb: 0.001, keep: 2 });
    s.write(line(`${i}`.repeat(900)));
    await s.close();
  }
  expect(readdirSync(dir).sort()).toEqual(['runtime.log', 'runtime.log.1', 'runtime.log.2']);
  expect(readFileSync(join(dir, 'runtime.log'), 'utf8')).toContain('555');
  expect(readFileSync(join(dir, 'runtime.log.2'), 'utf8')).toContain('333');
});

test('P117: a log that was moved away is begun anew', async () => {
  const dir = folder();
  const file = new LogFile({ path: join(dir, 'a.log'), maxBytes: 1e6, keep: 1, describeDropped: String });
  file.append('one');
  await expect.poll(() => existsSync(join(dir, 'a.log')) && readFileSync(join(dir, 'a.log'), 'utf8')).toBe('one\n');
  renameSync(join(dir, 'a.log'), join(dir, 'elsewhere'));
  file.append('two');
  await file.close();
  expect(readFileSync(join(dir, 'a.log'), 'utf8')).toBe('two\n');
});

test('P117: what a full buffer cannot take is dropped, and said where it is missing', async () => {
  const dir = folder();
  const file = new LogFile({
    path: join(dir, 'a.log'),
    maxBytes: 1e9,
    keep: 1,
    describeDropped: (count) => `${count} dropped`,
  });
  const long = 'x'.repeat(1024 * 1024 - 1);
  for (let i = 0; i < 6; i += 1) file.append(long);
  await file.close();
  expect(readFileSync(join(dir, 'a.log'), 'utf8').split('\n').slice(4)).toEqual(['2 dropped', '']);
});

test.skipIf(process.getuid?.() === 0)(
  'P117: a folder that cannot be written drops lines and harms nothing',
  async () => {
    const dir = folder();
    chmodSync(dir, 0o500);
    const s = store({ dir });
    s.write(line('lost'));
    await s.close();
    chmodSync(dir, 0o700);
    expect(readdirSync(dir)).toEqual([]);
  },
);

describe('secrets', () => {
  const KEY = 'python/hello@default';
  const shown = (secrets: readonly string[], message: string, rest: Partial<LogRecord> = {}) => {
    const s = store();
    s.setSecrets(KEY, secrets);
    return s.write(line(message, rest));
  };

  test.each([
    ['a value', ['hunter22'], 'password=hunter22!', 'password=<hidden>!'],
    ['every occurrence', ['hunter22'], 'hunter22 hunter22', '<hidden> <hidden>'],
    ['the longest of several', ['secret', 'secret-longer'], 'x secret-longer y', 'x <hidden> y'],
    ['overlapping values', ['abcdef', 'defghi'], '(abcdefghi)', '(<hidden>)'],
    ['an overlap with itself', ['aaaaaa'], 'aaaaaaaa', '<hidden>'],
    ['the lines of a long one', ['first line\nsecond line'], 'second line', '<hidden>'],
    ['its JSON form', ['with "quote"'], '{"k":"with \\"quote\\""}', '{"k":"<hidden>"}'],
    ['the JSON form of PHP', ['a/bédé/c'], '{"k":"a\\/b\\u00e9d\\u00e9\\/c"}', '{"k":"<hidden>"}'],
    ['its form in a URL', ['a/b c?d'], 'GET /?key=a%2Fb%20c%3Fd', 'GET /?key=<hidden>'],
    ['its base64', ['hunter22'], 'Basic aHVudGVyMjI=', 'Basic <hidden>='],
    ['no short value', ['12345'], 'room 12345', 'room 12345'],
  ])('F107: %s is hidden', (_name, secrets, message, expected) => {
    expect(shown(secrets, message).message).toBe(expected);
  });

  test('F107: fields of structured lines are redacted at any depth', () => {
    expect(shown(['hunter22'], 'm', { fields: { user: { tokens: ['hunter22', 1] } } }).fields).toEqual({
      user: { tokens: ['<hidden>', 1] },
    });
  });

  test("F107: another function's lines are left alone, the platform's are not", () => {
    expect(shown(['hunter22'], 'hunter22', { function: 'other@default' }).message).toBe('hunter22');
    expect(shown(['hunter22'], 'hunter22', platform).message).toBe('<hidden>');
  });

  test('F107: what is stored is redacted as well, and new values replace the old ones', async () => {
    const s = store();
    s.setSecrets(KEY, ['hunter22']);
    s.write(line('hunter22'));
    s.setSecrets(KEY, ['other-one']);
    s.write(line('hunter22 other-one'));
    expect((await s.read('runtime.log')).map((record) => record.message)).toEqual(['<hidden>', 'hunter22 <hidden>']);
  });

  test('F107: a value across the pieces of a split line is hidden', () => {
    const s = store();
    s.setSecrets(KEY, ['hunter22']);
    const first = s.write(line('begin hunt', { fields: { continued: true } }));
    const other = s.write(line('er22 of another request', { requestId: 'req-2' }));
    const second = s.write(line('er22 end'));
    expect([first.message, other.message, second.message]).toEqual([
      'begin ',
      'er22 of another request',
      '<hidden> end',
    ]);
  });
});

test('P116: a line above 16 KiB is stored in marked pieces that never cut a character', async () => {
  const s = store();
  s.write(line(`${'é'.repeat(8191)}€${'x'.repeat(16_384)}`));
  const pieces = await s.read('runtime.log');
  expect(pieces.map((piece) => [Buffer.byteLength(piece.message), piece.fields?.continued ?? false])).toEqual([
    [16_382, true],
    [16_384, true],
    [3, false],
  ]);
  expect(pieces.map((piece) => piece.message).join('')).toBe(`${'é'.repeat(8191)}€${'x'.repeat(16_384)}`);
});

test.each([
  [line('hi'), '2026-01-02T03:04:05.678Z [python] [fn:hello@default stdout] [req:req-1] hi'],
  [line('hi', { requestId: null }), '2026-01-02T03:04:05.678Z [python] [fn:hello@default stdout] [req:-] hi'],
  [
    line('oh', { level: 'error', stream: 'stderr' }),
    '2026-01-02T03:04:05.678Z [python] [error] [fn:hello@default stderr] [req:req-1] oh',
  ],
  [line('nginx', { ...platform, level: 'warn' }), '2026-01-02T03:04:05.678Z [gateway] [warn] nginx'],
  [
    line('a', { fields: { continued: true } }),
    '2026-01-02T03:04:05.678Z [python] [fn:hello@default stdout] [req:req-1] a [continued]',
  ],
])('P116: text form %#', (record, text) => {
  expect(formatRecord(record)).toBe(text);
});

test("F135: nginx's lines are kept without the query strings they quote, which may hold a credential", () => {
  const quoted = 'client: 127.0.0.1, request: "GET /a?key=secret HTTP/1.1", referrer: "http://b/c?token=secret"';
  const record = recordOfNginx(`2026/01/02 03:04:05 [error] 7#7: *1 it failed, ${quoted}`);
  expect(record?.message).toBe('it failed, client: 127.0.0.1, request: "GET /a HTTP/1.1", referrer: "http://b/c"');
});
