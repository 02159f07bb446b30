import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangeQueue } from '../../src/admin/change-queue.ts';
import { loadOutcome } from '../../src/admin/load-outcome.ts';
import { minimalHandler } from '../../src/admin/minimal-handlers.ts';
import type { FunctionStatus, Platform } from '../../src/admin/platform.ts';
import { requireFreeRoutes } from '../../src/admin/route-owner.ts';
import { changeConfig } from '../../src/functions/config-change.ts';
import type { Route } from '../../src/functions/types.ts';
import { createFolder, removeFolder } from '../../src/staged-folder.ts';
import { makeTempDir } from '../stack/support.ts';

/** The content after a change, or the messages of what was refused. */
function changed(current: object, change: object): unknown {
  const result = changeConfig({ ...current }, { ...change });
  return 'content' in result ? result.content : result.problems.map(({ message }) => message);
}

describe('P212, F121: a change of fn.config.json', () => {
  const stored = { timeout_ms: 5, invoke: { methods: ['GET'], summary: 'S' }, note: 'n' };
  test.each([
    [
      'objects merge key by key',
      { invoke: { content_type: 'x' } },
      { ...stored, invoke: { ...stored.invoke, content_type: 'x' } },
    ],
    ['arrays replace', { invoke: { methods: ['PUT'] } }, { ...stored, invoke: { methods: ['PUT'], summary: 'S' } }],
    ['null removes', { timeout_ms: null, invoke: { summary: null } }, { invoke: { methods: ['GET'] }, note: 'n' }],
    ['null removes a block', { invoke: null }, { timeout_ms: 5, note: 'n' }],
    ['null for what is not there does nothing', { group: null }, stored],
    [
      'methods at the top mean those of invoke',
      { methods: ['PUT'] },
      { ...stored, invoke: { methods: ['PUT'], summary: 'S' } },
    ],
    [
      'nested methods win',
      { methods: ['PUT'], invoke: { methods: ['POST'] } },
      { ...stored, invoke: { methods: ['POST'], summary: 'S' } },
    ],
    ['null at the top removes them', { methods: null }, { ...stored, invoke: { summary: 'S' } }],
    [
      'routes at the top mean those of invoke',
      { routes: ['/a'] },
      { ...stored, invoke: { ...stored.invoke, routes: ['/a'] } },
    ],
    ['free keys are taken', { 'x-mine': 1, _own: 2 }, { ...stored, 'x-mine': 1, _own: 2 }],
    ['an empty change changes nothing', {}, stored],
  ])('%s', (_, change, after) => expect(changed(stored, change)).toEqual(after));

  test('another spelling of a key means the same key', () => {
    expect(changed({ force_url: true }, { invoke: { 'force-url': null } })).toEqual({ invoke: {} });
    expect(changed({ invoke: { route: '/a' } }, { routes: ['/b'] })).toEqual({ invoke: { routes: ['/b'] } });
  });

  test.each([
    [{ timout_ms: null }, ['unknown key "timout_ms"']],
    [{ auth: { api_kee: {} } }, ['unknown key "auth.api_kee"', 'auth: needs api_key or jwt']],
    [{ timeout_ms: 0 }, ['timeout_ms: must be a whole number from 1 to 3600000, got 0']],
    [{ methods: [] }, ['invoke.methods: must have at least 1 entries, got []']],
    [
      { routes: '/a,/console/b' },
      ['invoke.routes.1: /console/b belongs to the platform, like all of /_fn and /console'],
    ],
    [{ routes: ['/%5Ffn'] }, ['invoke.routes.0: /%5Ffn belongs to the platform, like all of /_fn and /console']],
    [{ invoke: 5, methods: ['GET'] }, ['invoke: must be an object, got 5']],
  ])('%j is refused as a whole', (change, messages) => {
    expect(changed(stored, change)).toEqual(messages);
  });

  test('what was wrong before is named, and may be mended', () => {
    expect(changed({ timeout_ms: -1 }, { note: 'x' })).toEqual([
      'timeout_ms: must be a whole number from 1 to 3600000, got -1',
    ]);
    expect(changed({ timeout_ms: -1 }, { timeout_ms: 1 })).toEqual({ timeout_ms: 1 });
  });
});

