import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { Flag, PhpWorker, until } from './php-worker-support.ts';

const ID = 'req-1-1-000001';
const messages = (worker: PhpWorker) => worker.logs.map(({ message }) => message);

describe('what a handler prints', () => {
  test.each([
    ["error_log('text');", { stream: 'stderr', level: 'error', message: 'text' }],
    ['fwrite(STDERR, "text\\n");', { stream: 'stderr', level: 'error', message: 'text' }],
    ["fwrite(STDERR, 'te'); fwrite(STDERR, 'xt');", { stream: 'stderr', level: 'error', message: 'text' }],
    ['fwrite(STDOUT, "text\\r\\n");', { stream: 'stdout', level: 'info', message: 'text' }],
    [
      'echo $undefined;',
      {
        stream: 'stderr',
        level: 'warn',
        message: expect.stringMatching(/^Warning: Undefined variable \$undefined in \S+fn\.php on line 2$/),
      },
    ],
    [
      "trigger_error('text', E_USER_DEPRECATED);",
      { stream: 'stderr', level: 'warn', message: expect.stringMatching(/^Deprecated: text in/) },
    ],
    ["trigger_error('text');", { stream: 'stderr', level: 'warn', message: expect.stringMatching(/^Notice: text in/) }],
  ])('F106: %s is a line of its request and no part of the body', async (code, line) => {
    const worker = await PhpWorker.with(`<?php\nfunction handler($e) { ${code} return 'body'; }`);
    expect(await worker.text()).toBe('body');
    await until(() => expect(worker.logs).toEqual([{ request_id: ID, ...line }]));
  });

  test('F106: output at load belongs to no request', async () => {
    const worker = await PhpWorker.with("<?php echo 'echoed'; error_log('logged'); function handler($e) {}");
    expect(worker.logs.map(({ request_id, message }) => [request_id, message])).toEqual([
      [null, 'logged'],
      [null, 'echoed'],
    ]);
  });

  test('F111: what @ silences is not logged, and error_get_last() knows it', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { @file_get_contents('none'); return [str_contains(error_get_last()['message'], 'none')]; }",
    );
    expect(await worker.json()).toEqual([true]);
    expect(worker.logs).toEqual([]);
  });

  test('F111: display_errors set by a handler shows nothing in the body', async () => {
    const worker = await PhpWorker.with(
      "<?php ini_set('display_errors', '1'); function handler($e) { ini_set('display_errors', '1'); return $none . 'body'; }",
    );
    expect(await worker.text()).toBe('body');
  });

  test('F111: a handler may have an error handler of its own, even one that always throws', async () => {
    const worker = await PhpWorker.with(
      '<?php set_error_handler(fn ($n, $m) => throw new ErrorException($m)); function handler($e) { try { $a = $none; } catch (ErrorException $x) { return $x->getMessage(); } }',
    );
    expect(await worker.text()).toBe('Undefined variable $none');
    const gone = worker.connect();
    await gone.first(FrameType.HELLO);
    gone.socket.destroy();
    expect(await worker.text()).toBe('Undefined variable $none');
  });

  test('P116: lines above 16 KiB are split between characters and marked', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { error_log(str_repeat('ä', 10000) . 'end'); fwrite(STDERR, str_repeat('b', 20000)); return ''; }",
    );
    await worker.text();
    await until(() => expect(worker.logs).toHaveLength(4));
    const [first, second, third, fourth] = worker.logs;
    expect(first).toMatchObject({ message: 'ä'.repeat(8192), fields: { continued: true } });
    expect(second?.message).toBe(`${'ä'.repeat(1808)}end`);
    expect(third).toMatchObject({ message: 'b'.repeat(16_384), fields: { continued: true } });
    expect(fourth?.message).toBe('b'.repeat(3_616));
  });

  test('P116: a line that is not UTF-8 keeps its bytes', async () => {
    const worker = await PhpWorker.with('<?php function handler($e) { error_log("a\\xff"); }');
    await worker.text();
    await until(() => expect(worker.logs[0]).toMatchObject({ message: 'a\ufffd', fields: { base64: 'Yf8=' } }));
  });

  test('P117: a supervisor that does not read loses lines and is told how many', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { for ($i = 0; $i < 400; $i++) error_log(str_repeat('x', 16000)); return 'done'; }",
    );
    worker.control.socket.pause();
    expect(await worker.text()).toBe('done');
    worker.control.socket.resume();
    await until(() => expect(worker.logs.length).toBeGreaterThan(60));
    await worker.text();
    await until(() => expect(messages(worker)).toContainEqual(expect.stringMatching(/^\d+ lines dropped$/)));
  });

  test('F106: a worker that was started without the flag that frees the name restarts itself with it', async () => {
    const worker = await PhpWorker.with("<?php function handler($e) { error_log('text'); return 'body'; }", {
      phpArgs: [],
    });
    expect(await worker.control.json(FrameType.HELLO)).toMatchObject({ pid: worker.child.pid });
    expect(await worker.text()).toBe('body');
    await until(() =>
      expect(worker.logs).toEqual([{ request_id: ID, stream: 'stderr', level: 'error', message: 'text' }]),
    );
  });

  test('F106: where PHP cannot restart itself, error_log reaches the supervisor through stderr', async () => {
    const phpArgs = ['-d', 'disable_functions=pcntl_exec'];
    const worker = await PhpWorker.with("<?php function handler($e) { error_log('text'); return 'body'; }", {
      phpArgs,
    });
    expect(await worker.text()).toBe('body');
    await until(() => expect(worker.output.stderr).toContain('text'));
  });

  test('F106: error_log to a file writes there', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { error_log('a', 3, 'own.log'); error_log('b', 3, 'own.log'); return file_get_contents('own.log'); }",
    );
    expect(await worker.text()).toBe('ab');
  });
});

