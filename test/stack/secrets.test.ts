import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyringOf } from '../../src/secrets/keyring.ts';
import { sealValue } from '../../src/secrets/seal.ts';
import { inEachLanguage, LANGUAGES } from './languages.ts';
import { isAlive, type RequestOptions, TestStack, until } from './support.ts';

const KEY = randomBytes(32).toString('base64');
const OTHER_KEY = randomBytes(32).toString('base64');

/** What must be seen nowhere, by the place it is planted in. */
const PLANTED = {
  plain: 'planted-plain-secret/+ä',
  sealed: 'planted-sealed-secret',
  fromEnv: 'planted-environment-secret',
  fromDotEnv: 'planted-dotenv-secret',
  parent: 'planted-parent-secret',
  sibling: 'planted-sibling-secret',
  adminToken: 'planted-admin-token-0123456789',
  password: 'planted-console-password',
  sessionSecret: 'planted-session-secret-0123456789abcdef',
  secretsKey: KEY,
} as const;

const CANNOT_SEE = [
  'FN_ADMIN_TOKEN',
  'FN_SECRETS_KEY',
  'FN_CONSOLE_SESSION_SECRET',
  'HOST_SECRET',
  'PARENT',
  'SIBLING',
];

/** Does what a careless handler does with its secrets, and tells what else it can see. */
const CARELESS = {
  js: `exports.handler = (event) => {
  const all = Object.keys(event.env).map((name) => event.env[name]);
  for (const value of all) { console.log('js', value, JSON.stringify({ value })); console.error(encodeURIComponent(value)); }
  console.log(Buffer.from(event.env.PLAIN_SECRET).toString('base64'));
  if (event.query.fail) throw new Error('failed with ' + all.join(' '));
  const seen = { env: Object.keys(event.env).sort(), process: Object.keys(process.env) };
  return { body: { ...seen, lengths: all.map((value) => value.length) } };
};`,
  py: `import base64, json, os, sys
def handler(event):
    for value in event["env"].values():
        print("py", value, json.dumps({"value": value}))
        print(value, file=sys.stderr)
    print(base64.b64encode(event["env"]["PLAIN_SECRET"].encode()).decode())
    if event["query"].get("fail"):
        raise RuntimeError("failed with " + " ".join(event["env"].values()))
    return {"body": {"env": sorted(event["env"]), "process": list(os.environ)}}
`,
  ph: `<?php function handler($event) {
  foreach ($event['env'] as $value) { echo "php $value\\n"; error_log(json_encode(['value' => $value])); }
  echo base64_encode($event['env']['PLAIN_SECRET']), "\\n";
  if ($event['query']['fail'] ?? false) throw new Exception('failed with ' . implode(' ', $event['env']));
  $names = array_keys($event['env']); sort($names);
  return ['body' => ['env' => $names, 'process' => array_keys(getenv())]];
}`,
  lu: `function handler(event)
  local names, all = {}, {}
  for name, value in pairs(event.env) do names[#names + 1] = name; all[#all + 1] = value; print("lua", value, cjson.encode(value)) end
  print(ngx.encode_base64(event.env.PLAIN_SECRET), ngx.escape_uri(event.env.PLAIN_SECRET))
  if event.query.fail then error("failed with " .. table.concat(all, " ")) end
  table.sort(names)
  local seen = {}
  for _, name in ipairs(event.query.names and cjson.decode(event.query.names) or {}) do seen[#seen + 1] = os.getenv(name) and name end
  return { body = { env = names, process = seen } }
end`,
};

const OWN_NAMES = ['DOT_SECRET', 'HOST_SECRET_COPY', 'PLAIN_SECRET', 'SEALED_SECRET'];

function ownEnv(file: string): object {
  const sealed = sealValue(keyringOf(KEY)[0]!, { file, name: 'SEALED_SECRET' }, PLANTED.sealed);
  return {
    PLAIN_SECRET: { value: PLANTED.plain, is_secret: true },
    SEALED_SECRET: { value: sealed, is_secret: true },
    HOST_SECRET_COPY: { from_env: 'HOST_SECRET' },
    DOT_SECRET: { from_env: 'DOT_SECRET' },
  };
}

