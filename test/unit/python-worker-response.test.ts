import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { type Answer, CREDIT_BYTES, type Json, PythonWorker, responseOf } from './python-worker-support.ts';

const vectors = fileURLToPath(new URL('../vectors/responses.json', import.meta.url));
const DROPPED_BY_GATEWAY = ['content-length', 'connection', 'x-request-id', 'x-fastfn-warmed'];

/** A worker that returns what the given expressions say, by index: `/?i=3`. */
async function returning(expressions: readonly string[], prelude = ''): Promise<(index: number) => Promise<Answer>> {
  const cases = expressions.map((expression) => `    lambda: ${expression},`).join('\n');
  const worker = await PythonWorker.serving(
    `${prelude}\nCASES = [\n${cases}\n]\n\ndef handler(event):\n    return CASES[int(event["query"]["i"])]()\n`,
  );
  const peer = await worker.connect();
  return (index) => peer.request(index + 1, { target: `/?i=${index}` }).answer(index + 1);
}

function summary({ status, headers, body, error }: Answer): unknown {
  return error?.kind ?? [status, headers?.['content-type']?.[0] ?? null, body?.toString()];
}

test('F88-F96, F105: every result of the shared vectors means the same answer as in the other languages', async () => {
  const worker = await PythonWorker.serving(
    `import json\nCASES = json.load(open(${JSON.stringify(vectors)}))["cases"]\n\n` +
      'def handler(event):\n    return CASES[int(event["query"]["i"])]["result"]\n',
  );
  const peer = await worker.connect();
  const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as { cases: Json[] };
  for (const [index, { name, languages, expect: expected }] of cases.entries()) {
    if (languages !== undefined && !languages.includes('python')) continue;
    const answer = await peer.request(index + 1, { target: `/?i=${index}` }).answer(index + 1);
    expect.soft(outcome(answer, expected), name).toEqual(expected);
  }
});

/** The answer in the form of a vector's `expect`. */
function outcome({ head, status, headers, body, error }: Answer, expected: Json): Json {
  if (error !== undefined) return error.kind === 'contract' ? { contract: true } : { error };
  if (expected.proxy !== undefined) return { proxy: head?.proxy };
  const sent = Object.entries(headers!).filter(([name]) => !DROPPED_BY_GATEWAY.includes(name));
  return { status, headers: Object.fromEntries(sent), body_base64: body!.toString('base64') };
}

test('F92: tuples, objects with attributes of a response, and the types of the standard library', async () => {
  const cases: [string, unknown][] = [
    ['("<p>hi</p>",)', [200, 'text/plain; charset=utf-8', '<p>hi</p>']],
    ['("<html>hi",)', [200, 'text/html; charset=utf-8', '<html>hi']],
    ['({"a": 1}, 201)', [201, 'application/json', '{"a":1}']],
    ['("x", "202", {"Content-Type": "text/x"})', [202, 'text/x', 'x']],
    ['("x", 200, {}, 4)', 'contract'],
    ['()', 'contract'],
    ['("x", 99)', 'contract'],
    ['Reply(404, "gone")', [404, 'text/plain; charset=utf-8', 'gone']],
    ['Order("paid", 3)', [200, 'application/json', '{"status":"paid","total":3}']],
    ['Model()', [200, 'application/json', '{"dumped":true}']],
    [
      '{"at": datetime(2026, 7, 2, 1, 2, 3), "on": date(2026, 7, 2)}',
      [200, 'application/json', '{"at":"2026-07-02T01:02:03","on":"2026-07-02"}'],
    ],
    [
      '{"d": Decimal("1.10"), "u": UUID(int=1), "c": Colour.RED}',
      [200, 'application/json', '{"d":"1.10","u":"00000000-0000-0000-0000-000000000001","c":"red"}'],
    ],
    [
      '{"s": {1}, "f": float("nan"), "i": [float("inf"), 1.5]}',
      [200, 'application/json', '{"s":[1],"f":null,"i":[null,1.5]}'],
    ],
    ['{"o": Point(1, Point(2, None))}', [200, 'application/json', '{"o":{"x":1,"y":{"x":2,"y":null}}}']],
    ['{Colour.RED: 1, 2: 3, None: 4}', [200, 'application/json', '{"red":1,"2":3,"null":4}']],
    ['{"o": object()}', 'contract'],
    ['{"b": b"x"}', 'contract'],
    ['cycle()', 'contract'],
    ['{"t": "\\ud800"}', 'contract'],
    ['"\\ud800"', 'contract'],
    ['b"\\x00\\xff"', [200, 'application/octet-stream', '\u0000\ufffd']],
    ['bytearray(b"x")', [200, 'application/octet-stream', 'x']],
    ['{"body": memoryview(b"xyz")[1:]}', [200, 'application/octet-stream', 'yz']],
    ['{"status": 200, "body": (1, 2)}', [200, 'application/json', '[1,2]']],
    [
      '{"headers": {"Content-Type": "text/csv"}, "body": [{"d": Decimal("1.5"), "on": date(2026, 7, 2)}]}',
      [200, 'text/csv', 'd,on\n1.5,2026-07-02'],
    ],
    ['{"headers": {"X-A": b"x"}, "body": ""}', 'contract'],
    ['{"is_base64": True, "body": b"aGk="}', [200, 'application/octet-stream', 'hi']],
    ['{"is_base64": True, "body": "aGk"}', [200, 'application/octet-stream', 'hi']],
    ['10 ** 30', [200, 'text/plain; charset=utf-8', `1${'0'.repeat(30)}`]],
  ];
  const call = await returning(
    cases.map(([expression]) => expression),
    `
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

class Colour(Enum):
    RED = "red"

class Reply:
    def __init__(self, status_code, content):
        self.status_code, self.content = status_code, content

class Model:
    def model_dump(self):
        return {"dumped": True}

@dataclass
class Point:
    x: int
    y: object

@dataclass
class Order:
    status: str
    total: int

def cycle():
    loop = []
    loop.append(loop)
    return loop
`,
  );
  for (const [index, [expression, expected]] of cases.entries()) {
    expect.soft(summary(await call(index)), expression).toEqual(expected);
  }
});