describe('failures', () => {
  test('F100: an exception is an ERROR, its stack starts and ends in the function, and the worker stays', async () => {
    const worker = await PhpWorker.with(`<?php
function inner() { throw new DomainException("two\\nlines"); }
function handler($e) { if ($e['query_string'] === '') return 'fine'; echo 'seen'; try { inner(); } catch (Exception $x) { throw new RuntimeException('outer', 0, $x); } }`);
    const { error } = await worker.request({ target: '/x?boom' });
    expect(error).toMatchObject({ kind: 'handler', message: 'RuntimeException: outer' });
    expect(error?.stack?.replaceAll(worker.root, '')).toBe(
      'RuntimeException: outer in /fn.php:3\ncaused by DomainException: two\nlines in /fn.php:2\n    at inner() /fn.php:3',
    );
    await until(() => expect(messages(worker)).toEqual(['seen', ...(error?.stack?.split('\n') ?? [])]));
    expect(worker.logs.every(({ request_id }) => request_id === ID)).toBe(true);
    expect(await worker.text()).toBe('fine');
  });

  test('F100: wrong arguments are told in the terms of the function', async () => {
    const worker = await PhpWorker.with('<?php function handler(string $event) {}');
    const { error } = await worker.request();
    expect(error?.message).toBe('TypeError: handler(): Argument #1 ($event) must be of type string, array given');
  });

  test('F111: what would end a script of its own accord is an exception', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { trigger_error('stop', E_USER_ERROR); return 'on'; }",
    );
    expect((await worker.request()).error).toMatchObject({ kind: 'handler', message: 'ErrorException: stop' });
  });

  test.each([
    ['exit', 'exit(3);', 3, 'the code called exit'],
    ['die with a text', "die('last words');", 0, 'the code called exit'],
  ])(
    'F104: %s ends the process after what had been answered and said is told',
    async (_name, code, exitCode, reason) => {
      const worker = await PhpWorker.with(
        `<?php function handler($e) { if ($e['query_string'] === '') return 'first'; echo 'said'; ${code} }`,
      );
      const [first, last] = [worker.send(), worker.send({ target: '/x?end' })];
      expect((await worker.data.outcome(first)).answer?.body.toString()).toBe('first');
      expect(await worker.exited()).toBe(exitCode);
      await worker.data.closed();
      expect(worker.data.of(FrameType.RESPONSE, last)).toEqual([]);
      expect(messages(worker)[0]).toMatch(/^said/);
      expect(messages(worker)).toContainEqual(`the process ended while the handler ran: ${reason}`);
      expect(worker.output.stdout).toBe('');
    },
  );

  test('F104: a batch of answers is not lost with the handler that ends the process', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { if ($e['query_string'] === 'end') exit; return 'ok'; }",
    );
    for (let i = 0; i < 300; i++) worker.send();
    await worker.data.outcome(300);
    const streams = Array.from({ length: 20 }, () => worker.send());
    worker.send({ target: '/x?end' });
    await Promise.all(streams.map((stream) => worker.data.outcome(stream)));
    await worker.data.closed();
  });

  test('F104: a child that the handler forks ends without a word on the connections', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { error_log('parent'); if (pcntl_fork() === 0) exit(0); pcntl_wait($status); return 'body'; }",
    );
    expect([await worker.text(), await worker.text()]).toEqual(['body', 'body']);
    await until(() => expect(messages(worker)).toEqual(['parent', 'parent']));
  });

  test('F104: too much memory ends the process, with the reason on stderr and in the log', async () => {
    const worker = await PhpWorker.with(
      "<?php function handler($e) { ini_set('memory_limit', '16M'); return strlen(str_repeat('x', 64000000)); }",
    );
    worker.send();
    expect(await worker.exited()).toBe(255);
    await until(() => expect(worker.output.stderr).toContain('Allowed memory size'));
    expect(messages(worker)).toContainEqual(expect.stringContaining('Allowed memory size'));
  });
});