const FILES = {
  ...inEachLanguage('careless', CARELESS),
  ...Object.fromEntries(LANGUAGES.map(({ dir }) => [`${dir}/fn.env.json`, ownEnv(`${dir}/fn.env.json`)])),
  'fn.config.json': { response: { include_debug_headers: true } },
  'fn.env.json': { PARENT: { value: PLANTED.parent, is_secret: true } },
  'root.js': 'exports.handler = () => "root";',
  'sibling/handler.js': 'exports.handler = () => "sibling";',
  'sibling/fn.env.json': { SIBLING: { value: PLANTED.sibling, is_secret: true } },
  'typed.ts': 'export const handler = (): string => "typed";',
  'broken.js': `throw new Error('loaded with ' + process.env.PARENT);`,
  '.env': `DOT_SECRET=${PLANTED.fromDotEnv}\nFN_CONSOLE_LOGIN_PASSWORD=${PLANTED.password}\n`,
};

const ENVIRONMENT = {
  HOST_SECRET: PLANTED.fromEnv,
  FN_ADMIN_TOKEN: PLANTED.adminToken,
  FN_CONSOLE_SESSION_SECRET: PLANTED.sessionSecret,
  FN_CONSOLE_LOGIN_USERNAME: 'admin',
  FN_SECRETS_KEY: KEY,
  FN_DEV_ERRORS: '1',
  FN_LOG_LEVEL: 'debug',
};

/** Names of the planted secrets that a text shows, also in base64 or escaped for a URL or JSON. */
function secretsIn(text: string): string[] {
  const shown = ([, value]: readonly [string, string]) => {
    const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
    return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64].some((form) =>
      text.includes(form),
    );
  };
  return Object.entries(PLANTED)
    .filter(shown)
    .map(([name]) => name);
}

function filesBelow(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return names.map((name) => join(dir, name)).filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

describe('F107, F132, F148, P33, P39, P163: planted secrets', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start(FILES, { env: ENVIRONMENT });
    for (const { dir } of LANGUAGES) await stack.get(`/${dir}/careless`);
    await stack.get('/typed');
  }, 60_000);
  afterAll(() => stack?.stop());

  test.each(LANGUAGES)('a function sees its own variables and no others: $runtime', async ({ dir, runtime }) => {
    const names = encodeURIComponent(JSON.stringify([...CANNOT_SEE, 'PLAIN_SECRET']));
    const { status, json } = await stack.get(`/${dir}/careless?names=${names}`);
    expect(status).toBe(200);
    const { env, process } = json();
    expect(env).toEqual(OWN_NAMES);
    if (runtime !== 'lua') expect(process).toEqual(expect.arrayContaining(OWN_NAMES));
    else expect(process).toEqual(['PLAIN_SECRET']);
    for (const name of CANNOT_SEE) expect(process).not.toContain(name);
  });

  test('none is in an answer: body, headers, debug headers, stack, OPTIONS, HEAD, errors of the gateway', async () => {
    const requests: [string, RequestOptions?][] = [
      ...LANGUAGES.flatMap(({ dir }): [string, RequestOptions?][] => [
        [`/${dir}/careless`],
        [`/${dir}/careless?fail=1`],
        [`/${dir}/careless`, { method: 'OPTIONS' }],
        [`/${dir}/careless`, { method: 'HEAD' }],
        [`/${dir}/careless`, { method: 'POST' }],
        [`/${dir}/fn.env.json`],
      ]),
      ['/broken'],
      ['/.env'],
      ['/fn.env.json'],
      ['/nowhere'],
      ['/_fn/health'],
      ['/_fn/live'],
      ['/_fn/ready'],
      ['/_fn/functions'],
      ['/_fn/catalog'],
      ['/_fn/openapi.json'],
      ['/_fn/metrics'],
    ];
    for (const [path, options] of requests) {
      const { text, rawHeaders } = await stack.get(path, options);
      const headers = rawHeaders.map((word) => decodeURIComponent(word.replace(/%(?![0-9A-F]{2})/g, '%25'))).join('\n');
      expect([path, secretsIn(text), secretsIn(headers), secretsIn(rawHeaders.join('\n'))]).toEqual([path, [], [], []]);
    }
  });

  test('F108: debug headers still show what else was printed', async () => {
    const { headers } = await stack.get('/js/careless');
    expect(headers['x-fn-stdout']).toMatch(/^js <hidden> \{"value":"<hidden>"\}%0A/);
  });

  test('none is on the terminal, in a log, in the run directory or in the state', async () => {
    const logged = () => /careless\.js@default stdout.*<hidden>/.test(stack.output);
    await until(logged, `the terminal shows output:\n${stack.output}`);
    await until(
      () => stack.output.includes('loaded with') || stack.output.includes('broken'),
      'the broken one is told',
    );
    expect(secretsIn(stack.output)).toEqual([]);
    const files = [...filesBelow(stack.runDir), ...filesBelow(join(stack.base, 'state'))];
    expect(files.map((path) => path.replace(stack.base, ''))).toEqual(
      expect.arrayContaining(['/run/run.json', expect.stringContaining('nginx.conf'), '/state/logs/runtime.log']),
    );
    for (const path of files) expect([path, secretsIn(readFileSync(path, 'utf8'))]).toEqual([path, []]);
  });

  test('none is in the environment or on the command line of any process of the stack but the one it was given to', () => {
    const pids = [...new Set(stack.processes())].filter((pid) => pid !== stack.pid && isAlive(pid));
    expect(pids.length).toBeGreaterThan(8); // nginx and its workers, the watchdog, esbuild, workers and spares of three languages
    for (const pid of pids) {
      const [commandLine, environment] = ['cmdline', 'environ'].map((name) =>
        readFileSync(`/proc/${pid}/${name}`, 'utf8'),
      );
      expect([commandLine, secretsIn(commandLine!), secretsIn(environment!)]).toEqual([commandLine, [], []]);
      expect(environment).not.toMatch(/(^|\0)(FN_ADMIN_TOKEN|FN_CONSOLE_SESSION|FN_SECRETS|HOST_SECRET|DOT_SECRET)/);
    }
    expect(secretsIn(readFileSync(`/proc/${stack.pid}/cmdline`, 'utf8'))).toEqual([]);
  });
});

