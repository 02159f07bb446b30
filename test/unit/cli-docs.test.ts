import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildPackage, cleanEnvironment, Running, runToEnd } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['README.md', 'CONTRIBUTING.md', ...filesBelow('docs')];
/** Pages that are walks, each run from beginning to end by a test of its own. */
const WALKS: Readonly<Record<string, string>> = {
  'docs/admin-api.md': 'test/stack/admin-docs.test.ts',
  'docs/console.md': 'test/browser/console-access.test.ts',
  'docs/docker.md': 'test/docker/docs.test.ts',
};
/** What needs a daemon is run by test/docker/docs.test.ts. */
const NEEDS_DOCKER = /^(?:docker run|fastfn (?:build|deploy swarm)) /;
const COMMANDS = [...new Set(PAGES.filter((page) => !(page in WALKS)).flatMap(commandsOf))].filter(
  (command) => !NEEDS_DOCKER.test(command),
);
const ASKING = ['invoke', 'logs', 'docs'];
const SCRIPTS = Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts);

let fastfnPath: string;
let running: Running | undefined;

beforeAll(() => {
  fastfnPath = buildPackage();
});
afterEach(async () => {
  running?.child.kill('SIGTERM');
  await running?.ended();
});

function filesBelow(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name));
}

/** The lines of a page's shell blocks; the one that installs the package is run by test/stack/pack.test.ts. */
function commandsOf(page: string): string[] {
  const blocks = readFileSync(join(ROOT, page), 'utf8').matchAll(/^```sh\n(?!npm pack\n)([\s\S]*?)^```/gm);
  return [...blocks].flatMap(([, block]) => block!.trim().split('\n'));
}

/** The arguments of a command of ours; undefined for another program. */
function fastfnArguments(command: string): string[] | undefined {
  return /^(?:node bin\/fastfn\.js|fastfn) (.+)$/.exec(command)?.[1]?.split(' ');
}

/** A folder as a reader of the documentation has it. */
function readersFolder(): string {
  const folder = temporaryFolder();
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  return folder;
}

/** Whether a command asks a running stack. */
function asksStack(args: readonly string[]): boolean {
  return ASKING.includes(args[0]!) || args.includes('--live');
}

let hello: { readonly stack: Running; readonly cwd: string } | undefined;
afterAll(async () => {
  hello?.stack.child.kill('SIGTERM');
  await hello?.stack.ended();
});

/** The folder of a reader who has started examples/hello in another terminal. */
async function besideHello(): Promise<string> {
  if (hello !== undefined) return hello.cwd;
  const cwd = readersFolder();
  const args = ['dev', '--native', 'examples/hello', '--port', '0'];
  hello = { stack: new Running(fastfnPath, args, { cwd, env: cleanEnvironment(cwd) }), cwd };
  await hello.stack.said('FastFN ready at');
  return cwd;
}

test.each(COMMANDS.filter((command) => fastfnArguments(command)))('%s works as documented', async (command) => {
  const args = fastfnArguments(command)!;
  const cwd = asksStack(args) ? await besideHello() : readersFolder();
  const isServing = ['dev', 'run'].includes(args[0]!) && !args.includes('--dry-run');
  if (!isServing) {
    expect(await runToEnd(fastfnPath, args, { cwd })).toMatchObject({ code: 0 });
    return;
  }
  running = new Running(fastfnPath, [...args, '--log-format', 'text', '--port', '0'], {
    cwd,
    env: cleanEnvironment(cwd),
  });
  await running.said('FastFN ready at http://127.0.0.1:');
  await running.signal('SIGINT');
  expect(await running.ended()).toBe(130);
});

/** The handlers that README shows, by the file name in their first line. */
function shownHandlers(): Map<string, string> {
  const blocks = readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(
    /^```(?:js|ts|python|php|lua)\n([\s\S]*?)^```/gm,
  );
  const named = [...blocks].map(([, block]): [string, string] => [
    /[\w./[\]]+\.(js|ts|py|php|lua)/.exec(block!)![0],
    block!,
  ]);
  return new Map(named);
}

test('the handlers that README shows answer as it says', async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'package.json'), '{"type": "module"}');
  for (const [name, source] of shownHandlers()) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), source);
  }
  running = new Running(fastfnPath, ['dev', '--native', '--port', '0'], { cwd, env: cleanEnvironment(cwd) });
  await running.said('\n');
  const base = /http:\S+/.exec(running.stdout)![0];
  const get = async (path: string) => {
    const response = await fetch(base + path);
    return [response.status, response.headers.get('content-type'), await response.text()];
  };
  expect(await get('/hello?name=Ada')).toEqual([200, 'application/json', '{"message":"Hello Ada"}']);
  expect(await get('/users/42')).toEqual([200, 'application/json', '{"id":"42","method":"GET"}']);
  expect(await get('/report')).toEqual([200, 'text/csv', 'day,total\n1,12']);
  expect(await get('/invoice?number=7')).toEqual([201, 'application/json', '{"number":"7"}']);
  expect(await get('/ping?name=x')).toEqual([200, 'text/plain; charset=utf-8', 'pong x']);
});

test.each(COMMANDS.filter((command) => command.startsWith('npm ')))('%s is a script of the package', (command) => {
  expect(SCRIPTS).toContain(command.replace(/^npm (run )?/, ''));
});

test('every documented command is one of ours', () => {
  expect(COMMANDS.filter((command) => !fastfnArguments(command) && !command.startsWith('npm '))).toEqual([]);
});

test.each(Object.entries(WALKS))('%s is read by %s, which runs it', (page, file) => {
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(page);
});

test.each(PAGES)('the links of %s lead somewhere', (page) => {
  const links = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target!);
  for (const link of links) expect(existsSync(join(ROOT, page, '..', link)), link).toBe(true);
});