describe('P165: changes', () => {
  test('run one after another, also after one that fails', async () => {
    const queue = new ChangeQueue();
    const order: string[] = [];
    const change = (name: string, fails = false) =>
      queue.run(async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([change('a'), change('b', true), change('c')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('P164: what became of a write', () => {
  const status = { unavailable: null, failure: null, isBusy: false, definition: { configProblem: null } };
  const outcome = (over: object) =>
    loadOutcome({ tableVersion: 7 } as Platform, { ...status, ...over } as unknown as FunctionStatus);
  test.each([
    [{}, { status: 'ok' }],
    [{ isBusy: true }, { status: 'installing' }],
    [{ unavailable: { status: 503, error: 'x', warming: true } }, { status: 'installing' }],
    [{ failure: { message: 'm', file: 'f.js', line: 3 } }, { status: 'error', error: 'm', file: 'f.js', line: 3 }],
    [{ unavailable: { status: 500, error: 'e', detail: 'd' } }, { status: 'error', error: 'd' }],
    [
      { unavailable: { status: 500, error: 'e' }, definition: { configProblem: 'fn.config.json: p' } },
      { status: 'error', error: 'fn.config.json: p' },
    ],
  ])('%j is %j', (over, expected) => expect(outcome(over)).toEqual({ ...expected, table_version: 7 }));
});

describe('P177: routes that are taken', () => {
  const route = (path: string, over: Partial<Route> = {}): Route => ({
    path,
    methods: ['GET'],
    hosts: [],
    functionKey: 'node/a@default',
    defaults: {},
    rank: 1,
    isForced: false,
    source: 'file',
    file: 'a.js',
    ...over,
  });
  const wanted = (path: string, over: object = {}) => [{ path, methods: ['GET'], hosts: [], ...over }];
  test.each([
    ['the same path', [route('/a')], wanted('/a'), true],
    ['the same shape', [route('/u/:id')], wanted('/u/{name}'), true],
    ['another path', [route('/a')], wanted('/b'), false],
    ['another method', [route('/a')], wanted('/a', { methods: ['POST'] }), false],
    ['other hosts', [route('/a', { hosts: ['x.com'] })], wanted('/a', { hosts: ['y.com'] }), false],
    [
      'the same host among others',
      [route('/a', { hosts: ['x.com'] })],
      wanted('/a', { hosts: ['*.y.com', 'x.com'] }),
      true,
    ],
    ['an alias', [route('/a', { source: 'alias' })], wanted('/a'), false],
    ['a conflict', [route('/a', { functionKey: null })], wanted('/a'), true],
  ])('%s', (_, routes, routesWanted, isTaken) => {
    const ask = () => requireFreeRoutes(routes, routesWanted);
    if (isTaken) expect(ask).toThrow('route already mapped');
    else expect(ask).not.toThrow();
  });

  test('one of its own is free', () => {
    expect(() => requireFreeRoutes([route('/a')], wanted('/a'), 'node/a@default')).not.toThrow();
  });
});

describe('P210: folders appear and disappear as a whole', () => {
  let temp: ReturnType<typeof makeTempDir>;
  beforeEach(() => {
    temp = makeTempDir();
  });
  afterEach(() => temp.remove());
  const at = (name: string) => join(temp.path, name);
  const FILES = [
    { name: 'handler.js', content: 'code' },
    { name: 'fn.env.json', content: '{}', mode: 0o600 },
  ];
  const nothing = () => {};

  test('a folder with those above it, modes as asked', async () => {
    expect(await createFolder(at('a/b/c'), FILES, nothing)).toBe(at('a'));
    expect(readdirSync(at('a/b/c')).sort()).toEqual(['fn.env.json', 'handler.js']);
    expect(statSync(at('a/b/c/handler.js')).mode & 0o777).toBe(0o644);
    expect(statSync(at('a/b/c/fn.env.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(temp.path)).toEqual(['a']);
  });

  test('an empty folder is taken, one with content or a file is not', async () => {
    mkdirSync(at('empty'));
    await createFolder(at('empty'), FILES, nothing);
    expect(existsSync(at('empty/handler.js'))).toBe(true);
    await expect(createFolder(at('empty'), FILES, nothing)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    writeFileSync(at('file'), '');
    await expect(createFolder(at('file'), FILES, nothing)).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(createFolder(at('file/below'), FILES, nothing)).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(readdirSync(temp.path).sort()).toEqual(['empty', 'file']);
  });

  test('nothing is left when the check refuses it', async () => {
    const refuse = (staged: string) => {
      expect(readFileSync(join(staged, 'handler.js'), 'utf8')).toBe('code');
      throw new Error('refused');
    };
    await expect(createFolder(at('a/b'), FILES, refuse)).rejects.toThrow('refused');
    expect(readdirSync(temp.path)).toEqual([]);
  });

  test('what a killed writer left is removed, what a living one makes stays', async () => {
    const living = `.x.${process.pid}.0123456789ab.tmp`;
    for (const name of ['.x.99999999.0123456789ab.tmp', living]) mkdirSync(at(`${name}/deep`), { recursive: true });
    await createFolder(at('a'), FILES, nothing);
    expect(readdirSync(temp.path).sort()).toEqual([living, 'a']);
  });

  test('of a link to a folder only the link goes', async () => {
    await createFolder(at('real'), FILES, nothing);
    symlinkSync('real', at('link'));
    await removeFolder(at('link'));
    expect(readdirSync(temp.path)).toEqual(['real']);
    await removeFolder(at('real'));
    expect(readdirSync(temp.path)).toEqual([]);
  });

  test.runIf(process.getuid?.() === 0)('P76: root gives them to the owner of the folder they are made in', async () => {
    chownSync(temp.path, 65534, 65534);
    await createFolder(at('a/b'), FILES, nothing);
    for (const name of ['a', 'a/b', 'a/b/handler.js', 'a/b/fn.env.json']) expect(statSync(at(name)).uid).toBe(65534);
  });
});

test('a function created without code has some for every handler name', () => {
  expect(minimalHandler('node', 'handler.cjs')).toContain('exports.handler');
  for (const name of ['handler.mjs', 'handler.ts'])
    expect(minimalHandler('node', name)).toContain('export const handler');
});
