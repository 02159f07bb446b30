import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Container, ImageInspectInfo } from 'dockerode';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { writeFiles } from '../stack/support.ts';
import { runToEnd } from '../unit/cli-support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { discard, type ServingImage, serveImage } from './image-support.ts';
import { type PipIndex, startPipIndex } from './pip-index.ts';
import { daemonEnvironment, describeWithDaemon, docker } from './support.ts';

/** Of this run alone. */
const REPOSITORY = `fastfn-test-app-${process.pid}`;
const SECRET = 'plain-secret-7c1e';
const TOKEN = 'registry-token-9d2f';
const PASSWORD = 'index-password-3b8a';
const program = join(packageRoot, 'bin/fastfn.js');

/** What a user may have in a folder of functions, with things that must not leave the machine. */
const PROJECT = {
  'functions/hello.js': 'exports.handler = async () => ({ status: 200, body: "hello from node" });',
  'functions/days/handler.js':
    'exports.handler = async () => ({ status: 200, body: String(require("ms")("2 days")) });',
  'functions/days/package.json': { dependencies: { ms: '2.1.3' } },
  'functions/days/.npmrc': `//registry.invalid/:_authToken=${TOKEN}\n`,
  'functions/six/handler.py':
    'import six\n\ndef handler(event):\n    return {"status": 200, "body": six.__version__}\n',
  'functions/six/requirements.txt': 'six==1.17.0\n',
  'functions/token/handler.py':
    'import os\n\ndef handler(event):\n    return {"status": 200, "body": os.environ.get("API_TOKEN", "none") + event["env"]["API_TOKEN"]}\n',
  'functions/token/fn.env.json': { API_TOKEN: SECRET, PLAIN: 'kept' },
  'functions/ping.lua': 'return function() return { status = 200, body = "pong" } end',
  'functions/report.php':
    '<?php\nfunction handler(array $event): array { return ["status" => 200, "body" => "php"]; }\n',
  'functions/.env': `SECRET=${SECRET}\n`,
  'functions/notes.txt': 'draft',
  '.dockerignore': 'functions/*.txt\n',
  '.env': `SECRET=${SECRET}\n`,
  'fastfn.json': { 'functions-dir': 'functions', port: 9999, limits: { 'timeout-ms': 4000 } },
};

