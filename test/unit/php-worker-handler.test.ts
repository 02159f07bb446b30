import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../src/workers/codec.ts';
import { PhpWorker, until } from './php-worker-support.ts';

describe('the callable', () => {
  test.each([
    ['a function', '<?php function handler($event) { return "found"; }'],
    ['a function in any spelling of its name', '<?php function Handler($event) { return "found"; }'],
    [
      'the last one that namespaces define',
      '<?php namespace A { function handler() { return 1; } } namespace B { function handler() { return "found"; } }',
    ],
    [
      'a function under a condition',
      '<?php if (!function_exists("handler")) { function handler($e) { return "found"; } }',
    ],
    ['a returned closure', '<?php return fn ($event) => "found";'],
    ['a returned variable', '<?php $f = function ($event) { return "found"; }; return $f;'],
    ['a returned invokable object', '<?php return new class { public function __invoke($event) { return "found"; } };'],
    [
      'a returned static method',
      '<?php class C { static function run($e) { return "found"; } } return [C::class, "run"];',
    ],
  ])('F66: may be %s', async (_name, code) => {
    const worker = await PhpWorker.with(code);
    expect(await worker.text()).toBe('found');
    expect(await worker.text()).toBe('found');
  });

  test('F66: may be defined by a file that the entry requires', async () => {
    const worker = await PhpWorker.spare({
      'fn.php': '<?php require "lib.php";',
      'lib.php': '<?php function handler($e) { return "found"; }',
    });
    worker.load();
    expect(await worker.text()).toBe('found');
    expect(await worker.text()).toBe('found');
  });

  test('F66: has the name that invoke.handler gives', async () => {
    const code = '<?php function handler($e) { return "default"; } function other($e) { return "found"; }';
    const worker = await PhpWorker.with(code, { load: { handler: 'other' } });
    expect(await worker.text()).toBe('found');
  });

  test('F67: a configured name that the file lacks fails the load and names both', async () => {
    const worker = await PhpWorker.spare({ 'fn.php': '<?php function handler($e) { return 1; }' });
    worker.load({ load: { handler: 'other' } });
    const error = await worker.control.json(FrameType.ERROR);
    expect(error).toMatchObject({ kind: 'load', error: 'handler not found' });
    expect(error.message).toMatch(/fn\.php.*other/);
    expect(await worker.exited()).toBe(1);
  });

  test('F67: module state lives as long as the worker, as variables that functions name global', async () => {
    const worker = await PhpWorker.with('<?php $calls = 10; function handler($e) { global $calls; return ++$calls; }');
    expect([await worker.text(), await worker.text()]).toEqual(['11', '12']);
  });
});

describe('arguments', () => {
  const params = { id: '7', rest: 'a/b' };
  const signature = async (list: string) => {
    const worker = await PhpWorker.with(
      `<?php function handler(${list}) { return ['got' => array_values(array_slice(get_defined_vars(), 1))]; }`,
    );
    return worker.json({ params });
  };

  test.each([
    ['$event, $params', [params]],
    ['$event, array $id', [params]],
    ['$event, $id', ['7']],
    ['$event, $id, $rest', ['7', 'a/b']],
    ['$event, int $id', [7]],
    ['$event, $params, $rest = "x", $none = 5', [params, 'a/b', 5]],
    ['array $event, ?string $id = null', ['7']],
  ])('F70: handler(%s)', async (list, got) => {
    expect(await signature(list)).toEqual({ got });
  });

  test('F70: a handler without parameters is called all the same', async () => {
    const worker = await PhpWorker.with('<?php function handler() { return "ok"; }');
    expect(await worker.text()).toBe('ok');
  });

  test('F73: the parameter of an optional catch-all is an empty string at its base', async () => {
    const worker = await PhpWorker.with('<?php function handler($event, $slug) { return ["slug" => $slug]; }');
    expect(await worker.json({ params: { slug: '' } })).toEqual({ slug: '' });
  });

  test('F71: a parameter that is no route parameter and has no default is named in the error', async () => {
    const worker = await PhpWorker.with('<?php function handler($event, $params, $missing) {}');
    expect((await worker.request()).error).toMatchObject({
      kind: 'handler',
      message: expect.stringContaining('$missing'),
    });
  });
});

