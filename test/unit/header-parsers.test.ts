import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Head, type Parsed, type Parser, startParsers } from './header-parsers-support.ts';

let parsers: Parser[];
beforeAll(async () => {
  parsers = await startParsers();
}, 60_000);
afterAll(() => Promise.all((parsers ?? []).map((parser) => parser.stop())));

/** All four results; fails unless they are the same. */
async function agreed(head: Head): Promise<Parsed> {
  const results = await Promise.all(parsers.map((parser) => parser.parse(head)));
  const [first, ...others] = parsers.map(({ runtime }, i) => ({ runtime, ...results[i] }));
  for (const other of others) expect(other).toEqual({ ...first, runtime: other.runtime });
  return results[0] as Parsed;
}

const joined = (...pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((chosen) => chosen.join(''));

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcxyzABCXYZ";
const name = fc.oneof(
  fc.constantFrom('Host', 'X-A', 'x-a', 'X_A', 'Cookie', 'COOKIE', 'User-Agent', '0', '12', '-1', 'Content-Length'),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '__PROTO__', 'length'),
  fc.constantFrom('Connection', 'connection', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'),
  fc.constantFrom('Proxy-Authorization', 'Proxy-Connection', 'x-fn-admin-token'),
  fc.array(fc.constantFrom(...TOKEN), { minLength: 1, maxLength: 12 }).map((characters) => characters.join('')),
);
/** Bytes that one language or another takes for a blank, a line end or the end of a text, and UTF-8 whole and broken. */
const value = fc.oneof(
  joined(' ', '\t', 'a', 'B', ',', ';', '=', ':', '"', '\x0b', '\x0c', '\x01', '\x1c', '\x7f', '\x85', '\xa0', '\xff'),
  joined('\xc3\xa9', '\xe2\x80\xa8', '\xef\xbb\xbf', '\xe9', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xc0\xaf', ' '),
  joined('close', 'keep-alive', 'x-a', 'HOST', 'cookie', 'te', ',', ' ', '\t', '\xa0'),
  joined('session_id', 'sid', 'a', '__proto__', 'constructor', '0', '=', '=1', ';', '; ', ' ', '\t', '\x0b', '\xa0'),
);
const lineEnd = fc.constantFrom('\r\n', '\r\n', '\n');
const line = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(name, fc.constantFrom(':', ': ', ':\t'), value).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.constant('no-colon') },
);
const block = fc
  .tuple(fc.array(fc.tuple(line, lineEnd), { maxLength: 12 }), lineEnd)
  .map(([lines, end]) => lines.flat().join('') + end);
const query = joined(
  ...['a', 'b', '=', '&', '+', '%', '%4', '%41', '%zz', '%c3%a9', '%e9', '%00', '%2B', '[]', '0', '\xe9', '\xc3\xa9'],
  ...['__proto__', 'constructor', '?', '#', '/', '%ed%a0%80', '%F0%9F%98%80'],
);
const bytes = joined('a', '0', '/', ' ', '+', '%41', '\xe9', '\xc3\xa9', '\x01', '\r', '\n', '\x7f', '__proto__');

const head: fc.Arbitrary<Head> = fc.record({
  path: bytes.map((text) => `/${text}`),
  params: fc.uniqueArray(fc.tuple(fc.constantFrom('id', 'slug', '__proto__', 'constructor', '1'), bytes), {
    selector: ([key]) => key,
    maxLength: 3,
  }),
  method: fc.constantFrom('GET', 'POST', 'PATCH'),
  target: query.map((text) => `/x${text === '' ? '' : `?${text}`}`),
  block,
});

test('F77, F79-F81: the four languages see the same parameters, query, headers and cookies', async () => {
  await fc.assert(
    fc.asyncProperty(head, async (generated) => void (await agreed(generated))),
    { numRuns: 400 },
  );
}, 60_000);

const AT_HOME = { path: '/x', params: [], method: 'GET', target: '/x' } as const;

test('F79: a bare LF ends a line in every language (RFC 9112 2.2)', async () => {
  const { headers } = await agreed({ ...AT_HOME, block: 'Host: h\nX-A: 1\r\nX-B: 2\n\n' });
  expect(headers).toEqual([
    ['host', 'h'],
    ['x-a', '1'],
    ['x-b', '2'],
  ]);
});

test('F79: a line without colon is no header, and takes none with it', async () => {
  const { headers } = await agreed({ ...AT_HOME, block: 'no-colon\r\nX-A: 1\r\n\r\n' });
  expect(headers).toEqual([['x-a', '1']]);
});

test('F81: only blanks and tabs surround a name or value of a cookie', async () => {
  const { cookies } = await agreed({ ...AT_HOME, block: 'Cookie: a = 1 ;\tb=\xc2\xa02\xc2\xa0;c=\x0b3\r\n\r\n' });
  expect(cookies).toEqual([
    ['a', '1'],
    ['b', '\u00a02\u00a0'],
    ['c', '\x0b3'],
  ]);
});

test.each([
  ['Cookie', `a=x${' '.repeat(30_000)}y`],
  ['Connection', `x${' '.repeat(30_000)}y`],
  ['X-A', `${'\t '.repeat(15_000)}y`],
  ['Cookie', `${';'.repeat(30_000)}a=1`],
  ['Cookie', `${'='.repeat(30_000)}`],
  ['X-A', '\xe9'.repeat(30_000)],
])('a hostile %s costs no more than its length', async (field, hostile) => {
  const before = performance.now();
  await agreed({ ...AT_HOME, block: `${field}: ${hostile}\r\n\r\n` });
  expect(performance.now() - before).toBeLessThan(1_000); // a quadratic parser takes longer than that for this length
});
