import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Container, ImageInspectInfo } from 'dockerode';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stackImageName } from '../../src/docker/image.ts';
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
const PROXY = 'proxy-exception-5e0d';
const program = join(packageRoot, 'bin/fastfn.js');

/** What a user may have in a folder of functions, with things that must not leave the machine. */
const PROJECT = {
  'functions/hello.js': 'exports.handler = async () => ({ status: 200, body: "hello from node" });',
  'functions/days/handler.js':
    'exports.handler = async () => ({ status: 200, body: String(require("ms")("2 days")) });',
  'functions/days/package.json': { description: REPOSITORY, dependencies: { ms: '2.1.3' } }, // installed by this run itself
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
  let authority: { readonly file: string; readonly text: string };

  interface Built {
    readonly image: string;
    readonly id: string;
    readonly secrets: string[];
    /** What the user read meanwhile. */
    readonly progress: string;
  }

  async function build(dir: string, tag: string, env = {}): Promise<Built> {
    const result = await runToEnd(program, ['build', '-t', tag, '--json'], {
      cwd: dir,
      env: { ...environment, ...index.env, ...env },
    });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    tags.add(tag);
    return { ...JSON.parse(result.stdout), progress: result.stderr };
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
    authority = plantedAuthority();
    first = await build(project, `${REPOSITORY}:1`, {
      NO_PROXY: `${PROXY}.invalid,127.0.0.1`,
      NODE_EXTRA_CA_CERTS: authority.file,
    });
    // Keeps the ground here, whatever other versions of the stack are built meanwhile.
    containers.push(await docker.createContainer({ Image: `${await stackImageName(BASE_IMAGE)}-runtime` }));
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

  test('P298: equal input gives the equal image id, from another folder too, and nothing is built or installed again', async () => {
    const again = await build(project, `${REPOSITORY}:2`);
    const elsewhere = await build(newProject(), `${REPOSITORY}:3`);
    expect(first.progress).toContain('installed dependencies of days (npm)');
    for (const { id, progress } of [again, elsewhere]) {
      expect(id).toBe(first.id);
      expect(progress).not.toMatch(/building|installing/);
    }
    expect((await docker.getImage(`${REPOSITORY}:3`).inspect()).Id).toBe(first.id);
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

  test('P298: variables, secrets, credentials, settings of this machine and ignored files are in no layer and no history', async () => {
    const image = docker.getImage(`${REPOSITORY}:1`);
    expect(first.secrets).toEqual(['API_TOKEN']);
    const own = await filesOfLastLayers(`${REPOSITORY}:1`, 2);
    const kept = [JSON.stringify([await image.inspect(), await image.history()]), ...own.keys(), ...own.values()].join(
      '\n',
    );
    for (const planted of [SECRET, TOKEN, PASSWORD, PROXY, authority.text]) expect(kept).not.toContain(planted);
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

  /** The authorities of this machine and one more; `text` is a line of it alone. */
  function plantedAuthority(): { file: string; text: string } {
    const dir = temporaryFolder();
    const [key, certificate, file] = [join(dir, 'key.pem'), join(dir, 'own.pem'), join(dir, 'all.pem')];
    const kind = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=planted'.split(' ');
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
    const pem = readFileSync(certificate, 'utf8');
    const given = process.env.NODE_EXTRA_CA_CERTS;
    writeFileSync(file, (given ? readFileSync(given, 'utf8') : '') + pem);
    return { file, text: pem.split('\n')[3]! };
  }

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

const HELLO = { 'hello.js': 'exports.handler = async () => 1;' };

test.each<[string, Record<string, string | object>, string[], number, RegExp]>([
  ['a name that Docker does not take', HELLO, ['-t', 'Shop API'], 2, /"Shop API" is not a name for an image\nhint: /],
  ['a folder without functions', {}, [], 2, /no functions in /],
  ['a folder that does not exist', HELLO, ['missing'], 2, /missing/],
  [
    'a configuration that is damaged',
    { ...HELLO, 'a/handler.js': '', 'a/fn.config.json': '{' },
    [],
    2,
    /a\/fn\.config\.json: /,
  ],
  ['no daemon', HELLO, [], 3, /Docker is not installed or not running/],
])('P6, P298: %s ends the build at once with its reason', async (_, files, args, expected, reason) => {
  const dir = temporaryFolder();
  writeFiles(dir, files);
  const env = { ...process.env, DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  const { code, stdout, stderr } = await runToEnd(program, ['build', '-t', 'shop', ...args], { cwd: dir, env });
  expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(reason);
});

test('P298: what this version cannot do is said before anything is built', async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'hello.js'), 'exports.handler = async () => 1;');
  for (const flag of [['--push'], ['--sbom'], ['--platform', 'linux/arm64']]) {
    const { code, stderr } = await runToEnd(program, ['build', ...flag], { cwd: dir });
    expect({ code, stderr }).toEqual({ code: 2, stderr: `error: ${flag[0]} is not available in this version\n` });
  }
});