describe('the event', () => {
  test('F74: has exactly the documented members', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler(array $event) { return ["keys" => array_keys($event), "context" => array_keys($event["context"])]; }',
      {
        context: { max_concurrency: 5, max_body_bytes: 9, worker_pool: { max_workers: 0 } },
      },
    );
    const { keys, context } = (await worker.json()) as { keys: string[]; context: string[] };
    expect(keys.sort()).toEqual(
      'auth body client context cookies env headers id is_base64 method params path path_params query query_string raw_body raw_path session ts version'.split(
        ' ',
      ),
    );
    expect(context.sort()).toEqual(
      'deadline_ms debug function_name gateway max_body_bytes max_concurrency request_id runtime timeout_ms trigger user version worker_pool'.split(
        ' ',
      ),
    );
  });

  test('F82: a text body arrives as sent, an empty one is null', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler($e) { return ["body" => ["b" => $e["body"], "raw" => $e["raw_body"], "is" => $e["is_base64"]]]; }',
    );
    expect(await worker.json({ body: '{"ä":1}' })).toEqual({ b: '{"ä":1}', raw: '{"ä":1}', is: false });
    expect(await worker.json()).toEqual({ b: null, raw: '', is: false });
  });

  test('F83, F84: a body of other bytes is base64, and raw_body has the bytes', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler($e) { return ["body" => [$e["body"], $e["body_base64"], $e["is_base64"], bin2hex($e["raw_body"])]]; }',
    );
    expect(await worker.json({ body: Buffer.from([0, 255, 254]) })).toEqual(['AP/+', 'AP/+', true, '00fffe']);
  });

  test('F75: what a handler does to its event, the next request does not see', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler($e) { $seen = $e["headers"]["x-mine"] ?? "none"; $e["headers"]["x-mine"] = "set"; $e["env"]["A"] = "set"; return $seen . $e["headers"]["host"]; }',
    );
    expect([await worker.text(), await worker.text()]).toEqual(['noneh', 'noneh']);
  });

  test('F80: headers of one hop are not forwarded, case and repetition aside', async () => {
    const worker = await PhpWorker.with('<?php function handler($e) { return ["body" => $e["headers"]]; }');
    const headers = ['CONNECTION: close, X-Hop', 'x-hop: 1', 'TE: trailers', 'X-Fn-Admin-Token: t', 'X-Kept: 1'];
    expect(await worker.json({ headers })).toEqual({ host: 'h', 'x-kept': '1' });
  });

  test('a CONTEXT frame is what later requests see', async () => {
    const worker = await PhpWorker.with('<?php function handler($e) { return ["t" => $e["context"]["timeout_ms"]]; }');
    expect(await worker.json()).toEqual({ t: 2500 });
    worker.control.send(FrameType.CONTEXT, 0, JSON.stringify({ timeout_ms: 9, version: 'default' }));
    worker.control.send(FrameType.PING, 0, 'x');
    await worker.control.first(FrameType.PONG);
    expect(await worker.json()).toEqual({ t: 9 });
  });

  test('F133: getenv, $_ENV, $_SERVER and event.env agree', async () => {
    const code =
      '<?php $atLoad = getenv("GREETING"); function handler($e) { global $atLoad; return [[$atLoad, getenv("GREETING"), $_ENV["GREETING"], $_SERVER["GREETING"], $e["env"]["GREETING"]]]; }';
    const worker = await PhpWorker.with(code, { load: { env: { GREETING: 'hej' } } });
    expect(await worker.json()).toEqual([['hej', 'hej', 'hej', 'hej', 'hej']]);
  });

  test('F115: the working directory is the function folder, and helpers are found there and in the root', async () => {
    const worker = await PhpWorker.spare({
      'a/fn.php':
        '<?php require "near.php"; require "_shared/far.php"; function handler($e) { return [basename(getcwd()), near(), far()]; }',
      'a/near.php': '<?php function near() { return "near"; }',
      '_shared/far.php': '<?php function far() { return "far"; }',
    });
    worker.load({ entry: 'a/fn.php' });
    await worker.control.first(FrameType.LOADED);
    expect(await worker.json()).toEqual(['a', 'near', 'far']);
  });
});

