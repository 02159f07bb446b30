import { describe, expect, test } from 'vitest';
import { changesOf, HIDDEN, keyComplaint, rawChanges, rowsOf } from '../../console/src/environment/draft.ts';
import { filterFunctions, listFunctions, routesOf } from '../../console/src/functions.ts';
import { bytesOf, prettyBody } from '../../console/src/invoke/answer.ts';
import { bodyComplaint, EMPTY_DRAFT, invokeBody } from '../../console/src/invoke/draft.ts';
import { withoutSecrets } from '../../console/src/invoke/secrets.ts';
import { TEMPLATES } from '../../console/src/invoke/templates.ts';
import { lineText } from '../../console/src/logs/entry.ts';
import { readEvents } from '../../console/src/logs/events.ts';
import { functionHref, placeOf, TABS } from '../../console/src/places.ts';
import { curlLine, paramsOf } from '../../console/src/routes.ts';
import type { Catalog, Health, InvokeAnswer } from '../../console/src/shapes.ts';

const HELLO = { runtime: 'node', name: 'hello', version: '' };

describe('addresses', () => {
  const targets = [
    HELLO,
    { runtime: 'node', name: 'users/[id]', version: '' },
    { runtime: 'python', name: 'orders', version: 'v2.1' },
  ];

  test.each(targets)('P220: every tab of $runtime/$name@$version has an address that leads back to it', (target) => {
    for (const tab of TABS) expect(placeOf(functionHref(target, tab))).toEqual({ room: 'function', target, tab });
  });

  test.each([
    ['/console', { room: 'functions' }],
    ['/console/functions/node', { room: 'functions' }],
    ['/console/nothing/like/this', { room: 'functions' }],
    ['/console/access', { room: 'access' }],
    ['/console/functions/node/users/[id]', { room: 'function', target: targets[1], tab: 'test' }],
    ['/console/functions/node/%zz', { room: 'function', target: { ...HELLO, name: '%zz' }, tab: 'test' }],
  ])('P218: %s is understood', (path, place) => {
    expect(placeOf(path)).toEqual(place);
  });
});

describe('the list of functions', () => {
  const catalog: Catalog = {
    functions_root: '/srv',
    mapped_routes: {
      '/hello': [
        { runtime: 'node', fn_name: 'hello', version: null, methods: ['GET', 'POST'], source_rank: 1 },
        { runtime: 'python', fn_name: 'greet', version: 'v2', methods: ['PUT'], source_rank: 3 },
      ],
    },
    mapped_route_conflicts: {},
    runtimes: {
      node: { functions: [{ name: 'hello', has_default: true, versions: [] }] },
      python: { functions: [{ name: 'greet', has_default: false, versions: ['v2'] }] },
    },
  };
  const health: Health = {
    status: 'ok',
    functions: { states: [{ ...HELLO, key: 'node/hello@default', state: 'warm', installing: false }] },
  };
  const problem = { severity: 'error', kind: 'load', function: 'python/greet@v2', message: 'broken' } as const;

  test('P219: functions and versions come with their routes, methods, state and problems', () => {
    const rows = listFunctions(catalog, health, [problem]);
    expect(rows).toMatchObject([
      { key: 'python/greet@v2', routes: ['/hello'], methods: ['PUT'], problems: [problem] },
      { key: 'node/hello@default', routes: ['/hello'], methods: ['GET', 'POST'], state: 'warm', problems: [] },
    ]);
    expect(filterFunctions(rows, 'NODE /hel').map(({ key }) => key)).toEqual(['node/hello@default']);
  });

  test.each([
    ['cold', false, [], 'cold'],
    ['cold', true, [], 'installing'],
    ['cold', false, [problem], 'failed'],
    ['stale', false, [problem], 'stale'],
    ['cold', false, [{ ...problem, severity: 'warning' as const }], 'cold'],
  ])('P219: %s, installing %s, is shown by what it can do', (state, installing, problems, shown) => {
    const states = [{ runtime: 'python', name: 'greet', version: 'v2', key: 'python/greet@v2', state, installing }];
    expect(listFunctions(catalog, { status: 'ok', functions: { states } }, problems)[0]!.state).toBe(shown);
  });

  test('P226: a path that two functions share is two routes', () => {
    expect(routesOf(catalog).map(({ path, key }) => [path, key])).toEqual([
      ['/hello', 'node/hello@default'],
      ['/hello', 'python/greet@v2'],
    ]);
  });
});

