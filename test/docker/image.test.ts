import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { packArchive } from '../../src/docker/archive.ts';
import { BuildLog } from '../../src/docker/build-log.ts';
import { DEFAULT_BASE_IMAGE, planBuild, settingsArguments } from '../../src/docker/context.ts';
import { connectEngine, type Engine } from '../../src/docker/engine.ts';
import { readHostSettings, usesLoopback } from '../../src/docker/host-settings.ts';
import { ensureImage, type ImageRequest, stackImageName } from '../../src/docker/image.ts';
import type { FastfnError } from '../../src/errors.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { daemonEnvironment, describeWithDaemon, docker } from './support.ts';

const MARKER = 'marker-4f1c9a';
const MIB = 1 << 20;
const run = promisify(execFile);

test('P59: the build context holds what runs, in less than 5 MiB, and names the image by it', async () => {
  const { entries } = await planBuild(DEFAULT_BASE_IMAGE);
  const paths = entries.map(({ path }) => path);
  expect((await packArchive(entries)).length).toBeLessThan(6 * MIB);
  expect(paths).toEqual(
    expect.arrayContaining(['docker/Dockerfile', 'fastfn/bin/fastfn.js', 'fastfn/dist/cli/main.js']),
  );
  expect(paths.filter((path) => /^fastfn\/(src|test|node_modules)\/|\.map$|\/\./.test(path))).toEqual([]);
  const name = await stackImageName(null);
  expect(name).toMatch(/^fastfn-stack:[0-9a-f]{12}$/);
  expect(await stackImageName(null)).toBe(name);
  expect(await stackImageName(BASE_IMAGE)).not.toBe(name);
});

test('P59: proxies, npm, pip and certificate settings of this machine are found where their tools look', () => {
  const home = temporaryFolder();
  writeFileSync(
    join(home, '.npmrc'),
    `registry=https://npm.corp/\n//npm.corp/:_authToken=\${TOKEN}\ncafile=${home}/ca.pem\nnodedir=/usr\n`,
  );
  const authority = '-----BEGIN CERTIFICATE-----\nTm90aGluZw==\n-----END CERTIFICATE-----';
  writeFileSync(join(home, 'ca.pem'), authority);
  writeFileSync(
    join(home, 'pip.conf'),
    `[global]\nindex-url = https://pip.corp/simple\ncert = ${home}/ca.pem\nextra-index-url =\n  https://a\n  https://b\n`,
  );
  const env = {
    HOME: home,
    https_proxy: 'http://proxy:3128',
    TOKEN: 'secret',
    PIP_CONFIG_FILE: join(home, 'pip.conf'),
    npm_config_globalconfig: '/nonexistent',
    'npm_config_@own:registry': 'https://own.corp/',
  };
  expect(readHostSettings(env)).toMatchObject({
    proxies: { HTTPS_PROXY: 'http://proxy:3128', https_proxy: 'http://proxy:3128' },
    npmrc: 'registry=https://npm.corp/\n//npm.corp/:_authToken=secret\n@own:registry=https://own.corp/\n',
    pip: { PIP_INDEX_URL: 'https://pip.corp/simple', PIP_EXTRA_INDEX_URL: 'https://a https://b' },
    authorities: `${authority}\n`,
  });
});

test.each([
  [{ HTTP_PROXY: 'http://127.0.0.1:3128' }, true],
  [{ HTTP_PROXY: 'http://user:pass@localhost:3128/' }, true],
  [{ HTTP_PROXY: 'http://proxy:3128', NO_PROXY: 'localhost,127.0.0.1' }, false],
  [{ npm_config_registry: 'http://[::1]:4873' }, true],
])('P59: a build shares the host network only for what the host alone reaches: %j', (env, expected) => {
  const isolated = { HOME: '/nonexistent', npm_config_globalconfig: '/nonexistent', PIP_CONFIG_FILE: '/dev/null' };
  expect(usesLoopback(readHostSettings({ ...isolated, ...env }))).toBe(expected);
});

