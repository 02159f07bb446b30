import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseFunctionConfig } from '../../src/functions/config.ts';
import { parseFunctionEnv } from '../../src/functions/env.ts';
import { readHints, readInlineRequirements } from '../../src/functions/hints.ts';
import type { Discovery } from '../../src/functions/types.ts';
import { addFiles, discoveryOf, writeTree } from './discovery-fixture.ts';

const folderName = fc.constantFrom(
  'a',
  'B_b',
  '[id]',
  '[...all]',
  '[[...opt]]',
  'v1.0',
  'console',
  'src',
  '_x',
  'bad name',
);
const fileName = fc.oneof(
  fc.constantFrom('index.js', 'handler.py', 'main.lua', 'main.js', 'handler.php', 'get.js', 'POST.items.ts', '[id].js'),
  fc.constantFrom('x.js', 'X.py', '[[...rest]].js', 'get.post.js', 'a b.js', 'x.test.js', 'requirements.txt', 'x.go'),
  fc.constantFrom('fn.config.json', 'fn.env.json', 'package.json'),
);
const content = fc.constantFrom(
  '',
  '{}',
  '{',
  '// @methods POST,GET',
  '{"name": "tool"}',
  '{"runtime": "node", "invoke": {"methods": "PUT", "allow_hosts": "a.com"}}',
  '{"entrypoint": "src/x.js", "timeout_ms": 5}',
  '{"invoke": {"routes": ["/a", "/x/:id", "/_fn"], "force-url": true}}',
  '{"assets": {"directory": "a"}, "dependencies": {"ms": "2"}}',
  '{"A": "1", "TOKEN": {"from_env": "X"}}',
);
const path = fc
  .tuple(fc.array(folderName, { maxLength: 3 }), fileName)
  .map(([folders, file]) => [...folders, file].join('/'));
const files = fc.dictionary(path, content, { maxKeys: 12, noNullPrototype: true });

function expectSound({ functions, routes, conflicts, problems }: Discovery): void {
  const keys = functions.map(({ key }) => key);
  expect(keys).toEqual([...new Set(keys)].sort());
  const identities = routes.map(({ path: at, methods, hosts, rank }) => JSON.stringify([at, methods, hosts, rank]));
  expect(new Set(identities).size).toBe(routes.length);
  for (const route of routes) {
    expect(route.methods.length).toBeGreaterThan(0);
    expect(route.path).not.toMatch(/^\/(?:_fn|console)(?:\/|$)/);
    if (route.functionKey !== null) expect(keys).toContain(route.functionKey);
  }
  expect(routes.filter(({ functionKey }) => functionKey === null)).toHaveLength(conflicts.length);
  const lines = problems.map((problem) => `${problem.path}\0${problem.message}`);
  expect(lines).toEqual([...lines].sort());
}

test('F4, P98: any tree gives sorted, unique functions and routes, never an exception; a rescan gives the same', async () => {
  const root = await writeTree({});
  await fc.assert(
    fc.asyncProperty(files, files, async (before, after) => {
      await addFiles(root, before);
      const discovery = discoveryOf(root);
      expectSound(await discovery.scan());
      await addFiles(root, after);
      const rescanned = await discovery.rescan(Object.keys(after).map((changed) => join(root, changed)));
      expectSound(rescanned);
      expect(await discovery.scan()).toEqual(rescanned);
      for (const name of [...Object.keys(before), ...Object.keys(after)]) {
        await rm(join(root, name.split('/')[0]!), { recursive: true, force: true });
      }
    }),
    { numRuns: 100 },
  );
});

const configKey = fc.constantFrom(
  'auth',
  'cors',
  'invoke',
  'timeout_ms',
  'worker_pool',
  'rate_limit',
  'response',
  'x',
  'name',
);
const member = fc.constantFrom(
  'methods',
  'routes',
  'jwt',
  'api_key',
  'keys',
  'requests',
  'origins',
  'adapter',
  'max_queue',
  'y',
);
const value = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '5',
    '',
    ' get ',
    'GET,POST',
    '/a',
    true,
    -1,
    5,
    1.5,
    [],
    {},
    ['GET', 'x'],
    [{}],
    ['/a', 5],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
const config = fc.dictionary(configKey, fc.oneof(value, fc.dictionary(member, value, { noNullPrototype: true })), {
  noNullPrototype: true,
});

test('F117: any JSON is read to an end, and what is kept of it is valid by itself', () => {
  fc.assert(
    fc.property(config, (given) => {
      const parsed = parseFunctionConfig(JSON.stringify(given));
      expect(parsed.isValid).toBe(parsed.problems.every(({ severity }) => severity === 'warning'));
      expect(parseFunctionConfig(JSON.stringify(parsed.config))).toEqual({
        config: parsed.config,
        isValid: true,
        problems: [],
      });
    }),
    { numRuns: 1000 },
  );
});

test('F117, F130, F145: any text is read without an exception', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
      parseFunctionConfig(text);
      parseFunctionEnv(text, {}, () => ({ problem: 'is closed' }));
      readHints(`# @query ${text}\n// @methods ${text}`);
      readInlineRequirements(`#@requirements ${text}`);
    }),
    { numRuns: 1000 },
  );
});
