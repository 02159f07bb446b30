import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { LoadedFiles } from '../../src/stack/loaded-files.ts';
import { makeTempDir } from '../stack/support.ts';

const temp = makeTempDir();
afterAll(() => temp.remove());

const path = join(temp.path, 'a.js');
const later = () => utimesSync(path, new Date(), new Date(Date.now() + 5000));

let files: LoadedFiles;
beforeEach(() => {
  writeFileSync(path, 'one');
  files = new LoadedFiles();
  files.set([path], LoadedFiles.lookBefore([path]));
});

test('P120: a file that nobody touched is as it was', () => {
  expect(files.changed()).toEqual([]);
});

test('P120: a touch or an equal save is no change once the content is known', () => {
  files.learn();
  later();
  expect(files.changed()).toEqual([]);
  writeFileSync(path, 'one');
  later();
  expect(files.changed()).toEqual([]);
});

test('another content is a change, also of the same length; so are a file that goes and one that comes', () => {
  files.learn();
  writeFileSync(path, 'two');
  later();
  expect(files.changed()).toEqual([path]);
  rmSync(path);
  expect(files.changed()).toEqual([path]);
  files.set([path]);
  expect(files.changed()).toEqual([]);
  writeFileSync(path, 'back');
  expect(files.changed()).toEqual([path]);
});

test('a save that falls into the reading counts as a change, whichever content was read', () => {
  const before = LoadedFiles.lookBefore([path]);
  const startedAt = Date.now();
  writeFileSync(path, 'saved meanwhile');
  files.set([path], before, startedAt);
  files.learn();
  expect(files.changed()).toEqual([path]);
  files.set([path], new Map(), startedAt);
  files.learn();
  expect(files.changed()).toEqual([path]);
});
