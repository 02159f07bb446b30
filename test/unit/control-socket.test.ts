import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeControlSocket } from '../../src/stack/control-socket.ts';
import { temporaryFolder } from './config-support.ts';

test('P74: a second stack learns where the first one is', async () => {
  const path = join(temporaryFolder(), 'control.sock');
  const lock = await takeControlSocket(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  lock.identify({ pid: 7, url: 'http://127.0.0.1:1' });
  await expect(takeControlSocket(path)).rejects.toThrow('already running at http://127.0.0.1:1 (pid 7)');
  await lock.close();
});

test('P104: a client that stays connected does not keep the stack from ending', async () => {
  const path = join(temporaryFolder(), 'control.sock');
  const lock = await takeControlSocket(path);
  const client = connect(path);
  client.on('error', () => {});
  await new Promise((resolve) => client.once('connect', resolve));
  const left = new Promise((resolve) => client.once('close', resolve));
  await lock.close();
  await left;
});
