import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { PYTHON, PythonWorker, WITH_BYTECODE } from './python-worker-support.ts';

test('a worker starts as a spare behind a socket that only its owner may use', async () => {
  const worker = await PythonWorker.start();
  expect(worker.hello).toMatchObject({
    protocol: 1,
    runtime: 'python',
    pid: worker.process.pid,
    function: null,
    revision: null,
    head: 'raw',
  });
  expect(statSync(join(worker.root, '../worker.sock')).mode & 0o777).toBe(0o600);
});

test('a spare answers PING, and a REQUEST closes its connection and nothing else', async () => {
  const worker = await PythonWorker.start();
  const early = await worker.connect();
  const waiting = await worker.connect();
  await waiting.ping();
  early.request(1);
  await early.untilClosed();
  await worker.load({ files: { 'hello.py': 'def handler(event): return "hi"\n' } });
  expect((await waiting.request(1).answer(1)).body?.toString()).toBe('hi');
});

test('a connection opened to a spare serves its async function as well', async () => {
  const worker = await PythonWorker.start();
  const peer = await worker.connect();
  await worker.load({ files: { 'hello.py': 'async def handler(event): return "hi"\n' } });
  expect((await peer.request(1).answer(1)).body?.toString()).toBe('hi');
});

test('LOADED and HELLO tell the revision and the slots: at most 32 for def, what the supervisor allows for async def', async () => {
  const kinds: [string, number, number][] = [
    ['def handler(event): pass', 1024, 32],
    ['def handler(event): pass', 5, 5],
    ['async def handler(event): pass', 1024, 1024],
    ['async def handler(event):\n    yield ""', 7, 7],
    ['class Handler:\n    async def __call__(self, event): pass\nhandler = Handler()', 1000, 1000],
  ];
  for (const [source, allowed, slots] of kinds) {
    const worker = await PythonWorker.start();
    const loaded = await worker.load({ files: { 'hello.py': source }, concurrency: allowed });
    expect(loaded).toMatchObject({ revision: '7', concurrency: slots, head: 'raw' });
    const hello = JSON.parse((await (await worker.open()).takeType(FrameType.HELLO)).payload.toString());
    expect(hello).toMatchObject({ function: 'python/hello@default', revision: '7', concurrency: slots });
    worker.process.kill('SIGKILL');
  }
});

test('F66: the handler is the configured attribute, or main in place of the default name', async () => {
  const cases: [string, string, unknown][] = [
    ['def handler(event): return "handler"\ndef main(event): return "main"', 'handler', 'handler'],
    ['def main(event): return "main"', 'handler', 'main'],
    ['def main(event): return "main"', ' ', 'main'],
    ['def api(event): return "api"\ndef handler(event): return "handler"', 'api', 'api'],
    ['class Handler:\n    def __call__(self, event): return "object"\nhandler = Handler()', 'handler', 'object'],
    ['class Api:\n    def get(self, event, params): return str(params)\nhandler = Api().get', 'handler', '{}'],
    [
      'import functools\ndef reply(text, event): return text\nhandler = functools.partial(reply, "partial")',
      'handler',
      'partial',
    ],
  ];
  for (const [source, name, expected] of cases) {
    const worker = await PythonWorker.serving(source, { handler: name });
    expect.soft((await worker.call()).body?.toString(), source).toBe(expected);
    worker.process.kill('SIGKILL');
  }
});

test('F67: no handler: the error names the file and the names that were tried, and the worker ends', async () => {
  const worker = await PythonWorker.start();
  const error = await worker.load({ files: { 'hello.py': 'handler = 5\n' } });
  expect(error).toMatchObject({ kind: 'load', error: 'handler not found' });
  expect(error.message).toContain(`${join(worker.root, 'hello.py')} defines no handler() or main()`);
  expect(await worker.exited).toBe(1);
});

