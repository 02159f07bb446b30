import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { LuaHost } from './lua-host.ts';

let lua: LuaHost;
beforeAll(async () => {
  lua = await LuaHost.start();
});
afterAll(() => lua?.stop());

const vectors = (name: string) => JSON.parse(readFileSync(join(packageRoot, 'test/vectors', name), 'utf8'));

test('F107: secrets are hidden in output that leaves the gateway, also one that was cut at its end', async () => {
  const cases = [
    ['a hunter22 b hunter22', ['hunter22'], false, 'a <hidden> b <hidden>'],
    ['long-secret and secret', ['long-secret', 'secret'], false, '<hidden> and <hidden>'],
    ['100% (a.b)', ['% (a.b)'], false, '100<hidden>'],
    ['ends with hunt', ['hunter22'], true, 'ends with <hidden>'],
    ['ends with hunt', ['hunter22'], false, 'ends with hunt'],
    ['nothing here', ['hunter22'], true, 'nothing here'],
  ] as const;
  const hidden = await lua.run(
    `local redact = require "openresty.redact"
     local out = {}
     for i, case in ipairs(...) do out[i] = redact.hide(case[1], case[2], case[3]) end
     return out`,
    cases,
  );
  expect(hidden).toEqual(cases.map(([, , , expected]) => expected));
});

describe('frames', () => {
  test('the header of every frame vector', async () => {
    const { frames } = vectors('frames.json');
    const made = await lua.run(
      `local protocol = require "openresty.protocol"
       local out = {}
       for i, frame in ipairs(...) do
         local header = protocol.frame_header(frame.length, frame.type, frame.stream)
         out[i] = (header:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
       end
       return out`,
      frames.map((frame: any) => ({ length: frame.payload_hex.length / 2, type: frame.type, stream: frame.stream })),
    );
    expect(made).toEqual(frames.map((frame: any) => frame.hex.slice(0, 18)));
  });

  test('REQUEST begins with flags and the length of its head', async () => {
    const { frames } = vectors('frames.json');
    const requests = frames.filter((frame: any) => frame.type === 2);
    const made = await lua.run(
      `local protocol = require "openresty.protocol"
       local out = {}
       for i, r in ipairs(...) do
         local header = protocol.request_header(r.flags, r.head, r.body, r.stream)
         out[i] = (header:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
       end
       return out`,
      requests.map((frame: any) => {
        const payload = Buffer.from(frame.payload_hex, 'hex');
        const head = payload.readUInt32BE(1);
        return { flags: payload[0], head, body: payload.length - 5 - head, stream: frame.stream };
      }),
    );
    expect(made).toEqual(requests.map((frame: any) => frame.hex.slice(0, 28)));
  });

  test('u32 survives above 2^31', async () => {
    const numbers = [0, 1, 255, 65_536, 2_147_483_647, 2_147_483_648, 4_294_967_295];
    const back = await lua.run(
      `local protocol = require "openresty.protocol"
       local out = {}
       for i, n in ipairs(...) do out[i] = protocol.read_u32(protocol.u32(n), 1) end
       return out`,
      numbers,
    );
    expect(back).toEqual(numbers);
  });
});

describe('F49: the normal form of a path', () => {
  const cases: [string, string | null][] = [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b'],
    ['//a///b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2e/b', '/b'],
    ['/%2e/a', '/a'],
    ['/a/..', '/'],
    ['/..', null],
    ['/a/../../b', null],
    ['/%2e%2e/b', null],
    ['/a%2Fb', '/a/b'],
    ['/a%252Fb', '/a%2Fb'],
    ['/%00', null],
    ['/a%', null],
    ['/a%4', null],
    ['/a%zz', null],
    ['/z%C3%AB', '/zë'],
    ['/A/b', '/A/b'],
    ['/a+b', '/a+b'],
  ];
  test.each(cases)('%s is %s', async (raw, expected) => {
    const normal = await lua.run(
      `local _, _, path = require("openresty.path").normalise((...))
       return path or false`,
      raw,
    );
    expect(normal).toBe(expected ?? false);
  });

  test('an encoded slash stays inside its segment', async () => {
    expect(await lua.run(`return (require("openresty.path").normalise((...)))`, '/x/a%2Fb')).toEqual(['x', 'a/b']);
  });

  test('leaving the root by an encoded slash is not possible: it is one segment', async () => {
    expect(await lua.run(`return (require("openresty.path").normalise((...)))`, '/..%2Fx')).toEqual(['../x']);
  });

  test('query and fragment are no part of the path; absolute form counts from its path', async () => {
    const targets = ['/a?b=/c', '/a#x', 'http://h/p?q', 'http://h', 'http://h:80/p#f'];
    const paths = await lua.run(
      `local out = {} for i, t in ipairs(...) do out[i] = require("openresty.path").of_target(t) end return out`,
      targets,
    );
    expect(paths).toEqual(['/a', '/a', '/p', '/', '/p']);
  });
});