describeWithDaemon('fastfn build', () => {
  const environment = { ...process.env, ...daemonEnvironment, FN_DOCKER_BASE_IMAGE: BASE_IMAGE };
  const tags = new Set<string>();
  const containers: Container[] = [];
  let project: string;
  let first: Built;
  let index: PipIndex;

  interface Built {
    readonly image: string;
    readonly id: string;
    readonly secrets: string[];
  }

  async function build(dir: string, tag: string, env = {}): Promise<Built> {
    const result = await runToEnd(program, ['build', '-t', tag, '--json'], {
      cwd: dir,
      env: { ...environment, ...index.env, ...env },
    });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    tags.add(tag);
    return JSON.parse(result.stdout);
  }

  function newProject(changes: Record<string, string | object> = {}): string {
    const dir = temporaryFolder();
    writeFiles(dir, { ...PROJECT, ...changes });
    return dir;
  }

  async function start(tag: string, env: readonly string[] = []): Promise<ServingImage> {
    const serving = await serveImage(tag, env);
    containers.push(serving.container);
    return serving;
  }

  beforeAll(async () => {
    index = await startPipIndex(PASSWORD);
    project = newProject();
    first = await build(project, `${REPOSITORY}:1`);
  }, 600_000);

  afterAll(async () => {
    index.close();
    for (const container of containers) await discard(container);
    for (const tag of tags)
      await docker
        .getImage(tag)
        .remove({ force: true })
        .catch(() => {});
  });

  test('P298: the image serves every language on a read-only root, without capabilities, as uid 10001', async () => {
    const { url, container } = await start(`${REPOSITORY}:1`, ['API_TOKEN=from-outside']);
    const answer = async (path: string) => (await fetch(url + path)).text();
    expect(await answer('/hello')).toBe('hello from node');
    expect(await answer('/days')).toBe('172800000');
    expect(await answer('/six')).toBe('1.17.0');
    expect(await answer('/ping')).toBe('pong');
    expect(await answer('/report')).toBe('php');
    expect(await answer('/token')).toContain('from-outside');
    const top = await container.top();
    expect(new Set(top.Processes.map(([uid]: string[]) => uid))).toEqual(new Set(['10001']));
    await container.stop();
    expect((await container.inspect()).State.ExitCode).toBe(0);
  });

  test('P298: equal input gives the equal image id, also from another folder and after the first image is gone', async () => {
    const again = await build(project, `${REPOSITORY}:2`);
    const elsewhere = await build(newProject(), `${REPOSITORY}:3`);
    expect(again.id).toBe(first.id);
    expect((await docker.getImage(`${REPOSITORY}:2`).inspect()).Id).toBe(first.id);
    expect(layersOf(await docker.getImage(`${REPOSITORY}:3`).inspect())).toEqual(
      layersOf(await docker.getImage(`${REPOSITORY}:2`).inspect()),
    );
    expect(elsewhere.secrets).toEqual(['API_TOKEN']);
  });

  test('P298: packages that are installed anew give the equal image id', async () => {
    const dir = newProject({ 'functions/days/package.json': { dependencies: { ms: '2.1.2' } } });
    const one = await build(dir, `${REPOSITORY}:7`);
    await docker.getImage(one.image).remove({ force: true });
    const other = await build(dir, `${REPOSITORY}:8`);
    expect(other.id).toBe(one.id);
  });

  test('P298: a change of code leaves the layer of packages as it is, and one of packages that of code', async () => {
    const before = layersOf(await docker.getImage(`${REPOSITORY}:1`).inspect());
    await build(
      newProject({ 'functions/hello.js': 'exports.handler = async () => ({ status: 200 });' }),
      `${REPOSITORY}:4`,
    );
    const after = layersOf(await docker.getImage(`${REPOSITORY}:4`).inspect());
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
    expect(after.at(-1)).not.toBe(before.at(-1));
  });

  test('P298: variables, secrets, credentials, ignored files and sources of the platform are in no layer', async () => {
    const image = docker.getImage(`${REPOSITORY}:1`);
    expect(first.secrets).toEqual(['API_TOKEN']);
    expect(JSON.stringify(await image.inspect()) + JSON.stringify(await image.history())).not.toMatch(
      `${SECRET}|${TOKEN}|${PASSWORD}`,
    );
    const own = await filesOfLastLayers(`${REPOSITORY}:1`, 2);
    expect([...own.values()].join('\n')).not.toMatch(new RegExp(`${SECRET}|${TOKEN}|${PASSWORD}`));
    const names = [...own.keys()];
    expect(names.filter((name) => /\.env$|notes\.txt|\.dockerignore/.test(name))).toEqual([]);
    expect(JSON.parse(own.get('app/functions/token/fn.env.json')!)).toEqual({
      API_TOKEN: { from_env: 'API_TOKEN', is_secret: true },
      PLAIN: 'kept',
    });
    expect(JSON.parse(own.get('app/fastfn.json')!)).toEqual({ limits: { 'timeout-ms': 4000 } });
  });

  test('P298: the image has no installers', async () => {
    const container = await docker.createContainer({
      Image: `${REPOSITORY}:1`,
      Entrypoint: [
        'sh',
        '-c',
        'for tool in npm pip pip3 composer gcc make; do command -v $tool; done; python3 -m pip 2>/dev/null && echo pip; true',
      ],
    });
    containers.push(container);
    await container.start();
    await container.wait();
    expect((await container.logs({ stdout: true, stderr: true })).toString()).toBe('');
  });

  test('P298: labels say which project, revision and content', async () => {
    execFileSync('git', ['init', '-q'], { cwd: project });
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'x'], {
      cwd: project,
    });
    const revision = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: project, encoding: 'utf8' }).trim();
    await build(project, `${REPOSITORY}:5`);
    const { Labels, Healthcheck } = (await docker.getImage(`${REPOSITORY}:5`).inspect()).Config as any;
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': REPOSITORY,
      'org.opencontainers.image.revision': revision,
      'dev.fastfn.build.content': expect.stringMatching(/^sha256:/),
    });
    expect(Healthcheck.Test).toContain('/opt/fastfn/docker/healthcheck.sh');
  });

  test('P298: packages that cannot be installed end the build with the reason', async () => {
    const dir = newProject({ 'functions/days/package.json': { dependencies: { ms: 'file:./missing.tgz' } } });
    const { code, stderr } = await runToEnd(program, ['build', '-t', `${REPOSITORY}:6`], {
      cwd: dir,
      env: environment,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: .*missing\.tgz.* does not exist/);
  });

  function layersOf(image: ImageInspectInfo): string[] {
    return image.RootFS.Layers!;
  }

  /** Files of the topmost layers, as the daemon saves them. */
  async function filesOfLastLayers(tag: string, count: number): Promise<Map<string, string>> {
    const saved = join(temporaryFolder(), 'image');
    mkdirSync(saved);
    execFileSync('tar', ['-x', '-C', saved, '-f', '-'], { input: await bufferOf(await docker.getImage(tag).get()) });
    const [{ Layers }] = JSON.parse(readFileSync(join(saved, 'manifest.json'), 'utf8'));
    const files = new Map<string, string>();
    for (const layer of Layers.slice(-count)) {
      const reading = extract();
      reading.on('entry', (headers, stream, next) => {
        void text(stream).then((content) => {
          files.set(headers.name, content);
          next();
        });
      });
      const done = new Promise((resolve) => (reading as any).once('finish', resolve));
      reading.end(readFileSync(join(saved, layer)));
      await done;
    }
    return files;
  }
});

async function bufferOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('P298: what this version cannot do is said before anything is built', async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'hello.js'), 'exports.handler = async () => 1;');
  for (const flag of [['--push'], ['--sbom'], ['--platform', 'linux/arm64']]) {
    const { code, stderr } = await runToEnd(program, ['build', ...flag], { cwd: dir });
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${flag[0]} is not available in this version\n` });
  }
});
