import { chownSync, lchownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRunDir } from '../../src/stack/run-dir.ts';
import { readRunFile, startTicks, writeRunFile } from '../../src/stack/run-file.ts';
import { makeTempDir } from '../stack/support.ts';

const STRANGER = 65_000;

let folder: ReturnType<typeof makeTempDir>;
beforeAll(() => {
  folder = makeTempDir();
});
afterAll(() => folder.remove());

test('P72: the run directory is made with the folders above it, and taken again when it is there', async () => {
  const path = join(folder.path, 'fastfn-1', 'project-8080');
  await createRunDir(path, null);
  await createRunDir(path, null);
});

// Only root can make something that belongs to somebody else.
describe.runIf(process.getuid?.() === 0)('what another user has put there', () => {
  test('P72: a run directory is not made in a folder of a stranger, who could put another in its place', async () => {
    const parent = join(folder.path, 'fastfn-2');
    mkdirSync(parent);
    chownSync(parent, STRANGER, STRANGER);
    await expect(createRunDir(join(parent, 'project-8080'), null)).rejects.toThrow(`a folder of uid ${STRANGER}`);
  });

  test("P72: nor below a stranger's link, which may lead elsewhere tomorrow", async () => {
    const link = join(folder.path, 'fastfn-3');
    mkdirSync(join(folder.path, 'own'));
    symlinkSync(join(folder.path, 'own'), link);
    lchownSync(link, STRANGER, STRANGER);
    await expect(createRunDir(join(link, 'project-8080'), null)).rejects.toThrow(`a folder of uid ${STRANGER}`);
  });

  test('P75: a run.json that root did not write names no process of anybody but its writer', async () => {
    const dir = join(folder.path, 'forged');
    mkdirSync(dir);
    const facts = { url: '', port: 1, functions_root: '', project_id: '', started_at: '', version: '', log_dir: '' };
    const own = { pid: process.pid, pid_start: startTicks(process.pid) };
    const content = {
      ...facts,
      ...own,
      mode: 'native',
      control_socket: '',
      children: [{ ...own, role: 'node' }],
    } as const;
    await writeRunFile(dir, { ...content, children: [...content.children] });
    expect((await readRunFile(dir))?.children).toHaveLength(1);
    chownSync(join(dir, 'run.json'), STRANGER, STRANGER);
    expect((await readRunFile(dir))?.children).toEqual([]);
  });

  test('P73: run.json is not written through a link that lies in its way', async () => {
    const dir = join(folder.path, 'trap');
    const victim = join(folder.path, 'victim');
    mkdirSync(dir);
    writeFileSync(victim, 'untouched');
    symlinkSync(victim, join(dir, `run.json.${process.pid}`));
    await writeRunFile(dir, {} as never);
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });
});