describe('script mode', () => {
  test('F111: output is the body; $event and $params are in scope; each run has variables of its own', async () => {
    const worker = await PhpWorker.with(
      '<h1><?= $event["query"]["name"] . $params["id"] . count(array_diff(array_keys(get_defined_vars()), ["event", "params"])) ?></h1><?php $left = 1;',
    );
    const options = { target: '/x?name=Ada', params: { id: '7' } };
    expect(await worker.text(options)).toBe('<h1>Ada70</h1>');
    expect(await worker.text(options)).toBe('<h1>Ada70</h1>');
  });

  test('F111: status and headers come from variables', async () => {
    const worker = await PhpWorker.with(
      '<?php $FASTFN_STATUS = 201; $FASTFN_HEADERS = ["X-A" => "1", "Set-Cookie" => ["a=1", "b=2"]]; echo "made";',
    );
    const { answer } = await worker.request();
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'x-a': ['1'], 'set-cookie': ['a=1', 'b=2'], 'content-type': ['text/plain; charset=utf-8'] },
    });
    expect(answer?.body.toString()).toBe('made');
  });

  test('F111: http_response_code() sets the status of its own request only', async () => {
    const worker = await PhpWorker.with(
      '<?php if ($event["query_string"] === "gone") http_response_code(410); echo "x";',
    );
    expect((await worker.request({ target: '/x?gone' })).answer?.status).toBe(410);
    expect((await worker.request()).answer?.status).toBe(200);
  });

  test('F111: a script may declare functions, classes and constants, and runs again and again', async () => {
    const code = `<?php
declare(strict_types=1);
namespace App;
const LIMIT = 3;
#[\\Attribute]
final class Page { public function __construct(public string $title) {} }
enum Kind { case A; }
function page(string $t): Page { return new Page("{$t}!"); }
$f = function () { return __LINE__ . basename(__FILE__) . basename(__DIR__); };
echo page($event['query']['t'])->title, LIMIT, Kind::A->name, $f();
`;
    const worker = await PhpWorker.with(code, { entry: 'site/fn.php' });
    const first = await worker.text({ target: '/x?t=a' });
    expect(first).toBe('a!3A9fn.phpsite');
    for (let run = 0; run < 3; run++) expect(await worker.text({ target: '/x?t=a' })).toBe(first);
    expect(worker.logs).toEqual([]);
  });

  test('F111: it does not run before its first request', async () => {
    const worker = await PhpWorker.with(
      '<?php file_put_contents("ran", "x", FILE_APPEND); echo file_get_contents("ran");',
    );
    expect([await worker.text(), await worker.text()]).toEqual(['x', 'xx']);
  });

  test('F101: its syntax error fails the load', async () => {
    const worker = await PhpWorker.spare({ 'fn.php': '<?php\n\necho 1 +;' });
    worker.load();
    const error = await worker.control.json(FrameType.ERROR);
    expect(error).toMatchObject({
      kind: 'load',
      error: 'handler error',
      message: expect.stringContaining('syntax error'),
    });
    expect(error.stack).toMatch(/fn\.php:3$/);
  });

  test('F111: an exception in a later run names the line of the file', async () => {
    const worker = await PhpWorker.with(
      '<?php\nfunction f() {\n}\nif ($event["query_string"] === "boom")\n  throw new Exception("no");\necho "ok";',
    );
    expect(await worker.text()).toBe('ok');
    const { error } = await worker.request({ target: '/x?boom' });
    expect(error?.stack).toMatch(/^Exception: no in \S+\/fn\.php:5/);
    expect(error?.stack).not.toContain('runtimes');
  });

  test('F105: a status that is none violates the contract', async () => {
    const worker = await PhpWorker.with('<?php $FASTFN_STATUS = 99; echo "x";');
    expect((await worker.request()).error?.kind).toBe('contract');
  });
});

