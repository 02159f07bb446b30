import { expect, test } from 'vitest';
import { PythonWorker } from './python-worker-support.ts';

const LAMBDA = { adapter: 'aws-lambda' } as const;
const WORKER = { adapter: 'cloudflare-worker' } as const;

test('F109: aws-lambda gets the payload 2.0 of API Gateway', async () => {
  const worker = await PythonWorker.serving('def handler(event, context):\n    return {"body": event}\n', LAMBDA);
  const event = await worker.callJson({
    method: 'POST',
    target: '/users/7?a=1&a=2&b=x%20y',
    params: { id: '7' },
    headers: ['User-Agent: curl/8', 'Cookie: a=1; b=2'],
    body: 'text',
  });
  expect(event).toEqual({
    version: '2.0',
    routeKey: 'POST /users/7',
    rawPath: '/users/7',
    rawQueryString: 'a=1&a=2&b=x%20y',
    cookies: ['a=1', 'b=2'],
    headers: { host: '127.0.0.1:8080', 'user-agent': 'curl/8', cookie: 'a=1; b=2' },
    queryStringParameters: { a: '1,2', b: 'x y' },
    pathParameters: { id: '7' },
    requestContext: {
      requestId: 'req-1',
      http: { method: 'POST', path: '/users/7', sourceIp: '127.0.0.1', userAgent: 'curl/8', protocol: 'HTTP/1.1' },
      time: '02/Jul/2026:17:12:25 +0000',
      timeEpoch: 1783012345678,
    },
    body: 'text',
    isBase64Encoded: false,
  });
  const bare = await worker.callJson({ body: Buffer.from([255]) });
  expect(bare).toMatchObject({
    queryStringParameters: null,
    pathParameters: null,
    body: '/w==',
    isBase64Encoded: true,
  });
  expect('cookies' in bare).toBe(false);
});

test('F109: the Lambda context has both spellings and a real remaining time', async () => {
  const worker = await PythonWorker.serving(
    `
import time

def handler(event, context):
    context.fastfn["deadline_ms"]
    assert context.aws_request_id == context.awsRequestId == "req-1"
    assert context.function_name == context.functionName == "hello"
    assert context.function_version == context.functionVersion == "default"
    assert context.invoked_function_arn == context.invokedFunctionArn and ":hello:" in context.invoked_function_arn
    assert int(context.memory_limit_in_mb) == int(context.memoryLimitInMB) > 0
    assert context.callbackWaitsForEmptyEventLoop is False
    first = context.get_remaining_time_in_millis()
    time.sleep(0.02)
    return [0 < first <= 2500, context.getRemainingTimeInMillis() < first]
`,
    LAMBDA,
  );
  expect(await worker.callJson({ flags: 3 })).toEqual([true, true]);
});

test('F109: Lambda results: status, lines, cookies, base64, plain values', async () => {
  const results = [
    '{"statusCode": 201, "headers": {"X-A": "1", "x-b": "1"}, "multiValueHeaders": {"X-B": ["2", "3"]}, "cookies": ["a=1", "b=2"], "body": "hi"}',
    '{"statusCode": 200, "isBase64Encoded": True, "body": "aGk="}',
    '{"cookies": ["a=1"], "body": "x"}',
    '{"message": "no envelope"}',
    'context.succeed({"statusCode": 202})',
    'context.done(None, {"statusCode": 203}) or {"statusCode": 500}',
    'context.fail("no") or "ignored"',
    'context.fail(ValueError("first")) or context.succeed("second")',
  ];
  for (const kind of ['def', 'async def']) {
    const worker = await PythonWorker.serving(
      `${kind} handler(event, context):\n    return [${results.map((result) => `lambda: ${result}`).join(', ')}][int(event["rawPath"][1:])]()\n`,
      LAMBDA,
    );
    const call = (index: number) => worker.call({ target: `/${index}` });
    expect(await call(0)).toMatchObject({
      status: 201,
      headers: { 'x-a': ['1'], 'x-b': ['2', '3'], 'set-cookie': ['a=1', 'b=2'] },
    });
    expect((await call(1)).body?.toString()).toBe('hi');
    expect(await call(2)).toMatchObject({ status: 200, headers: { 'set-cookie': ['a=1'] }, body: Buffer.from('x') });
    expect((await call(3)).body?.toString()).toBe('{"message":"no envelope"}');
    expect((await call(4)).status).toBe(202);
    expect((await call(5)).status).toBe(203);
    expect((await call(6)).error?.message).toBe('RuntimeError: no');
    expect((await call(7)).error?.message).toBe('ValueError: first');
  }
});

test('F109: cloudflare-worker calls fetch with a request, the environment and a context', async () => {
  const source = `
async def fetch(request, env, ctx):
    assert request.body == "grüße".encode() and await request.text() == "grüße"
    assert env.GREETING == env["GREETING"] == "hi" and not hasattr(env, "OTHER")
    ctx.passThroughOnException()
    assert ctx.requestId == ctx.request_id == "req-1"
    return Response(request.method + " " + request.url, {"X-Seen": ",".join(request.headers)})

class Response:
    def __init__(self, body, headers):
        self.status, self.body, self.headers = 201, body, headers
`;
  const worker = await PythonWorker.serving(source, { ...WORKER, env: { GREETING: 'hi' } });
  const answer = await worker.call({
    method: 'POST',
    target: '/p?q=1',
    body: 'grüße',
    headers: ['Accept: */*', 'Expect: x', 'Content-Length: 7'],
  });
  expect(answer).toMatchObject({ status: 201, headers: { 'x-seen': ['accept'] } });
  expect(answer.body?.toString()).toBe('POST http://127.0.0.1:8080/p?q=1');
});

test('F109: fetch may be a method of default, or the handler under its usual name', async () => {
  const cases = [
    'class Default:\n    text = "method"\n    async def fetch(self, request, env, ctx):\n        return self.text\ndefault = Default()',
    'default = {"fetch": lambda request, env, ctx: "method"}',
    'def handler(request, env, ctx):\n    return "method"',
    'async def main(request, env, ctx):\n    return (await request.json())["is"]',
  ];
  for (const source of cases) {
    const worker = await PythonWorker.serving(source, WORKER);
    expect.soft((await worker.call({ body: '{"is":"method"}' })).body?.toString(), source).toBe('method');
    worker.process.kill('SIGKILL');
  }
  const empty = await PythonWorker.start();
  const error = await empty.load({ files: { 'hello.py': '' }, ...WORKER });
  expect(error).toMatchObject({ error: 'handler not found', message: expect.stringContaining('requires fetch') });
});

test.each(['def', 'async def'])(
  'F109: %s: work given to waitUntil runs on after the answer, its failure is logged',
  async (kind) => {
    const worker = await PythonWorker.serving(
      `
import asyncio, os

async def later(fails):
    while not os.path.exists("answered"):
        await asyncio.sleep(0.001)
    if fails:
        raise ValueError("too late")
    print("done later")

${kind} fetch(request, env, ctx):
    ctx.waitUntil(later(request.url.endswith("fails")))
    return "answer"
`,
      WORKER,
    );
    expect((await worker.call({ target: '/works' })).body?.toString()).toBe('answer');
    expect((await worker.call({ target: '/fails' })).body?.toString()).toBe('answer');
    worker.write({ answered: '' });
    const messages = [(await worker.log()).message, (await worker.log()).message];
    expect(messages.sort()).toEqual(['background work failed: ValueError: too late', 'done later']);
  },
);