describeWithDaemon('the stack image', () => {
  let engine: Engine;
  let image: string;
  const progress: string[] = [];

  function request(more: Partial<ImageRequest> = {}): ImageRequest {
    return {
      baseImage: BASE_IMAGE,
      image: null,
      isForced: false,
      logFile: join(temporaryFolder(), 'build.log'),
      env: markedEnvironment(),
      onProgress: (line) => progress.push(line),
      ...more,
    };
  }

  /** Settings that work, with a marker in each that may be a secret. */
  function markedEnvironment(): NodeJS.ProcessEnv {
    const home = temporaryFolder();
    const npmrc = join(home, 'npmrc');
    writeFileSync(npmrc, `//registry.invalid/:_authToken=${MARKER}-token\n`);
    return {
      ...process.env,
      npm_config_userconfig: npmrc,
      NO_PROXY: `${MARKER}.invalid`,
      PIP_EXTRA_INDEX_URL: `https://u:${MARKER}@pip.invalid/`,
    };
  }

  beforeAll(async () => {
    engine = await connectEngine(daemonEnvironment);
    image = await ensureImage(engine, request());
  }, 600_000);

  test('P59: a second start builds nothing and is quick', async () => {
    progress.length = 0;
    const startedAt = performance.now();
    expect(await ensureImage(engine, request())).toBe(image);
    expect(progress).toEqual([]);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test('P60: the image adds less than 320 MiB to its base', async () => {
    const [base, whole] = await Promise.all([BASE_IMAGE, image].map((name) => docker.getImage(name).inspect()));
    expect((whole!.Size - base!.Size) / MIB).toBeLessThan(320);
  });

  test('P60: every language and its installer run under any uid on a read-only root', async () => {
    const script =
      'node -v && npm -v && python3 -m pip --version && python3 -m venv --help >/dev/null && php -v && composer --version && nginx -v';
    const { output, code } = await runInside(image, ['-c', script], { User: '4242:4242', readOnly: true });
    expect({ output, code }).toMatchObject({ code: 0 });
    expect(output).toMatch(/^v2\d\./m);
  });

  async function runInside(name: string, command: string[], options: { User: string; readOnly: boolean }) {
    const container = await docker.createContainer({
      Image: name,
      Entrypoint: ['sh'],
      Cmd: command,
      User: options.User,
      HostConfig: { ReadonlyRootfs: options.readOnly, Tmpfs: { '/tmp': '' } },
    });
    try {
      await container.start();
      const { StatusCode: code } = await container.wait();
      const output = (await container.logs({ stdout: true, stderr: true })).toString();
      return { code, output: output.replace(/\p{Cc}\0\0\0[\s\S]{4}/gu, '') };
    } finally {
      await container.remove({ force: true });
    }
  }

  test('P59: settings of this machine reach a step and are in no layer and no history, not even of images in between', async () => {
    const env = markedEnvironment();
    const settings = await settingsArguments(readHostSettings(env));
    const dockerfile = [
      `FROM ${BASE_IMAGE}`,
      `RUN test "$NO_PROXY" = ${MARKER.replace('-', '"-"')}.invalid && echo "$FTP_PROXY$ftp_proxy" | base64 -d | tar -xzO npmrc | grep -q _authToken`,
      `LABEL test=${performance.now()}`,
    ].join('\n');
    const context = await packArchive([
      { type: 'file', path: 'Dockerfile', content: Buffer.from(dockerfile), isExecutable: false },
    ]);
    const name = 'fastfn-test-settings:latest';
    const before = await stored();
    const answer = await docker.buildImage(Readable.from([context]), { t: name, buildargs: settings, nocache: true });
    await new BuildLog(join(temporaryFolder(), 'log'), () => {}).follow(answer);
    const found = await traces([MARKER, settings.FTP_PROXY!.slice(0, 60)], before);
    await docker.getImage(name).remove();
    expect(found).toEqual([]);
  });

  /** Images, and folders of layers and descriptions, that the daemon keeps. */
  async function stored(): Promise<ReadonlySet<string>> {
    const images = await docker.listImages({ all: true });
    const { DockerRootDir } = await docker.info();
    const layers = ['overlay2', 'vfs/dir'].flatMap((name) => below(join(DockerRootDir, name)));
    return new Set([...images.map(({ Id }) => Id), ...layers]);
  }

  function below(folder: string): string[] {
    return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  }

  /** What holds one of the texts, of what the daemon keeps since `before`: images, layers, or its own notes. */
  async function traces(texts: string[], before: ReadonlySet<string>): Promise<string[]> {
    const added = [...(await stored())].filter((item) => !before.has(item));
    const found: string[] = [];
    for (const id of added.filter((item) => item.startsWith('sha256:'))) {
      const image = docker.getImage(id);
      const said = JSON.stringify(await Promise.all([image.history(), image.inspect()]).catch(() => '')); // removed meanwhile
      if (texts.some((text) => said.includes(text))) found.push(id);
    }
    const { DockerRootDir } = await docker.info();
    const folders = [...added.filter((item) => item.startsWith('/')), join(DockerRootDir, 'image')];
    const args = ['-rlsF', ...texts.flatMap((text) => ['-e', text]), ...folders];
    const { stdout } = await run('grep', args).catch((error) => error); // ends with 1 where nothing is found
    return [...found, ...stdout.split('\n').filter(Boolean)];
  }

  test('P59: a base image that is neither here nor can be pulled is named, with the setting that changes it', async () => {
    const error: FastfnError = await ensureImage(engine, request({ baseImage: 'localhost:1/nothing:here' })).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'IMAGE_FAILED', exitCode: 1 });
    expect(error.message).toMatch(/^the image localhost:1\/nothing:here is not here and cannot be pulled: /);
    expect(error.hint).toContain('FN_DOCKER_BASE_IMAGE');
  });

  test('P59: a step that fails ends with its last lines and the place of all output', async () => {
    const empty = 'fastfn-test-empty:latest';
    const answer = await docker.importImage(Readable.from([await packArchive([{ type: 'folder', path: 'etc/' }])]), {
      repo: 'fastfn-test-empty',
      tag: 'latest',
    });
    await new Promise((resolve) => docker.modem.followProgress(answer, resolve));
    const asked = request({ baseImage: empty });
    progress.length = 0;
    const error: FastfnError = await ensureImage(engine, asked).catch((thrown) => thrown);
    await docker.getImage(empty).remove({ force: true });
    expect(error).toMatchObject({ code: 'IMAGE_FAILED', hint: `All output: ${asked.logFile}` });
    expect(error.message).toMatch(/^the image could not be built at step \d+ of \d+ \(RUN .+\): /);
    expect(progress.filter((line) => line.startsWith('  ')).length).toBeLessThanOrEqual(40);
    expect(readFileSync(asked.logFile, 'utf8')).toContain('fetch-packages');
  });

  test('P59: FN_DOCKER_IMAGE is used as it is', async () => {
    expect(await ensureImage(engine, request({ image: BASE_IMAGE }))).toBe(BASE_IMAGE);
  });
});