describe('echo in a handler', () => {
  test.each([
    ['null', 'body', 'text/plain; charset=utf-8', ''],
    ["''", 'body', 'text/plain; charset=utf-8', ''],
    ["'tail'", 'bodytail', 'text/plain; charset=utf-8', ''],
    ["['status' => 200]", 'body', 'text/plain; charset=utf-8', ''],
    ["['status' => 200, 'body' => '']", 'body', 'text/plain; charset=utf-8', ''],
    ["['headers' => ['Content-Type' => 'text/css']]", 'body', 'text/css', ''],
    ["['status' => 200, 'body' => 'own']", 'own', 'text/plain; charset=utf-8', 'body'],
    ["['a' => 1]", '{"a":1}', 'application/json', 'body'],
    ["['is_base64' => true, 'body' => 'aGk=']", 'hi', 'application/octet-stream', 'body'],
  ])('F111: return %s', async (result, body, type, logged) => {
    const worker = await PhpWorker.with(`<?php function handler($e) { echo 'body'; return ${result}; }`);
    const { answer } = await worker.request();
    expect(answer?.body.toString()).toBe(body);
    expect(answer?.headers['content-type']).toEqual([type]);
    await until(() => expect(worker.logs.map(({ message }) => message)).toEqual(logged === '' ? [] : [logged]));
  });

  test('F111: echoed HTML is recognised as a returned string is', async () => {
    const worker = await PhpWorker.with('<?php function handler($e) { echo "<!doctype html><p>x"; }');
    expect((await worker.request()).answer?.headers['content-type']).toEqual(['text/html; charset=utf-8']);
  });

  test('F111: bytes that are not UTF-8 pass unchanged, echoed or returned', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler($e) { $b = "\\x00\\xff\\xfe"; if ($e["query_string"] === "echo") { echo $b; return; } return ["body" => $b]; }',
    );
    expect((await worker.request()).answer?.body.toString('hex')).toBe('00fffe');
    expect((await worker.request({ target: '/x?echo' })).answer?.body.toString('hex')).toBe('00fffe');
  });

  test('F111: buffers left open or closed too often spoil nothing', async () => {
    const worker = await PhpWorker.with(`<?php function handler($e) {
      if ($e['query_string'] === 'open') { echo 'a'; ob_start(); echo 'b'; ob_start(); echo 'c'; return null; }
      if ($e['query_string'] === 'close') { while (ob_get_level() > 0) ob_end_clean(); return 'closed'; }
      echo 'plain'; return null;
    }`);
    expect(await worker.text({ target: '/x?open' })).toBe('abc');
    expect(await worker.text({ target: '/x?close' })).toBe('closed');
    expect(await worker.text()).toBe('plain');
  });
});

describe('results of PHP only', () => {
  test.each([
    ['[]', '[]'],
    ['new stdClass', '{}'],
    ["(object) ['status' => 201, 'body' => ['a' => new stdClass]]", '{"a":{}}'],
    ["['body' => new ArrayObject(['a' => 1])]", '{"a":1}'],
    [
      "['body' => ['nan' => NAN, 'inf' => [-INF], 'n' => 1.5, 's' => 'é']]",
      '{"nan":null,"inf":[null],"n":1.5,"s":"é"}',
    ],
    ["['body' => (object) ['nan' => NAN, 'empty' => new stdClass]]", '{"nan":null,"empty":{}}'],
    ["new class implements JsonSerializable { function jsonSerialize(): mixed { return ['j' => 1]; } }", '{"j":1}'],
    ['new class { public $a = 1; protected $b = 2; private $c = 3; }', '{"a":1}'],
    ["['body' => new DateTimeZone('UTC')]", '{"timezone_type":3,"timezone":"UTC"}'],
    ["['headers' => ['Content-Type' => 'text/csv'], 'body' => [(object) ['a' => 1, 'b' => 'x,y']]]", 'a,b\n1,"x,y"'],
  ])('F93: %s', async (result, body) => {
    const worker = await PhpWorker.with(`<?php function handler($e) { return ${result}; }`);
    expect(await worker.text()).toBe(body);
  });

  test.each([
    ['bytes in JSON', "['body' => ['x' => \"\\xff\"]]"],
    ['a cycle', '(function () { $o = new stdClass; $o->self = $o; return $o; })()'],
    ['a closed resource', '(function () { $f = fopen("php://memory", "r"); fclose($f); return ["body" => $f]; })()'],
    ['bytes in a header', "['headers' => ['X-A' => \"\\xff\"], 'body' => '']"],
    ['headers beyond a frame', "['headers' => ['X-A' => str_repeat('a', 800000)], 'body' => '']"],
  ])('F105: %s violates the contract, and the worker goes on', async (_name, result) => {
    const worker = await PhpWorker.with(
      `<?php function handler($e) { return $e['query_string'] === 'bad' ? ${result} : 'fine'; }`,
    );
    expect((await worker.request({ target: '/x?bad' })).error?.kind).toBe('contract');
    expect(await worker.text()).toBe('fine');
  });

  test('F158: a proxy body of other bytes than UTF-8 travels as base64', async () => {
    const worker = await PhpWorker.with(
      '<?php function handler($e) { return ["proxy" => ["path" => "/x", "headers" => [], "body" => "\\xff"]]; }',
    );
    expect((await worker.request()).answer?.head.proxy).toEqual({
      path: '/x',
      is_base64: true,
      body_base64: '/w==',
      body: null,
    });
  });
});

