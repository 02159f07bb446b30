import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ECHO_EVENT, inEachLanguage, LANGUAGES } from './languages.ts';
import { RawConnection } from './raw-http.ts';
import { TestStack } from './support.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start({
    'fn.config.json': { invoke: { methods: ['GET', 'POST'] } },
    'count.js': `let calls = 0;
exports.handler = ({ query }) => ({ body: { calls: query.look === undefined ? ++calls : calls } });`,
    ...inEachLanguage('echo', ECHO_EVENT),
  });
}, 60_000);
afterAll(() => stack?.stop());

const HOST = 'Host: a\r\n';
const NEXT = `GET /count HTTP/1.1\r\n${HOST}\r\n`;

const get = (lines: string) => `GET /count HTTP/1.1\r\n${HOST}${lines}\r\n`;
const post = (lines: string, body = '') => `POST /count HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body);

async function calls(): Promise<number> {
  return (await stack.get('/count?look')).json().calls;
}

type Case = readonly [name: string, status: number, bytes: string];

const FRAMING: Case[] = [
  [
    'Content-Length before Transfer-Encoding',
    400,
    post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ],
  [
    'Transfer-Encoding before Content-Length',
    400,
    post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '0\r\n\r\n'),
  ],
  ['two lengths', 400, post('Content-Length: 4\r\nContent-Length: 5\r\n', 'abcde')],
  ['the same length twice', 400, post('Content-Length: 4\r\nContent-Length: 4\r\n', 'abcd')],
  ['two codings', 400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked, then identity', 400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n')],
  ...['5, 5', '+5', '-5', '0x5', '5 6', '5.0', '5a', '', '\t5', '"5"', '5;', '99999999999999999999999'].map(
    (length): Case => [`Content-Length: ${length}`, 400, post(`Content-Length: ${length}\r\n`, 'abcde')],
  ),
  ...[
    'gzip',
    'xchunked',
    'chunked, identity',
    'identity',
    'identity, chunked',
    'gzip, chunked',
    '\tchunked',
    'chunked\t',
  ].map(
    (coding): Case => [
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      501,
      post(`Transfer-Encoding: ${coding}\r\n`, '0\r\n\r\n'),
    ],
  ),
  ...['\x0bchunked', '"chunked"', 'chunked;x=1', '', ',chunked', 'chunked,', 'chunked chunked', 'chu\xe9nked'].map(
    (coding): Case => [
      `Transfer-Encoding: ${JSON.stringify(coding)}`,
      501,
      post(`Transfer-Encoding: ${coding}\r\n`, '0\r\n\r\n'),
    ],
  ),
  ['a coding in HTTP/1.0', 400, `POST /count HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
];

const CHUNKS: Case[] = [
  ...[
    '0x3',
    '-3',
    '+3',
    ' 3',
    '3g',
    '',
    'ffffffffffffffff',
    '10000000000000003',
    '7fffffffffffffff',
    '3,',
    '\x003',
  ].map((size): Case => [`a chunk of size ${JSON.stringify(size)}`, 400, chunked(`${size}\r\nabc\r\n0\r\n\r\n`)]),
  ['a bare CR in a chunk extension', 400, chunked('3;a\rb\r\nabc\r\n0\r\n\r\n')],
  ['a chunk longer than its size', 400, chunked('3\r\nabcd\r\n0\r\n\r\n')],
];

