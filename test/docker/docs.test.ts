import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack } from '../stack/support.ts';
import { cleanEnvironment, runToEnd } from '../unit/cli-support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { buildStackImage, inDocker } from './stack-support.ts';
import { describeWithDaemon } from './support.ts';

const page = readFileSync(join(packageRoot, 'docs/docker.md'), 'utf8');
const COMMANDS = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.trim().split('\n'));
const SERVING = COMMANDS.filter((line) => /^fastfn (dev|run) /.test(line) && !line.includes('--dry-run'));

describeWithDaemon('docs/docker.md', () => {
  beforeAll(buildStackImage);

  test.each(SERVING)('%s serves', async (line) => {
    const base = temporaryFolder();
    cpSync(join(packageRoot, 'examples'), join(base, 'project/examples'), { recursive: true });
    const [, command, ...args] = line.split(' ') as ['fastfn', 'dev' | 'run', ...string[]];
    const stack = TestStack.over(base, join(base, 'project'), inDocker({ command, args: [...args, '--port', '0'] }));
    try {
      await stack.untilReady();
      expect((await stack.get('/hello')).status).toBe(200);
    } finally {
      await stack.stop();
    }
  });
});

test.each(COMMANDS.filter((line) => line.includes('--dry-run')))('%s prints what it says', async (line) => {
  const { code, stdout } = await runToEnd(join(packageRoot, 'bin/fastfn.js'), line.split(' ').slice(1), {
    cwd: packageRoot,
    env: { ...cleanEnvironment(temporaryFolder()), DOCKER_HOST: 'unix:///nowhere/docker.sock' },
  });
  expect(code).toBe(0);
  expect(Object.keys(JSON.parse(stdout))).toEqual(['mode', 'settings', 'runtimes', 'image', 'container']);
});