describe('files', () => {
  test('F65: entry and helpers are named, and those required later too; vendor is not', async () => {
    const worker = await PhpWorker.spare({
      'fn.php':
        '<?php require "vendor/autoload.php"; require "early.php"; function handler($e) { require_once "late.php"; return "ok"; }',
      'vendor/autoload.php': '<?php',
      'early.php': '<?php',
      'late.php': '<?php',
    });
    worker.load();
    const { files } = await worker.control.json(FrameType.LOADED);
    expect(files).toEqual(['fn.php', 'early.php'].map((name) => join(worker.root, name)));
    await worker.text();
    await until(() => expect(worker.control.of(FrameType.LOADED)).toHaveLength(2));
    const later = JSON.parse(worker.control.of(FrameType.LOADED)[1]!.payload.toString());
    expect(later.files).toContain(join(worker.root, 'late.php'));
  });

  test('F101: an exception at load names file and line and ends the process with code 1', async () => {
    const worker = await PhpWorker.spare({
      'fn.php': '<?php\nrequire "bad.php"; function handler($e) {}',
      'bad.php': '<?php\n\nthrow new LogicException("bad");',
    });
    worker.load();
    const error = await worker.control.json(FrameType.ERROR);
    expect(error).toMatchObject({ kind: 'load', error: 'handler error', message: 'LogicException: bad' });
    expect(error.stack).toMatch(/^LogicException: bad in \S+\/bad\.php:3\n {4}at require\(\) \S+\/fn\.php:2$/);
    expect(await worker.exited()).toBe(1);
  });

  test('F101: a fatal error at load is told as a load error', async () => {
    const code = '<?php class A {} function handler($e) {} class_alias("A", "B"); eval("class A {}");';
    const worker = await PhpWorker.spare({ 'fn.php': code });
    worker.load();
    expect(await worker.control.json(FrameType.ERROR)).toMatchObject({
      kind: 'load',
      message: expect.stringContaining('Cannot declare class A'),
    });
    expect(await worker.exited()).toBe(1);
  });

  test('P100: exit at load ends the process with its own code, and the log says so', async () => {
    const worker = await PhpWorker.spare({ 'fn.php': '<?php function handler($e) {} exit(4);' });
    worker.load();
    expect(await worker.exited()).toBe(4);
    await worker.control.closed();
    expect(worker.control.of(FrameType.ERROR)).toEqual([]);
    expect(worker.logs[0]?.message).toBe('the process ended while the code loaded: the code called exit');
  });

  test('F101: an entry that is gone is told by name', async () => {
    const worker = await PhpWorker.spare({});
    worker.load({ entry: 'none.php' });
    expect(await worker.control.json(FrameType.ERROR)).toMatchObject({
      kind: 'load',
      message: expect.stringContaining('none.php'),
    });
  });

  test('F67: the code that was loaded serves, whatever is written to the file later', async () => {
    const worker = await PhpWorker.with('<?php function handler($e) { return "old"; }');
    writeFileSync(join(worker.root, 'fn.php'), '<?php function handler($e) { return "new"; }');
    expect(await worker.text()).toBe('old');
  });
});