const HEADERS: Case[] = [
  ['two Hosts', 400, get('Host: b\r\n')],
  ['the same Host twice', 400, get(HOST)],
  ['no Host in HTTP/1.1', 400, 'GET /count HTTP/1.1\r\n\r\n'],
  ...['', 'a/b', 'a@b', 'a b', 'a:b', 'a:999999', 'a:80:80', '[::1', 'a\\b', 'a?b', 'a#b', '\xe9', 'a\tb'].map(
    (host): Case => [`Host: ${JSON.stringify(host)}`, 400, `GET /count HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ),
  ['a line that begins with a space (obs-fold)', 400, get('X-A: 1\r\n 2\r\n')],
  ['a line that begins with a tab (obs-fold)', 400, get('X-A: 1\r\n\t2\r\n')],
  ['a folded coding', 400, post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')],
  ['white space before the first header', 400, `GET /count HTTP/1.1\r\n ${HOST}\r\n`],
  ['a space before the colon', 400, get('X-A : 1\r\n')],
  ['a tab before the colon', 400, get('X-A\t: 1\r\n')],
  ['a space before the colon of a length', 400, post('Content-Length : 5\r\n', 'abcde')],
  ['a space before the colon of a coding', 400, post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
  ['NUL in a value', 400, get('X-A: 1\x002\r\n')],
  ['NUL in a name', 400, get('X\x00A: 1\r\n')],
  ['a bare CR in a value', 400, get('X-A: 1\r2\r\n')],
  ['a bare CR that hides a coding', 400, get('X-A: 1\rTransfer-Encoding: chunked\r\n')],
  ['a bare CR in a name', 400, get('X-A\rB: 1\r\n')],
  ['a bare CR before a name', 400, get('\rX-A: 1\r\n')],
  ['a bare CR after the colon', 400, get('X-A:\r 1\r\n')],
  ['two bare CRs after a value', 400, get('X-A: 1\r\r\r\n')],
  ['a bare CR and a blank after a value', 400, get('X-A: 1 \r\r\n')],
  ['a bare CR before the empty line', 400, get('\r')],
  ['a bare CR in the request line', 400, `GET /count HTTP/1.1\r\r\n${HOST}\r\n`],
  ...[
    'X\x01',
    'X\x7f',
    'X Y',
    'X(Y',
    'X)Y',
    'X,Y',
    'X/Y',
    'X;Y',
    'X<Y',
    'X=Y',
    'X>Y',
    'X?Y',
    'X@Y',
    'X[Y',
    'X]Y',
    'X\\Y',
  ].map((name): Case => [`a header named ${JSON.stringify(name)}`, 400, get(`${name}: 1\r\n`)]),
  ...['X{Y', 'X}Y', 'X"Y', 'X\xe9', ''].map(
    (name): Case => [`a header named ${JSON.stringify(name)}`, 400, get(`${name}: 1\r\n`)],
  ),
  ['a line without colon', 400, get('X-A\r\n')],
  ['a first line without colon', 400, `GET /count HTTP/1.1\r\nX-A\r\n${HOST}\r\n`],
  ['a line without colon after a value with blanks', 400, get('X-A: 1  \r\nX-B\r\n')],
  ['a line above 32 KiB', 431, get(`X-A: ${'a'.repeat(33_000)}\r\n`)],
  ['128 KiB of headers', 431, get(`X-A: ${'a'.repeat(30_000)}\r\n`.repeat(5))],
];

const REQUEST_LINES: Case[] = [
  ...[
    'GET\t/count\tHTTP/1.1',
    'GET  /count HTTP/1.1',
    'GET /count  HTTP/1.1',
    'GET /count HTTP/1.1 ',
    ' GET /count HTTP/1.1',
  ].map((line): Case => [JSON.stringify(line), 400, `${line}\r\n${HOST}\r\n`]),
  ...[
    'get /count HTTP/1.1',
    'GET /co unt HTTP/1.1',
    'GET \\count HTTP/1.1',
    'GET count HTTP/1.1',
    'GET  HTTP/1.1',
    'GET',
  ].map((line): Case => [JSON.stringify(line), 400, `${line}\r\n${HOST}\r\n`]),
  ...[
    'GET /count HTTP/01.1',
    'GET /count HTTP/1.10',
    'GET /count HTTPS/1.1',
    'GET /count http/1.1',
    'GET /count HTTP/1',
  ].map((line): Case => [JSON.stringify(line), 400, `${line}\r\n${HOST}\r\n`]),
  ...[
    'GET /count?\x01 HTTP/1.1',
    'GET /count?\x00 HTTP/1.1',
    'GET /count?\x7f HTTP/1.1',
    'CONNECT a:80 HTTP/1.1',
    'GET * HTTP/1.1',
  ].map((line): Case => [JSON.stringify(line), 400, `${line}\r\n${HOST}\r\n`]),
  ['credentials in the target', 400, `GET http://user:pass@a/count HTTP/1.1\r\n${HOST}\r\n`],
  ['a target above 32 KiB', 414, `GET /count?${'a'.repeat(33_000)} HTTP/1.1\r\n${HOST}\r\n`],
  ['HTTP/2.0', 505, `GET /count HTTP/2.0\r\n${HOST}\r\n`],
  ['HTTP/1.2', 505, `GET /count HTTP/1.2\r\n${HOST}\r\n`],
  ['HTTP/0.9', 505, 'GET /count\r\n'],
  ['HTTP/0.9 with headers', 505, `GET /count\r\n${HOST}\r\n`],
  ['TRACE', 405, `TRACE /count HTTP/1.1\r\n${HOST}\r\n`],
];

const TITLES: Readonly<Record<number, string>> = {
  400: 'bad request',
  405: 'method not allowed',
  414: 'uri too long',
  431: 'request header fields too large',
  501: 'not implemented',
  505: 'http version not supported',
};

describe('F2, P95: refused with a problem document; the handler and what follows on the connection never run', () => {
  test.each([...FRAMING, ...CHUNKS, ...HEADERS, ...REQUEST_LINES])('%s: %i', async (_, status, bytes) => {
    const before = await calls();
    const connection = await RawConnection.open(stack.port);
    connection.write(bytes + NEXT);
    const answer = await connection.read();
    const [id] = answer.values('x-request-id');
    expect([answer.status, answer.values('content-type')]).toEqual([status, ['application/problem+json']]);
    expect(id).toMatch(/^req-\d{13}-\d+-\d{6}$/);
    const problem = answer.json();
    expect(problem).toMatchObject({ type: 'about:blank', status, error: TITLES[status], request_id: id });
    await connection.closed;
    connection.destroy();
    expect(await calls()).toBe(before);
  });
});

test('F87: with more than 200 header lines 431, and the connection goes on', async () => {
  const before = await calls();
  const connection = await RawConnection.open(stack.port);
  connection.write(get('A:b\r\n'.repeat(200)) + NEXT);
  const refused = await connection.read();
  expect([refused.status, refused.json().error]).toEqual([431, 'request header fields too large']);
  expect((await connection.read()).json()).toEqual({ calls: before + 1 });
  connection.destroy();
});

describe('nginx and the handlers of all languages mean the same by an unusual request', () => {
  interface Meaning {
    readonly method?: string;
    readonly raw_path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | null;
  }
  const LONG = 'a'.repeat(3_000);
  const lines = (headers: string, meaning: Readonly<Record<string, string>>): [string, Meaning] => [
    `GET /echo HTTP/1.1\r\n${HOST}${headers}\r\n`,
    { headers: { host: 'a', ...meaning } },
  ];
  const sent = (headers: string, body: string, text: string): [string, Meaning] => [
    `POST /echo HTTP/1.1\r\n${HOST}${headers}\r\n${body}`,
    { method: 'POST', body: text },
  ];
  const coded = (body: string, text: string) => sent('Transfer-Encoding: chunked\r\n', body, text);

  const table: [string, [bytes: string, Meaning]][] = [
    ['a blank after a value', lines('X-A: 1 \r\nX-B: 2\r\n', { 'x-a': '1', 'x-b': '2' })],
    ['blanks after values', lines('X-A: 1   \r\nX-B: 2  \r\nX-C: 3\r\n', { 'x-a': '1', 'x-b': '2', 'x-c': '3' })],
    ['tabs around a value', lines('X-A:\t1\t\r\nX-B: \t 2 \t\r\n', { 'x-a': '1', 'x-b': '2' })],
    ['a blank after the last value', lines('X-A: 1 \r\n', { 'x-a': '1' })],
    ['a value of blanks', lines('X-A:   \r\nX-B:\r\nX-C: 3\r\n', { 'x-a': '', 'x-b': '', 'x-c': '3' })],
    ['a CR before the line end', lines('X-A: 1\r\r\nX-B: 2\r\n', { 'x-a': '1', 'x-b': '2' })],
    ['a blank after a value repeated', lines('X-A: 1 \r\nX-A: 2\r\n', { 'x-a': '1, 2' })],
    ['a blank after a cookie', lines('Cookie: a=1; \r\nX-B: 2\r\n', { cookie: 'a=1;', 'x-b': '2' })],
    [
      "a blank after a line that crosses two of nginx's buffers",
      lines(`X-A: ${LONG} \r\nX-B: ${LONG}\r\nX-C: 3 \r\n`, { 'x-a': LONG, 'x-b': LONG, 'x-c': '3' }),
    ],
    ['bare LFs', ['GET /echo HTTP/1.1\nHost: a\nX-A: 1\n\n', { headers: { host: 'a', 'x-a': '1' } }]],
    [
      'LF and CRLF mixed',
      ['GET /echo HTTP/1.1\r\nHost: a\nX-A: 1\r\nX-B: 2\n\r\n', { headers: { host: 'a', 'x-a': '1', 'x-b': '2' } }],
    ],
    [
      'LF, CRLF and blanks mixed',
      ['GET /echo HTTP/1.1\nHost: a \r\nX-A: 1 \nX-B: 2  \r\n\n', { headers: { host: 'a', 'x-a': '1', 'x-b': '2' } }],
    ],
    ['empty lines before the request', [`\r\n\r\nGET /echo HTTP/1.1\r\n${HOST}\r\n`, { headers: { host: 'a' } }]],
    ['every character of a name', lines("X!#$%&'*+-.^_`|~9: 1\r\n", { "x!#$%&'*+-.^_`|~9": '1' })],
    ['control characters in a value', lines('X-A: \x01\x7f\x0b\r\n', { 'x-a': '\x01\x7f\x0b' })],
    [
      'an absolute target: the Host header counts',
      [`GET http://other/echo?x=1 HTTP/1.1\r\n${HOST}\r\n`, { raw_path: '/echo?x=1', headers: { host: 'a' } }],
    ],
    ['a fragment', [`GET /echo?x=1#y?z HTTP/1.1\r\n${HOST}\r\n`, { raw_path: '/echo?x=1' }]],
    [
      'names that look like framing',
      sent('Transfer_Encoding: chunked\r\nContent_Length: 1\r\nContent-Length: 3\r\n', 'abc', 'abc'),
    ],
    ['a length with zeros before it', sent('Content-Length: 003\r\n', 'abc', 'abc')],
    ['a coding in upper case', sent('Transfer-Encoding: CHUNKED\r\n', '3\r\nabc\r\n0\r\n\r\n', 'abc')],
    ['a coding with a blank after it', sent('Transfer-Encoding: chunked \r\n', '3\r\nabc\r\n0\r\n\r\n', 'abc')],
    ['chunk extensions', coded('3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', 'abc')],
    ['an extension of 4 KiB', coded(`3;${'e'.repeat(4_096)}\r\nabc\r\n0\r\n\r\n`, 'abc')],
    ['chunk lines that end with LF', coded('3\nabc\n0\n\n', 'abc')],
    ['a chunk size with zeros before it', coded('0000000000000003\r\nabc\r\n0\r\n\r\n', 'abc')],
    ['trailers: they are no headers', coded('3\r\nabc\r\n0\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n', 'abc')],
    ['a body that looks like a request', sent(`Content-Length: ${NEXT.length}\r\n`, NEXT, NEXT)],
  ];

  test.each(table)('%s', async (_, [bytes, meaning]) => {
    const before = await calls();
    for (const { dir } of LANGUAGES) {
      const connection = await RawConnection.open(stack.port);
      connection.write(bytes.replace('/echo', `/${dir}/echo`) + NEXT);
      const event = (await connection.read()).json();
      const expected = { headers: {}, raw_path: '/echo', body: null, ...meaning };
      const seen = { ...event, raw_path: event.raw_path.replace(`/${dir}`, ''), body: event.body ?? null };
      expect({ dir, ...seen }).toMatchObject({ dir, ...expected });
      if (meaning.headers !== undefined) expect(seen.headers).toEqual(meaning.headers);
      await connection.read(); // what follows on the connection is the next request, whole
      connection.destroy();
    }
    expect(await calls()).toBe(before + LANGUAGES.length);
  });
});

test('F79: any header block of valid lines arrives as it was sent, in whatever buffers of nginx it lies', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\t', ':', ';', ',', '"', '\x7f'), maxLength: 20 });
  const value = fc.tuple(
    text,
    fc.nat({ max: 2 }),
    fc.constantFrom('', 'x'.repeat(500), 'y'.repeat(1_200), 'z'.repeat(9_000)),
  );
  const line = fc.tuple(value, fc.constantFrom('\r\n', '\n'));
  const block = fc.tuple(fc.array(line, { minLength: 1, maxLength: 10 }), fc.constantFrom('\r\n', '\n'));
  await fc.assert(
    fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 3 }), async (blocks) => {
      const connection = await RawConnection.open(stack.port);
      const wanted = blocks.map(([written]) => ({
        host: 'a',
        ...Object.fromEntries(written.map(([[content, , long]], i) => [`x-${i}`, trimmed(`${content}${long}`)])),
      }));
      connection.write(
        blocks
          .map(([written, end]) => {
            const lines = written.map(
              ([[content, blanks, long], eol], i) => `X-${i}: ${content}${long}${' '.repeat(blanks)}${eol}`,
            );
            return `GET /js/echo HTTP/1.1\r\n${HOST}${lines.join('')}${end}`;
          })
          .join(''),
      );
      for (const headers of wanted) expect((await connection.read()).json().headers).toEqual(headers);
      connection.destroy();
    }),
    { numRuns: 100 },
  );
});

function trimmed(value: string): string {
  return value.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '');
}