test('F89: equal keys of different types are different header values', async () => {
  const values = ['True', '1', '1.0', '"1"'];
  const call = await returning(values.map((value) => `{"headers": {"X-A": ${value}}, "body": ""}`));
  const lines = await Promise.all(values.map(async (_, index) => (await call(index)).headers?.['x-a']));
  expect(lines).toEqual([['true'], ['1'], ['1.0'], ['1']]);
});

test('F105: the reason of a violation is in the log and holds no user data', async () => {
  const worker = await PythonWorker.serving('def handler(event):\n    return {"status": "secret", "body": ""}\n');
  const { error } = await worker.call();
  expect(error).toEqual({ kind: 'contract', message: 'status is not an integer from 200 to 599' });
  expect(await worker.log()).toMatchObject({
    request_id: 'req-1',
    level: 'error',
    message: 'invalid runtime response: status is not an integer from 200 to 599',
  });
});

test('F98: a large answer names its length and goes no faster than the gateway gives credit', async () => {
  const worker = await PythonWorker.serving('def handler(event):\n    return bytes(1_048_576) + b"tail"\n');
  const peer = await worker.connect();
  peer.request(1);
  const first = await peer.takeType(FrameType.RESPONSE, 1);
  expect(responseOf(first).head).toMatchObject({ status: 200, length: 1_048_580 });
  let received = responseOf(first).body.length;
  await peer.ping();
  for (const frame of peer.pending) received += frame.payload.length;
  expect(received).toBe(CREDIT_BYTES);
  peer.window(1, 1);
  await peer.ping('one more');
  expect(peer.pending.reduce((sum, frame) => sum + frame.payload.length, 0)).toBe(CREDIT_BYTES + 1);
  peer.window(1, 1_048_580);
  const pieces: Buffer[] = [];
  for (;;) {
    const frame = await peer.take(({ stream }) => stream === 1);
    if (frame.type === FrameType.END) break;
    pieces.push(frame.payload);
  }
  const body = Buffer.concat(pieces);
  expect(body.length).toBe(1_048_580);
  expect(body.subarray(-4).toString()).toBe('tail');
});

test('F108: with debug enabled the answer carries the first 4,096 bytes of output', async () => {
  const worker = await PythonWorker.serving(
    'import sys\n\ndef handler(event):\n    print("é" * 4000)\n    sys.stderr.write("oops")\n    return {"headers": {"X-A": "1"}, "body": "x"}\n',
    { context: { debug: { enabled: true } } },
  );
  const { head } = await worker.call();
  expect(head).toMatchObject({
    status: 200,
    headers: ['X-A', '1', 'Content-Type', 'text/plain; charset=utf-8'],
    end: true,
  });
  expect(head?.stdout).toBe('é'.repeat(2048));
  expect(head?.stderr).toBe('oops');
});
