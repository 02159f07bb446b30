import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type AccessEvent, type AccessLogOptions, followAccessLog } from '../../src/stack/access-log.ts';

function scene(options: Partial<AccessLogOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'fastfn-access-'));
  const file = join(dir, 'access.log');
  const events: AccessEvent[] = [];
  let reopened = 0;
  const log = followAccessLog({
    file,
    maxSizeMb: 20,
    keep: 3,
    reopen: () => {
      reopened += 1;
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => {
    log.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const paths = () => events.flatMap((event) => (event.type === 'request' ? [event.path] : []));
  return {
    dir,
    file,
    events,
    paths,
    reopened: () => reopened,
    shown: (path: string) => expect.poll(paths, { timeout: 5000 }).toContain(path),
  };
}

const entry = (path: string, rest: object = {}) =>
  `${JSON.stringify({ time: 't', id: 'req-1', method: 'GET', path, status: 200, ms: 3.1, function: 'node/hello@default', ...rest })}\n`;

test('P119: each request is told with what a terminal shows', async () => {
  const s = scene();
  appendFileSync(s.file, entry('/hello'));
  appendFileSync(s.file, entry('/gone', { status: 404, function: '', ms: '0.5', later: true }));
  await s.shown('/gone');
  expect(s.events).toEqual([
    { type: 'request', method: 'GET', path: '/hello', status: 200, ms: 3.1, functionKey: 'node/hello@default' },
    { type: 'request', method: 'GET', path: '/gone', status: 404, ms: 0.5, functionKey: null },
  ]);
});

test('P89: lines that are no requests are passed over, a half line waits for its end', async () => {
  const s = scene();
  const whole = entry('/halved');
  appendFileSync(s.file, `not json\n[1]\nnull\n{"method":"GET"}\n${entry('/first')}${whole.slice(0, 20)}`);
  await s.shown('/first');
  appendFileSync(s.file, whole.slice(20));
  await s.shown('/halved');
  expect(s.paths()).toEqual(['/first', '/halved']);
});

test('P119: more requests than a terminal can show are counted, and the latest are shown', async () => {
  const s = scene();
  const lines = Array.from({ length: 2000 }, (_, i) => entry(`/r${i}`)).join('');
  appendFileSync(s.file, lines);
  await s.shown('/r1999');
  const [omitted, ...shown] = s.events;
  expect(omitted).toMatchObject({ type: 'requests-omitted' });
  expect(shown.length).toBeLessThan(40);
  const shownBytes = shown.reduce((sum, event) => sum + entry((event as { path: string }).path).length, 0);
  expect((omitted as { bytes: number }).bytes + shownBytes).toBe(lines.length);
});

test('P117: the log is rotated at its size, nginx is told, and no line is lost', async () => {
  const nginxFlushes = () => appendFileSync(`${s.file}.1`, entry('/late'));
  const s = scene({ maxSizeMb: 0.01, keep: 1, reopen: () => nginxFlushes() });
  appendFileSync(s.file, entry('/before', { ua: 'x'.repeat(12_000) }));
  await expect.poll(() => readdirSync(s.dir), { timeout: 5000 }).toHaveLength(2);
  appendFileSync(s.file, entry('/after'));
  await s.shown('/after');
  expect(s.paths()).toEqual(['/before', '/late', '/after']);
  expect(readdirSync(s.dir).sort()).toEqual(['access.log', 'access.log.1']);
  expect(statSync(s.file).mode & 0o777).toBe(0o600);
});

test('P117: the log is rotated without a reader, too', async () => {
  const s = scene({ maxSizeMb: 0.01, onEvent: null });
  appendFileSync(s.file, 'x'.repeat(12_000));
  await expect.poll(s.reopened, { timeout: 5000 }).toBe(1);
  expect(readFileSync(`${s.file}.1`).length).toBe(12_000);
});

test('P117: a log that somebody else rotated is followed on', async () => {
  const s = scene();
  appendFileSync(s.file, entry('/one'));
  await s.shown('/one');
  renameSync(s.file, `${s.file}.old`);
  writeFileSync(s.file, entry('/two'));
  await s.shown('/two');
});
