import { expect, test } from 'vitest';
import { BASE_IMAGE } from './daemon.ts';
import { describeWithDaemon, docker } from './support.ts';

describeWithDaemon('the daemon of the tests', () => {
  test('answers and holds the base image', async () => {
    expect(String(await docker.ping())).toBe('OK');
    expect((await docker.getImage(BASE_IMAGE).inspect()).Os).toBe('linux');
  });
});
