import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { PhpWorker, until } from './php-worker-support.ts';

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

describe('a streamed body', () => {
  test.each([
    ['a generator handler', "yield 'a'; yield 'b';", 'ab', 'text/plain; charset=utf-8'],
    [
      'a generator in an envelope',
      "return ['status' => 202, 'headers' => ['Content-Type' => 'text/event-stream'], 'body' => (fn () => yield from ['a', '', 'b'])()];",
      'ab',
      'text/event-stream',
    ],
    ['a generator without chunks', 'return (function () { yield from []; })();', '', 'text/plain; charset=utf-8'],
    [
      'a resource',
      "$f = fopen('php://memory', 'w+'); fwrite($f, 'bytes'); rewind($f); return $f;",
      'bytes',
      'application/octet-stream',
    ],
    ['an empty resource', "return ['body' => fopen('php://memory', 'r')];", '', 'application/octet-stream'],
  ])('F163: %s', async (_name, code, body, type) => {
    const worker = await PhpWorker.with(`<?php function handler($e) { ${code} }`);
    for (let run = 0; run < 2; run++) {
      const { answer } = await worker.request();
      expect(answer?.body.toString()).toBe(body);
      expect(answer?.headers['content-type']).toEqual([type]);
    }
  });

  test('F164: each chunk is passed on before the next is asked for', async () => {
    const worker = await PhpWorker.with(`<?php function handler($e) {
      for ($i = 1; $i <= 3; $i++) { yield "chunk $i"; while (!file_exists("go$i")) { usleep(2000); clearstatcache(); } }
    }`);
    const stream = worker.send();
    const { writeFileSync } = await import('node:fs');
    for (let i = 1; i <= 3; i++) {
      await until(() =>
        expect(Buffer.concat(worker.data.frames.map(({ payload }) => payload)).toString()).toContain(`chunk ${i}`),
      );
      writeFileSync(`${worker.root}/go${i}`, '');
    }
    expect((await worker.data.outcome(stream)).answer?.body.toString()).toBe('chunk 1chunk 2chunk 3');
  });

  test('a generator runs only while there is credit, and frames are read meanwhile', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { for ($i = 0; $i < 20; $i++) { error_log((string) $i); yield str_repeat('x', 100000); } }",
    );
    const stream = worker.send();
    const bytes = () =>
      worker.data.of(FrameType.BODY, stream).reduce((sum, { payload }) => sum + payload.length, 100_000);
    await until(() => expect(bytes()).toBe(262_144));
    worker.data.send(FrameType.PING, 0, 'x');
    await worker.data.first(FrameType.PONG);
    expect(worker.logs).toHaveLength(3);
    worker.data.send(FrameType.WINDOW, stream, u32(2_000_000));
    expect((await worker.data.outcome(stream)).answer?.body).toHaveLength(2_000_000);
  });

  test('F163: a file larger than the credit arrives whole', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { file_put_contents('big', str_repeat('0123456789', 100000)); return ['body' => fopen('big', 'r')]; }",
    );
    const stream = worker.send();
    worker.data.send(FrameType.WINDOW, stream, u32(1_000_000));
    expect((await worker.data.outcome(stream)).answer?.body.toString()).toBe('0123456789'.repeat(100_000));
  });

  test('F165: a stream holds its slot to the end', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === '') return 'next'; return (function () { for ($i = 0; $i < 5; $i++) yield str_repeat('x', 100000); })(); }",
    );
    const stream = worker.send({ target: '/x?stream' });
    const next = worker.send();
    await until(() => expect(worker.data.of(FrameType.BODY, stream).length).toBeGreaterThan(0));
    worker.data.send(FrameType.PING, 0, 'x');
    await worker.data.first(FrameType.PONG);
    expect(worker.data.of(FrameType.RESPONSE, next)).toEqual([]);
    worker.data.send(FrameType.WINDOW, stream, u32(500_000));
    expect((await worker.data.outcome(next)).answer?.body.toString()).toBe('next');
  });
});

describe('a stream that fails', () => {
  test('F165: before its first chunk it is an ordinary error', async () => {
    const worker = await PhpWorker.with("<?php function handler($e) { throw new Exception('early'); yield 'a'; }");
    expect((await worker.request()).error).toMatchObject({ kind: 'handler', message: 'Exception: early' });
    expect(worker.data.of(FrameType.RESPONSE, 1)).toEqual([]);
  });

  test('F165: later it ends with ERROR, is logged, and the worker goes on', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === '') return 'fine'; return (function () { yield 'a'; throw new Exception('late'); })(); }",
    );
    expect((await worker.request({ target: '/x?s' })).error).toMatchObject({
      kind: 'handler',
      message: 'Exception: late',
    });
    expect(worker.data.of(FrameType.RESPONSE, 1)).toHaveLength(1);
    await until(() => expect(worker.logs[0]).toMatchObject({ request_id: 'req-1-1-000001', level: 'error' }));
    expect(await worker.text()).toBe('fine');
  });

  test.each(['5', 'null', '["a" => 1]', 'new stdClass'])(
    'F163: a chunk that is %s violates the contract',
    async (chunk) => {
      const worker = await PhpWorker.with(`<?php function handler($e) { yield ${chunk}; }`);
      expect((await worker.request()).error?.kind).toBe('contract');
    },
  );

  test('F165: a cancelled generator runs its finally and closes with END', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === '') return 'next'; return (function () { try { while (true) yield str_repeat('x', 100000); } finally { error_log('closed'); } })(); }",
    );
    const stream = worker.send({ target: '/x?s' });
    await worker.data.first(FrameType.RESPONSE, stream);
    worker.data.send(FrameType.CANCEL, stream);
    await worker.data.first(FrameType.END, stream);
    await until(() => expect(worker.logs[0]).toMatchObject({ message: 'closed', request_id: 'req-1-1-000001' }));
    expect(await worker.text()).toBe('next');
  });

  test('F165: one whose client left runs its finally too, even if that throws', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === '') return 'next'; return (function () { try { while (true) yield str_repeat('x', 100000); } finally { throw new Exception('in finally'); } })(); }",
    );
    const peer = worker.connect();
    const { requestPayload } = await import('./php-worker-support.ts');
    peer.send(FrameType.REQUEST, 1, requestPayload({ target: '/x?s' }));
    await peer.first(FrameType.RESPONSE, 1);
    peer.socket.destroy();
    await until(() => expect(worker.logs[0]?.message).toContain('in finally'));
    expect(await worker.text()).toBe('next');
  });

  test('output of a generator is logged, not mixed with its chunks', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { echo 'noise'; yield 'a'; echo 'more'; yield 'b'; }",
    );
    expect(await worker.text()).toBe('ab');
    await until(() => expect(worker.logs.map(({ message }) => message)).toEqual(['noise', 'more']));
  });
});