test.each([
  ['a syntax error', 'def handler(event:\n', 'SyntaxError'],
  ['a missing module', 'import not_there\n', "ModuleNotFoundError: No module named 'not_there'"],
  ['an exception', 'def broken():\n    return 1 / 0\n\nbroken()\n', 'ZeroDivisionError: division by zero'],
  ['sys.exit()', 'import sys\nsys.exit(4)\n', 'SystemExit: 4'],
])('F101: %s at import is an ERROR whose stack starts in the file of the user', async (_name, source, message) => {
  const worker = await PythonWorker.start();
  const error = await worker.load({ files: { 'hello.py': source } });
  expect(error).toMatchObject({ kind: 'load', error: 'handler error', message: expect.stringContaining(message) });
  expect(error.stack).toContain('hello.py');
  expect(error.stack).not.toMatch(/runtimes.python|importlib/);
  expect(await worker.exited).toBe(1);
});

test('F112: names that are no identifiers load, and pickle and dataclasses find the module', async () => {
  const worker = await PythonWorker.start();
  await worker.load({
    files: {
      'api/get.items.[id].py':
        'import pickle\nfrom dataclasses import dataclass\n\n@dataclass\nclass Item:\n    id: "str"\n\ndef handler(event, id):\n    return pickle.loads(pickle.dumps(Item(id)))\n',
    },
  });
  expect(await worker.callJson({ params: { id: '7' } })).toEqual({ id: '7' });
});

test('F112: imports come from the entry folder, the function folder, dependencies and the root, in this order', async () => {
  const worker = await PythonWorker.start();
  const store = join(worker.root, '../store');
  mkdirSync(store);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(store, `${name}.py`), 'where = "dependencies"\n');
  const loaded = await worker.load({
    files: {
      'shop/src/api.py':
        'import os\nimport a, b, c, d\nfrom _shared.auth import who\n\ndef handler(event):\n    return [a.where, b.where, c.where, d.where, who, os.getcwd()]\n',
      'shop/src/a.py': 'where = "entry folder"\n',
      'shop/b.py': 'where = "function folder"\n',
      'shop/a.py': 'where = "wrong"\n',
      'c.py': 'where = "wrong"\n',
      'd.py': 'where = "root"\n',
      '_shared/auth.py': 'who = "shared"\n',
    },
    dir: 'shop',
    paths: [store],
  });
  const shop = join(worker.root, 'shop');
  expect(await worker.callJson()).toEqual(['entry folder', 'function folder', 'dependencies', 'root', 'shared', shop]);
  expect(loaded.files).toEqual(
    ['_shared/auth.py', 'd.py', 'shop/b.py', 'shop/src/a.py', 'shop/src/api.py'].map((file) => join(worker.root, file)),
  );
});

test('F112: relative imports work in an entry', async () => {
  const worker = await PythonWorker.start();
  const loaded = await worker.load({
    files: {
      'api/users.py':
        'from .helper import name\nfrom ..common import where\n\ndef handler(event):\n    return [name, where]\n',
      'api/helper.py': 'name = "helper"\n',
      'common.py': 'where = "root"\n',
    },
  });
  expect(await worker.callJson()).toEqual(['helper', 'root']);
  expect(loaded.files).toEqual(['api/helper.py', 'api/users.py', 'common.py'].map((file) => join(worker.root, file)));
});

test('F112: helpers may have the names of modules of the worker', async () => {
  const names = [
    'main',
    'log',
    'event',
    'response',
    'codec',
    'stream',
    'connection',
    'errors',
    'values',
    'worker',
    'load',
  ];
  const worker = await PythonWorker.start();
  await worker.load({
    files: {
      'hello.py': `${names.map((name) => `import ${name} as my_${name}\n`).join('')}\ndef handler(event):\n    return [${names.map((name) => `my_${name}.mine`).join(', ')}]\n`,
      ...Object.fromEntries(names.map((name) => [`${name}.py`, 'mine = True\n'])),
    },
  });
  expect(await worker.callJson()).toEqual(names.map(() => true));
});

