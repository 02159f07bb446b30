import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { writeFileAtomic } from '../../src/atomic-file.ts';
import { buildFixture, Running } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const KILLS = 12;

let writer: string;
beforeAll(async () => {
  writer = await buildFixture('files/writes-for-ever.ts');
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

test('P164: a new file gets mode 0644, an existing one keeps its own, and one that is given wins', async () => {
  const path = join(temporaryFolder(), 'fn.config.json');
  await writeFileAtomic(path, 'one');
  expect(modeOf(path)).toBe(0o644);
  chmodSync(path, 0o640);
  await writeFileAtomic(path, 'two');
  expect([modeOf(path), readFileSync(path, 'utf8')]).toEqual([0o640, 'two']);
  await writeFileAtomic(path, Buffer.from('three'), { mode: 0o600 });
  expect([modeOf(path), readFileSync(path, 'utf8')]).toEqual([0o600, 'three']);
});

test('P164: nothing else is left in the folder, also after a write that fails', async () => {
  const folder = temporaryFolder();
  await writeFileAtomic(join(folder, 'file'), 'text');
  mkdirSync(join(folder, 'taken', 'x'), { recursive: true });
  await expect(writeFileAtomic(join(folder, 'taken'), 'text')).rejects.toThrow();
  expect(readdirSync(folder).sort()).toEqual(['file', 'taken']);
});

test('P164: a symbolic link is replaced, and what it leads to stays as it was', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'outside'), 'untouched');
  symlinkSync('outside', join(folder, 'link'));
  await writeFileAtomic(join(folder, 'link'), 'text');
  expect(lstatSync(join(folder, 'link')).isFile()).toBe(true);
  expect(readFileSync(join(folder, 'outside'), 'utf8')).toBe('untouched');
});

test('F148, P164: a writer killed at any moment leaves whole content, and nothing of it after the next write', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'fn.env.json');
  for (let kill = 0; kill < KILLS; kill++) {
    const child = new Running(writer, [path]);
    await child.said('writing');
    await new Promise((resolve) => setTimeout(resolve, kill)); // a moment of its own in the writer's loop for each kill
    await child.signal('SIGKILL');
    await child.ended();
    const { value, length } = JSON.parse(readFileSync(path, 'utf8'));
    expect(value.length).toBe(length);
    for (const name of readdirSync(folder)) expect(modeOf(join(folder, name))).toBe(0o600);
  }
  await writeFileAtomic(path, '{}', { mode: 0o600 });
  expect(readdirSync(folder)).toEqual(['fn.env.json']);
});
