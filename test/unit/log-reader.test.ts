import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { followLines } from '../../src/stack/log-follower.ts';
import { readLast } from '../../src/stack/log-reader.ts';
import { makeTempDir, until } from '../stack/support.ts';

const temp = makeTempDir();
afterAll(() => temp.remove());

let count = 0;
function newLog(text: string): string {
  count += 1;
  const path = join(temp.path, `log-${count}`);
  writeFileSync(path, text);
  return path;
}

const all = (line: string) => line;
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index} ${'ä'.repeat((from + index) % 50)}`);

test('P189: the last lines come oldest first, whatever the length of lines and file', async () => {
  const lines = numbered(0, 5000);
  const path = newLog(`${lines.join('\n')}\n`);
  for (const limit of [1, 7, 2000, 5000, 9000]) {
    expect((await readLast(path, 0, limit, all)).lines).toEqual(lines.slice(-limit));
  }
});

test('P117: lines go on in the files that the log was rotated to', async () => {
  const path = newLog('5\n6\n');
  writeFileSync(`${path}.1`, '3\n4\n');
  writeFileSync(`${path}.2`, '1\n2\n');
  expect((await readLast(path, 3, 5, all)).lines).toEqual(['2', '3', '4', '5', '6']);
  expect((await readLast(path, 0, 5, all)).lines).toEqual(['5', '6']);
});

test('a line that is being written is left for the next reading, an empty or missing log has none', async () => {
  const path = newLog('whole\nbeg');
  const { lines, end } = await readLast(path, 0, 10, all);
  expect(lines).toEqual(['whole']);
  expect(end.offset).toBe('whole\n'.length);
  expect((await readLast(newLog(''), 0, 10, all)).lines).toEqual([]);
  expect(await readLast(join(temp.path, 'none'), 3, 10, all)).toEqual({ lines: [], end: { inode: null, offset: 0 } });
});

test('only accepted lines count', async () => {
  const path = newLog(`${numbered(0, 3000).join('\n')}\n`);
  const { lines } = await readLast(path, 0, 2, (line) => (line.startsWith('line 1 ') ? line : null));
  expect(lines).toHaveLength(1);
});

test('P189: a follower misses no line and sees none twice, across a rotation', async () => {
  const path = newLog('old\n');
  const { end } = await readLast(path, 3, 10, all);
  const seen: string[] = [];
  const stop = new AbortController();
  const following = followLines(
    path,
    end,
    async (lines) => {
      seen.push(...lines);
    },
    stop.signal,
  );
  appendFileSync(path, 'one\ntw');
  await until(() => seen.length === 1, 'one has come');
  appendFileSync(path, 'o\n');
  await until(() => seen.length === 2, 'two has come');
  renameSync(path, `${path}.1`);
  appendFileSync(`${path}.1`, 'three\n');
  writeFileSync(path, 'four\n');
  await until(() => seen.length === 4, 'three and four have come');
  expect(seen).toEqual(['one', 'two', 'three', 'four']);
  stop.abort();
  await following;
});
