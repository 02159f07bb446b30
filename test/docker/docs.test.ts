import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { TestStack } from '../stack/support.ts';
import { cleanEnvironment, runToEnd } from '../unit/cli-support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { discard, serveImage } from './image-support.ts';
import { startPipIndex } from './pip-index.ts';
import { buildStackImage, inDocker } from './stack-support.ts';
import { daemonEnvironment, describeWithDaemon, docker } from './support.ts';

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

  test('P298: the image that the page makes serves as the page starts it', async () => {
    const build = COMMANDS.find((line) => line.startsWith('fastfn build '))!;
    const start = COMMANDS.find((line) => line.startsWith('docker run '))!;
    const tag = build.split(' -t ')[1]!;
    expect(start).toBe(
      `docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:8080:8080 ${tag}`,
    );
    const own = `fastfn-test-docs-${process.pid}-${tag}`;
    const cwd = temporaryFolder();
    cpSync(join(packageRoot, 'examples'), join(cwd, 'examples'), { recursive: true });
    const args = build.replace(tag, own).split(' ').slice(1);
    const index = await startPipIndex('password');
    onTestFinished(index.close);
    const env = { ...process.env, ...daemonEnvironment, ...index.env, FN_DOCKER_BASE_IMAGE: BASE_IMAGE };
    const result = await runToEnd(join(packageRoot, 'bin/fastfn.js'), args, { cwd, env });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const { url, container } = await serveImage(own);
    try {
      expect((await fetch(`${url}/hello`)).status).toBe(200);
    } finally {
      await discard(container);
      await docker.getImage(own).remove({ force: true });
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