describe('encrypted values in a running stack', () => {
  const place = { file: 'users/fn.env.json', name: 'API_KEY' };
  const sealed = (value: string, at = place) => sealValue(keyringOf(KEY)[0]!, at, value);
  const files = (value: string) => ({
    'users/handler.js': 'exports.handler = (event) => ({ length: (event.env.API_KEY ?? "").length });',
    'users/fn.env.json': { API_KEY: { value, is_secret: true } },
    'lua/handler.lua': 'function handler(event) return { length = #(event.env.API_KEY or "") } end',
    'lua/fn.env.json': { API_KEY: { value, is_secret: true } },
    'open.js': 'exports.handler = () => "open";',
  });

  test.each([
    ['no key', {}, sealed('x'.repeat(40))],
    ['another key', { FN_SECRETS_KEY: OTHER_KEY }, sealed('x'.repeat(40))],
    [
      'a value moved from another function',
      { FN_SECRETS_KEY: KEY },
      sealed('x'.repeat(40), { ...place, file: 'a/fn.env.json' }),
    ],
    ['a value of no known form', { FN_SECRETS_KEY: KEY }, 'enc:v1:tampered'],
  ])(
    'with %s the function answers 500, the others serve, and the terminal names file and variable',
    async (_, env, value) => {
      const stack = await TestStack.start(files(value), { env });
      try {
        for (const path of ['/users', '/lua']) {
          const answer = await stack.get(path);
          expect([answer.status, answer.json().error]).toEqual([500, 'invalid function configuration']);
        }
        expect((await stack.get('/open')).text).toBe('open');
        await until(() => /users\/fn\.env\.json.*API_KEY/s.test(stack.output), 'the terminal names it');
        expect(stack.output).not.toContain(value);
      } finally {
        await stack.stop();
      }
    },
  );

  test('F149, P125: a value that is replaced is seen by the next request, one that cannot be read stops the function, and a correction mends it', async () => {
    const stack = await TestStack.start(files(sealed('x'.repeat(40))), {
      env: { FN_SECRETS_KEY: `${OTHER_KEY},${KEY}` },
    });
    try {
      const answers = async (status: number, length?: number) => {
        const answer = await stack.get('/users');
        return answer.status === status && (length === undefined || answer.json().length === length);
      };
      expect(await answers(200, 40)).toBe(true);
      const save = (value: string) => stack.write({ 'users/fn.env.json': { API_KEY: { value } } });
      save(sealed('y'.repeat(7)));
      await until(() => answers(200, 7), 'the new value is served');
      save('enc:v1:tampered');
      await until(() => answers(500), 'the function is stopped');
      save(sealed('z'.repeat(9)));
      await until(() => answers(200, 9), 'the function is back');
    } finally {
      await stack.stop();
    }
  });
});
