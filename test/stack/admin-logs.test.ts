import { renameSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestStack, until } from './support.ts';

const SECRET = 'hunter2-very-secret';

/** Hot reload is off: what changes, changes by a reload that somebody asks for. */
let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.start(
    {
      'fn.env.json': { TOKEN: SECRET },
      'say.js':
        'exports.handler = (event) => { console.log("said " + event.query.what + " " + process.env.TOKEN); return "x"; };',
      'warn.py': 'import sys\ndef handler(event):\n    print("careful", file=sys.stderr)\n    return "x"\n',
      'fail.js': 'exports.handler = () => { throw new Error("it failed"); };',
      'still.js': 'exports.handler = () => "still";',
    },
    { env: { FN_HOT_RELOAD: '0' } },
  );
}, 60_000);
afterAll(() => stack?.stop());

async function call(path: string): Promise<string> {
  return (await stack.get(path)).headers['x-request-id'] as string;
}

async function logs(query: string): Promise<any> {
  const answer = await stack.get(`/_fn/logs?format=json&${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json();
}

function untilLogged(query: string): Promise<any> {
  return until(async () => {
    const found = await logs(query);
    return found.entries.length > 0 && found;
  }, `there are lines for ${query}`);
}

describe('P189: the lines of a log', () => {
  test('are found by request, as text and as objects, without secrets', async () => {
    const id = await call('/say?what=ada');
    const found = await untilLogged(`file=runtime&request_id=${id}`);
    expect(Object.keys(found).sort()).toEqual(
      ['file', 'lines', 'runtime', 'fn', 'version', 'stream', 'data', 'entries'].sort(),
    );
    expect(found.entries).toEqual([
      expect.objectContaining({
        level: 'info',
        source: 'node',
        function: 'say.js@default',
        stream: 'stdout',
        request_id: id,
        message: 'said ada <hidden>',
      }),
    ]);
    expect(found.data[0]).toContain(`[node] [fn:say.js@default stdout] [req:${id}] said ada <hidden>`);
    const text = await stack.get(`/_fn/logs?file=runtime&request_id=${id}`);
    expect(text.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text.text).toBe(`${found.data[0]}\n`);
  });

  test('as text cannot act on the terminal of whoever asks with curl, or make a line or an event of its own', async () => {
    const id = await call('/say?what=a%0dretry:%201%0d%0d%1b[31mred%1b]0;title%07');
    await untilLogged(`file=runtime&request_id=${id}`);
    const { text } = await stack.get(`/_fn/logs?file=runtime&request_id=${id}`);
    expect(text).toMatch(/said a\\x0dretry: 1\\x0d\\x0dred\\x1b\]0;title\\x07 <hidden>\n$/);
    const { data, entries } = await logs(`file=runtime&request_id=${id}`);
    expect(`${data[0]}\n`).toBe(text);
    expect(entries[0].message).toContain('\u001b[31mred');
    const stream = follow(`/_fn/logs?file=runtime&request_id=${id}&follow=1`);
    await until(() => stream.text.endsWith(`data: ${data[0]}\n\n`), 'the line has come, in one piece');
    stream.close();
  });

  test('are chosen by language, function, stream and level', async () => {
    await call('/say?what=x');
    await call('/warn');
    await untilLogged('file=runtime&fn=warn');
    const sources = async (query: string) =>
      new Set((await logs(`file=runtime&${query}`)).entries.map(({ function: name }: any) => name));
    expect(await sources('runtime=python')).toEqual(new Set(['warn.py@default']));
    expect(await sources('fn=say.js')).toEqual(new Set(['say.js@default']));
    expect(await sources('fn=say&version=default')).toEqual(new Set(['say.js@default']));
    expect(await sources('fn=say&version=v2')).toEqual(new Set());
    expect(await sources('stream=stderr&fn=say')).toEqual(new Set());
    expect(await sources('level=info&runtime=python')).toEqual(new Set());
  });

  test('are the newest ones, oldest first; the count is clamped', async () => {
    const ids = [await call('/say?what=one'), await call('/say?what=two'), await call('/say?what=three')];
    await untilLogged(`file=runtime&request_id=${ids[2]}`);
    const { entries, lines } = await logs('file=runtime&fn=say&lines=2');
    expect(lines).toBe(2);
    expect(entries.map(({ request_id: id }: any) => id)).toEqual(ids.slice(1));
    expect((await logs('lines=0')).lines).toBe(1);
    expect((await logs('lines=99999')).lines).toBe(2000);
    expect((await logs('lines=many')).lines).toBe(200);
  });

  test('of the access log name function and request', async () => {
    const id = await call('/say?what=access');
    const { entries, data } = await untilLogged(`file=access&request_id=${id}`);
    expect(entries[0]).toMatchObject({ method: 'GET', path: '/say', status: 200, function: 'say.js@default' });
    expect(data[0]).toMatch(/ GET \/say 200 \d+ms \[fn:say\.js@default\] \[req:/);
  });

  test('P163: hold no path of this machine', async () => {
    const id = await call('/fail');
    const found = await untilLogged(`file=runtime&request_id=${id}`);
    expect(JSON.stringify(found)).toContain('it failed');
    expect(JSON.stringify(found)).not.toContain(stack.dir);
  });

  test('are an empty list where none match', async () => {
    expect(await logs('file=runtime&fn=nobody')).toMatchObject({ data: [], entries: [] });
    expect((await stack.get('/_fn/logs?fn=nobody')).text).toBe('');
  });

  test.each([
    ['file=secrets', 'invalid file'],
    ['file=../../etc/passwd', 'invalid file'],
    ['format=xml', 'invalid format'],
    ['stream=stdin', 'invalid stream'],
    ['level=loud', 'invalid level'],
    ['runtime=ruby', 'invalid runtime'],
    ['fn=..%2fx', 'invalid function'],
    [`fn=${'x'.repeat(1000)}`, 'invalid function'],
    ['version=a%2fb', 'invalid version'],
    ['request_id=a%20b', 'invalid request_id'],
    ['follow=maybe', 'invalid follow'],
  ])('P189: %s is 400 %s', async (query, error) => {
    expect((await stack.get(`/_fn/logs?${query}`)).json()).toMatchObject({ status: 400, error });
  });
});

describe('P189: follow=1', () => {
  test('sends what is there and then each line that comes, until the stack ends', async () => {
    const before = await call('/say?what=before');
    await untilLogged(`file=runtime&request_id=${before}`);
    const stream = follow('/_fn/logs?file=runtime&fn=say&follow=1&lines=1&format=json');
    await until(() => stream.text.includes('said before'), 'the last line has come');
    expect(stream.type()).toBe('text/event-stream');
    await call('/warn');
    await call('/say?what=after');
    await until(() => stream.text.includes('said after'), 'the new line has come');
    const entries = stream.text
      .split('\n\n')
      .filter((event) => event.startsWith('data: '))
      .map((event) => JSON.parse(event.slice('data: '.length)));
    expect(entries.map(({ message }) => message)).toEqual(['said before <hidden>', 'said after <hidden>']);
    stream.close();
  });
});

test('P130, P175: a reload replaces what changed, and that alone', async () => {
  await call('/say?what=x');
  await call('/still');
  const still = await until(
    () => stack.workers('still.js').length > 0 && stack.workers('still.js'),
    'still.js has a worker',
  );
  stack.write({ 'say.js': 'exports.handler = () => "changed";', 'fresh.js': 'exports.handler = () => "fresh";' });
  expect((await stack.get('/say')).text).toBe('x');
  const report = (await stack.get('/_fn/reload', { method: 'POST' })).json();
  expect(report.changed.sort()).toEqual(['node/fresh.js@default', 'node/say.js@default']);
  expect((await stack.get('/say')).text).toBe('changed');
  expect((await stack.get('/fresh')).text).toBe('fresh');
  await stack.get('/still');
  expect(stack.workers('still.js')).toEqual(still);
});

test('P175: a reload answers 500 while the functions root is away, and changes nothing', async () => {
  renameSync(stack.dir, `${stack.dir}-away`);
  const answer = await stack.get('/_fn/reload', { method: 'POST' });
  renameSync(`${stack.dir}-away`, stack.dir);
  expect(answer.json()).toMatchObject({ status: 500, error: 'reload failed' });
  expect((await stack.get('/still')).text).toBe('still');
});

test('P104, P189: a drain ends the streams of followers instead of waiting for them', async () => {
  const stream = follow('/_fn/logs?file=runtime&follow=1');
  await until(() => stream.text !== '', 'the stream has begun');
  stack.kill('SIGTERM');
  await until(() => stream.hasEnded(), 'the stream has ended');
  expect((await stack.exited).code).toBe(0);
});

function follow(path: string) {
  let text = '';
  let type = '';
  let ended = false;
  const { hostname, port } = new URL(stack.url);
  const outgoing = request({ host: hostname, port, path, agent: false }, (response) => {
    type = String(response.headers['content-type']);
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('end', () => {
      ended = true;
    });
    response.on('error', () => {});
  });
  outgoing.on('error', () => {});
  outgoing.end();
  return {
    get text() {
      return text;
    },
    type: () => type,
    hasEnded: () => ended,
    close: () => outgoing.destroy(),
  };
}