describe('CAPTURE and debug', () => {
  test('the last line of a captured request is marked, after its answer', async () => {
    const worker = await PhpWorker.with("<?php function handler($e) { error_log('one'); return 'body'; }");
    await worker.text({ flags: Flag.END | Flag.CAPTURE });
    await until(() =>
      expect(worker.logs.at(-1)).toEqual({ request_id: ID, stream: 'stdout', level: 'info', message: '', last: true }),
    );
    expect(messages(worker)).toEqual(['one', '']);
  });

  test('a captured request that is cancelled or fails is closed too', async () => {
    const worker = await PhpWorker.with("<?php function handler($e) { throw new Exception('no'); }");
    const stream = worker.send({ flags: Flag.CAPTURE, id: 'cancelled' });
    worker.data.send(FrameType.CANCEL, stream);
    await worker.request({ flags: Flag.END | Flag.CAPTURE, id: 'failed' });
    await until(() =>
      expect(worker.logs.filter(({ last }) => last).map(({ request_id }) => request_id)).toEqual([
        'cancelled',
        'failed',
      ]),
    );
  });

  test('what is printed while a result is encoded belongs to its request', async () => {
    const worker = await PhpWorker.with(
      "<?php class R implements JsonSerializable { function jsonSerialize(): mixed { echo 'late'; return 1; } } function handler($e) { return ['body' => [new R]]; }",
    );
    expect([await worker.text(), await worker.text()]).toEqual(['[1]', '[1]']);
    await until(() => expect(messages(worker)).toEqual(['late', 'late']));
  });

  test('F108: with debug headers the head carries the first 4,096 bytes of each stream', async () => {
    const code =
      "<?php function handler($e) { fwrite(STDOUT, 'out'); error_log(str_repeat('ä', 3000)); return 'body'; }";
    const worker = await PhpWorker.with(code, { context: { debug: { enabled: true } } });
    const { answer } = await worker.request();
    expect(answer?.head).toMatchObject({ stdout: 'out\n', stderr: 'ä'.repeat(2048) });
    expect((await PhpWorker.with(code).then((plain) => plain.request())).answer?.head.stdout).toBeUndefined();
  });
});
