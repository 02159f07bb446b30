import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listenForNginxWorkers } from '../../src/gateway/link-server.ts';
import { temporaryFolder } from './config-support.ts';

test('an nginx worker that dies while it is told something is gone, and no mistake of ours', async () => {
  const socketPath = join(temporaryFolder(), 'link.sock');
  const gone: number[] = [];
  let heard = () => {};
  const server = await listenForNginxWorkers({
    socketPath,
    welcome: () => [],
    onMessage: () => heard(),
    onGone: (pid) => gone.push(pid),
  });
  const mistakes: unknown[] = [];
  const listener = (error: unknown) => mistakes.push(error);
  process.on('uncaughtException', listener);
  try {
    const hello = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const worker = connect(socketPath);
    worker.write('{"type":"hello","worker":0,"pid":7}\n');
    await hello;
    worker.destroy();
    await once(worker, 'close');
    server.broadcast({ type: 'table' }); // before the server knows: EPIPE
    await expect.poll(() => gone).toEqual([7]);
    await new Promise(setImmediate);
    expect(mistakes).toEqual([]);
  } finally {
    process.off('uncaughtException', listener);
    await server.close();
  }
});
