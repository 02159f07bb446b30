import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { residentBytes } from '../../src/workers/memory.ts';

const MIB = 1_048_576;
const hold = (megabytes: number) => `const held = Buffer.alloc(${megabytes * MIB}, 1); setInterval(() => held, 1000);`;

test('P112: the memory of a process is its own and that of all its descendants', async () => {
  const grandchild = JSON.stringify(`${hold(50)} process.stdout.write('.')`);
  const program = `${hold(50)} require('node:child_process').spawn(process.execPath, ['-e', ${grandchild}], { stdio: 'inherit' })`;
  const child = spawn(process.execPath, ['-e', program], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void process.kill(-child.pid!, 'SIGKILL'));
  await once(child.stdout, 'data');
  const bytes = residentBytes(child.pid!)!;
  expect(bytes).toBeGreaterThan(2 * (50 + 20) * MIB);
  expect(bytes).toBeLessThan(400 * MIB);
});

test('a process that is gone has none', () => {
  expect(residentBytes(2 ** 22 + 1)).toBeNull();
});