test('files that are imported later are told with another LOADED', async () => {
  const worker = await PythonWorker.start();
  const first = await worker.load({
    files: {
      'hello.py': 'def handler(event):\n    import late\n    return late.name\n',
      'late.py': 'name = "late"\n',
    },
  });
  expect(first.files).toEqual([join(worker.root, 'hello.py')]);
  await worker.call();
  const second = await worker.control.json(FrameType.LOADED);
  expect(second).toEqual({ ...first, files: [join(worker.root, 'hello.py'), join(worker.root, 'late.py')] });
});

test('F65: an edit within the same second and of the same size is seen, even beside fresh bytecode', async () => {
  const files = {
    'hello.py': 'import helper\n\ndef handler(event):\n    return [VALUE, helper.value]\n\nVALUE = 1\n',
    'helper.py': 'value = 1\n',
  };
  const worker = await PythonWorker.start();
  worker.write(files);
  execFileSync(PYTHON, ['-c', 'import helper, hello'], { cwd: worker.root, env: WITH_BYTECODE }); // leaves a __pycache__ of its own
  expect(existsSync(join(worker.root, '__pycache__'))).toBe(true);
  const { atime, mtime } = statSync(join(worker.root, 'helper.py'));
  for (const [file, content] of Object.entries(files)) {
    writeFileSync(join(worker.root, file), content.replace('= 1', '= 2'));
    utimesSync(join(worker.root, file), atime, mtime);
  }
  await worker.load({ files: {}, entry: 'hello.py' });
  expect(await worker.callJson()).toEqual([2, 2]);
});

test('no __pycache__ appears in the folders of the user', async () => {
  const worker = await PythonWorker.serving('import sub.helper\n\ndef handler(event): pass\n', {
    files: { 'hello.py': 'import sub.helper\n\ndef handler(event): pass\n', 'sub/helper.py': '' },
  });
  await worker.call();
  expect(readdirSync(worker.root).sort()).toEqual(['hello.py', 'sub']);
  expect(readdirSync(join(worker.root, 'sub'))).toEqual(['helper.py']);
});

test('dependencies are loaded from their bytecode', async () => {
  const worker = await PythonWorker.start();
  const store = join(worker.root, '../store');
  mkdirSync(store);
  writeFileSync(join(store, 'package.py'), 'value = "compiled"\n');
  execFileSync(PYTHON, ['-c', 'import package'], { cwd: store, env: WITH_BYTECODE });
  await worker.load({
    files: {
      'hello.py':
        'import package\n\ndef handler(event):\n    return package.__cached__ + " " + package.__spec__.loader.__class__.__name__\n',
    },
    paths: [store],
  });
  expect((await worker.call()).body?.toString()).toMatch(/__pycache__.* SourceFileLoader$/);
});

test('F132, F133: the values of the function are in the environment, its own included', async () => {
  const worker = await PythonWorker.start();
  await worker.load({
    files: {
      'hello.py':
        'import os\nAT_IMPORT = os.environ["GREETING"]\n\ndef handler(event):\n    return [AT_IMPORT, os.environ["GREETING"], event["env"]["GREETING"]]\n',
    },
    env: { GREETING: 'hi' },
  });
  expect(await worker.callJson()).toEqual(['hi', 'hi', 'hi']);
  expect(readFileSync(`/proc/${worker.process.pid}/environ`, 'latin1')).not.toContain('GREETING');
});

test('a second LOAD is not obeyed', async () => {
  const worker = await PythonWorker.serving('def handler(event): return "first"\n');
  worker.control.send(FrameType.LOAD, 0, '{}');
  await worker.control.untilClosed();
  expect(await worker.exited).toBe(0);
});

test('the supervisor is heard while the code is being loaded', async () => {
  const worker = await PythonWorker.start();
  const loading = worker.load({ files: { 'hello.py': 'import time\ntime.sleep(600)\n' } }).catch(() => 'ended');
  await worker.control.ping();
  worker.control.end();
  expect(await worker.exited).toBe(0);
  expect(await loading).toBe('ended');
});