describe('a test request', () => {
  test('P214: only what is filled in is sent, repeated names as lists', () => {
    const draft = {
      ...EMPTY_DRAFT,
      method: 'POST',
      route: '/users/:id',
      params: { id: '7', rest: '' },
      query: [
        { name: 'tag', value: 'a' },
        { name: 'tag', value: 'b' },
        { name: ' ', value: 'ignored' },
      ],
      headers: [{ name: 'Accept', value: 'text/plain' }],
      body: '{}',
      context: '{"role":"tester"}',
    };
    expect(invokeBody({ ...HELLO, version: 'v2' }, draft)).toEqual({
      runtime: 'node',
      name: 'hello',
      version: 'v2',
      method: 'POST',
      route: '/users/:id',
      params: { id: '7' },
      query: { tag: ['a', 'b'] },
      headers: { Accept: 'text/plain' },
      body: '{}',
      context: { role: 'tester' },
    });
    expect(invokeBody(HELLO, EMPTY_DRAFT)).toEqual({ runtime: 'node', name: 'hello', method: 'GET' });
    expect(() => invokeBody(HELLO, { ...EMPTY_DRAFT, context: '[1]' })).toThrow('must be a JSON object');
  });

  test.each([
    ['{"a":', [], true],
    ['{"a":1}', [], false],
    ['hello', [], false],
    ['hello', [{ name: 'content-type', value: 'application/problem+json; x=1' }], true],
    ['{not json', [{ name: 'Content-Type', value: 'text/plain' }], false],
  ])('P222: a body that claims to be JSON is checked: %s', (body, headers, isWrong) => {
    expect(bodyComplaint({ ...EMPTY_DRAFT, body, headers }) !== null).toBe(isWrong);
  });

  test.each(TEMPLATES.map((template) => [template.label, template] as const))(
    'P222: the template “%s” gives a request that can be sent',
    (_label, { fill }) => {
      const draft = fill({ ...EMPTY_DRAFT, route: '/users/:id', params: { id: '' } });
      expect(invokeBody(HELLO, draft)).toMatchObject({ route: '/users/:id' });
      expect(bodyComplaint(draft)).toBeNull();
    },
  );

  test.each(['Authorization', 'Cookie', 'X-API-Key', 'x-fn-admin-token', 'X-Session-Id', 'Proxy-Authorization'])(
    'P222: what is kept of a request has no value of %s',
    (name) => {
      const draft = {
        ...EMPTY_DRAFT,
        headers: [
          { name, value: 'v' },
          { name: 'Accept', value: 'text/html' },
        ],
      };
      expect(withoutSecrets(draft).headers).toEqual([
        { name, value: '' },
        { name: 'Accept', value: 'text/html' },
      ]);
    },
  );

  test('P222: JSON is indented, binary bodies are bytes, other text stays', () => {
    const answer = {
      headers: { 'content-type': ['application/json; charset=utf-8'] },
      body: '{"a":1}',
    } as unknown as InvokeAnswer;
    expect(prettyBody(answer)).toBe('{\n  "a": 1\n}');
    expect(prettyBody({ ...answer, body: '{broken' })).toBe('{broken');
    expect(bytesOf({ ...answer, is_base64: true, body_base64: '/wA=' })).toEqual(new Uint8Array([255, 0]));
    expect(bytesOf(answer)).toBeNull();
  });
});

describe('routes', () => {
  test.each([
    ['/users/:id', [{ name: 'id', isRest: false }], "curl -sS 'http://h/users/ID'"],
    ['/files/:path*', [{ name: 'path', isRest: true }], "curl -sS 'http://h/files/PATH'"],
    ['/any/*', [{ name: 'wildcard', isRest: true }], "curl -sS 'http://h/any/REST'"],
    ["/it's ü", [], "curl -sS 'http://h/it'\\''s%20%C3%BC'"],
  ])('P224: %s has its parameters and a line for a shell', (route, params, line) => {
    expect(paramsOf(route)).toEqual(params);
    expect(curlLine('http://h', route, 'GET')).toBe(line);
  });
});

describe('the environment', () => {
  const stored = { KEY: { value: HIDDEN, is_secret: true }, REGION: { value: 'eu', is_secret: false } };

  test('P213: only what was changed is sent', () => {
    const [key, region] = rowsOf(stored);
    expect(changesOf([key!, region!])).toBeNull();
    expect(
      changesOf([
        { ...key!, isSecret: false },
        { ...region!, isDeleted: true },
        { id: 2, key: 'NEW', value: '1', isSecret: true, stored: null, isReplaced: true, isDeleted: false },
      ]),
    ).toEqual({ KEY: { is_secret: false }, REGION: null, NEW: { value: '1', is_secret: true } });
    expect(changesOf([{ ...key!, value: 'fresh', isReplaced: true }])).toEqual({
      KEY: { value: 'fresh', is_secret: true },
    });
  });

  test('P213: of the raw view too, and keys that are gone are deleted', () => {
    expect(rawChanges(stored, stored)).toBeNull();
    expect(rawChanges(stored, { KEY: stored.KEY, MORE: 'x' })).toEqual({ REGION: null, MORE: 'x' });
  });

  test('P213: keys that the file cannot hold are named before anything is sent', () => {
    const row = rowsOf(stored)[0]!;
    expect(keyComplaint(rowsOf(stored))).toBeNull();
    expect(keyComplaint([{ ...row, key: '1X' }])).toContain('1X is not a variable name');
    expect(keyComplaint([row, { ...row, id: 9 }])).toBe('KEY is there twice');
  });
});

describe('logs', () => {
  test('P189: events arrive whole however the stream is cut, heartbeats are passed over', async () => {
    const text = ': heartbeat\n\nevent: line\ndata: {"a":1}\n\ndata: ü\ndata: 2\n\n';
    const bytes = new TextEncoder().encode(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 5) }, (_, at) => bytes.slice(at * 5, at * 5 + 5));
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    const events: string[] = [];
    for await (const data of readEvents(new Response(body))) events.push(data);
    expect(events).toEqual(['{"a":1}', 'ü\n2']);
  });

  test('P116: a line says who spoke; a request says how it was answered', () => {
    const time = '2026-01-01T00:00:00.000Z';
    expect(lineText({ time, function: 'hello@default', stream: 'stdout', message: 'hi' })).toBe(
      '[hello@default stdout] hi',
    );
    expect(lineText({ time, method: 'GET', path: '/x', status: 404, ms: 1 })).toBe('GET /x 404 1 ms');
  });
});