test.each([
  [0, 59, false],
  [0, 61, true],
  [61_440, 61, true],
  [63_000, 61, false],
  [10_000_000, 3_600, false],
])('a large body of which %i bytes came in %i s is too slow: %s', async (bytes, seconds, expected) => {
  const call = 'return require("openresty.request_body").is_too_slow(...)';
  expect(await lua.run(call.replace('...', `${bytes}, ${seconds}`))).toBe(expected);
});

const MATCH = `
  local input = ...
  local router = require("openresty.router").new()
  local path = require "openresty.path"
  for _, route in ipairs(input.routes) do
    local entries = {}
    for i, entry in ipairs(route.entries) do
      local methods = {}
      for _, method in ipairs(entry.methods) do methods[method] = true end
      entries[i] = { methods = methods, hosts = entry.hosts or {}, order = i, target = entry.target,
        conflict = entry.conflict, defaults = entry.defaults }
    end
    router:set(route.path, entries)
  end
  for _, gone in ipairs(input.removed or {}) do router:set(gone, nil) end
  local out = {}
  for i, request in ipairs(input.requests) do
    local segments, n, normal = path.normalise(request.path)
    local entry, params, search = router:match(request.method or "GET", normal, segments, n, request.host or "h")
    local found = {}
    if entry then
      found.target = entry.conflict and "conflict" or entry.target
      found.params = {}
      for k, param in ipairs(params) do found.params[k] = { param[1], param[2] } end
    else
      found.seen, found.refused = search.seen, search.host_refused
      if search.seen then found.allow = require("openresty.router").allow_header(search.allowed) end
    end
    out[i] = found
  end
  return out`;

const get = (target: string, more: object = {}) => ({ methods: ['GET'], target, ...more });

describe('F50, F51: matching', () => {
  test('static comes before parameter before catch-all before wildcard, segment by segment', async () => {
    const found = await lua.run(MATCH, {
      routes: [
        { path: '/users/me', entries: [get('me')] },
        { path: '/users/:id', entries: [get('user')] },
        { path: '/users/:rest*', entries: [get('rest')] },
        { path: '/users/*', entries: [get('wild')] },
        { path: '/:any/posts', entries: [get('posts')] },
        { path: '/', entries: [get('home')] },
      ],
      requests: ['/users/me', '/users/7', '/users/7/x', '/users/posts', '/other/posts', '/', '/users'].map((path) => ({
        path,
      })),
    });
    expect(found.map((one: any) => one.target ?? null)).toEqual(['me', 'user', 'rest', 'user', 'posts', 'home', null]);
    expect(found[1].params).toEqual([['id', '7']]);
    expect(found[2].params).toEqual([['rest', '7/x']]);
  });

  test('a static GET does not hide a PUT of a parameter', async () => {
    const [found] = await lua.run(MATCH, {
      routes: [
        { path: '/users/me', entries: [get('me')] },
        { path: '/users/:id', entries: [{ methods: ['PUT'], target: 'put' }] },
      ],
      requests: [{ path: '/users/me', method: 'PUT' }],
    });
    expect(found.target).toBe('put');
  });

  test('F17: HEAD is served from GET; a wrong method knows what is allowed', async () => {
    const found = await lua.run(MATCH, {
      routes: [{ path: '/a', entries: [get('a'), { methods: ['POST'], target: 'b' }] }],
      requests: [
        { path: '/a', method: 'HEAD' },
        { path: '/a', method: 'DELETE' },
      ],
    });
    expect(found[0].target).toBe('a');
    expect(found[1].allow).toBe('GET, HEAD, OPTIONS, POST');
  });

  test('F53: hosts select among candidates, ports count only where the entry has one', async () => {
    const hosts = (list: string[], target: string) => ({ methods: ['GET'], hosts: list, target });
    const found = await lua.run(MATCH, {
      routes: [
        {
          path: '/a',
          entries: [
            hosts(['one.example'], 'one'),
            hosts(['*.two.example'], 'two'),
            hosts(['three.example:81'], 'three'),
          ],
        },
      ],
      requests: [
        'ONE.example:8080',
        'x.two.example',
        'two.example',
        'three.example:81',
        'three.example',
        '[::1]:80',
      ].map((host) => ({
        path: '/a',
        host,
      })),
    });
    expect(found.map((one: any) => one.target ?? `refused ${one.refused}`)).toEqual([
      'one',
      'two',
      'refused true',
      'three',
      'refused true',
      'refused true',
    ]);
  });

  test('F73: defaults are bound at the base of an optional catch-all', async () => {
    const found = await lua.run(MATCH, {
      routes: [
        { path: '/docs', entries: [get('docs', { defaults: { slug: '' } })] },
        { path: '/docs/:slug*', entries: [get('docs')] },
      ],
      requests: [{ path: '/docs' }, { path: '/docs/a/b' }],
    });
    expect(found[0].params).toEqual([['slug', '']]);
    expect(found[1].params).toEqual([['slug', 'a/b']]);
  });

  test('a removed pattern answers no more, its neighbour of the same shape still does', async () => {
    const found = await lua.run(MATCH, {
      routes: [
        { path: '/a/:x', entries: [get('x')] },
        { path: '/a/:y', entries: [{ methods: ['POST'], target: 'y' }] },
        { path: '/b', entries: [get('b')] },
      ],
      removed: ['/a/:x', '/b'],
      requests: [{ path: '/a/1' }, { path: '/a/1', method: 'POST' }, { path: '/b' }],
    });
    expect(found[0].target).toBeUndefined();
    expect(found[1].target).toBe('y');
    expect(found[2].target).toBeUndefined();
  });

  test('any set of routes matches as a plain search through all of them does', async () => {
    const segment = fc.constantFrom('a', 'b', ':p', ':q');
    const pattern = fc
      .tuple(fc.array(segment, { maxLength: 3 }), fc.constantFrom('', ':r*', '*'))
      .map(
        ([segments, last]) =>
          `/${[...segments.map((text, i) => (text.startsWith(':') ? text + i : text)), last].filter(Boolean).join('/')}`,
      );
    const requests = fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(pattern, { maxLength: 8, selector: shape }),
        requests,
        async (patterns, paths) => {
          const found = await lua.run(MATCH, {
            routes: patterns.map((path) => ({ path, entries: [get(path)] })),
            requests: paths.map((segments) => ({ path: `/${segments.join('/')}` })),
          });
          expect(found.map((one: any) => one.target ?? null)).toEqual(
            paths.map((segments) => search(patterns, segments)),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Two patterns of one shape would be a conflict, which discovery resolves. */
function shape(pattern: string): string {
  return pattern.replace(/:[a-z]+\d?(?=\/|$)/g, ':');
}

/** F50, written down naively: the best of all patterns that fit. */
function search(patterns: readonly string[], segments: readonly string[]): string | null {
  const rank = (step: string) => (step === '*' ? 3 : step.endsWith('*') ? 2 : step.startsWith(':') ? 1 : 0);
  const fits = (steps: readonly string[]) => {
    const last = steps.at(-1) ?? '';
    const open = last.endsWith('*');
    if (open ? segments.length < steps.length : segments.length !== steps.length) return false;
    return (open ? steps.slice(0, -1) : steps).every((step, i) => step.startsWith(':') || step === segments[i]);
  };
  const ranked = patterns
    .map((pattern) => ({ pattern, steps: pattern.split('/').filter(Boolean) }))
    .filter(({ steps }) => fits(steps))
    .sort((a, b) => {
      for (let i = 0; i < Math.max(a.steps.length, b.steps.length); i++) {
        const difference = rank(a.steps[i] ?? '') - rank(b.steps[i] ?? '');
        if (difference !== 0) return difference;
      }
      return 0;
    });
  return ranked[0]?.pattern ?? null;
}

/** An empty table is `{}` (F93), so a JSON `[]` cannot be handed over as what it is. */
const hasEmptyList = (value: unknown) => JSON.stringify(value ?? null).includes('[]');
const responses = vectors('responses.json').cases.filter(
  (one: any) => (!one.languages || one.languages.includes('lua')) && !hasEmptyList(one.result),
);

describe('F88-F96, F105: what a Lua function may return', () => {
  test.each<any>(responses)('$name', async (vector) => {
    const built = await lua.run(
      `local result = require "openresty.lua_result"
       local answer, body, why = result.build(...)
       if not answer then return { contract = true, why = why } end
       if answer.proxy then return { proxy = answer.proxy } end
       local headers = {}
       for i = 1, answer.n do
         local value = answer.values[i]
         headers[answer.names[i]:lower()] = type(value) == "table" and value or { value }
       end
       return { status = answer.status, headers = headers, body = ngx.encode_base64(body) }`,
      vector.result,
    );
    const { expect: expected } = vector;
    if (expected.contract) return expect(built).toMatchObject({ contract: true });
    if (expected.proxy) return expect(built.proxy).toEqual(expected.proxy);
    expect({ status: built.status, headers: built.headers, body: readable(built.body, built.headers) }).toEqual({
      status: expected.status,
      headers: expected.headers,
      body: readable(expected.body_base64, expected.headers),
    });
  });
});

/** JSON by value (Lua tables have no order), everything else as text. */
function readable(base64: string, headers: Record<string, string[]>): unknown {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return headers['content-type']?.[0] === 'application/json'
    ? JSON.parse(Buffer.from(base64, 'base64').toString())
    : text;
}
