import { execFile, spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { buildPackage, cleanEnvironment, type Result, runToEnd } from './cli-support.ts';
import { temporaryFolder } from './config-support.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/hello', import.meta.url));
const run = promisify(execFile);

let fastfnPath: string;
let cwd: string;
beforeAll(() => {
  fastfnPath = buildPackage();
  cwd = temporaryFolder();
  cpSync(EXAMPLES, cwd, { recursive: true, filter: (path) => !path.includes('.fastfn') });
});

function fastfn(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return runToEnd(fastfnPath, args, { cwd, env: { ...cleanEnvironment(cwd), ...env } });
}

/** Runs a line of bash in which $fastfn is the command. */
async function bash(line: string): Promise<string> {
  const env = { ...cleanEnvironment(cwd), fastfn: `${process.execPath} ${fastfnPath}` };
  return (await run('bash', ['-c', line], { cwd, env })).stdout.trim();
}

/** Command lines that end by themselves and need nothing of the machine. */
const LINES: readonly (readonly string[])[] = [
  ['routes'],
  ['routes', '--json'],
  ['check', '--json'],
  ['version', '--json'],
  ['help'],
  ['help', 'dev'],
  ['completion', 'bash'],
  ['dev', '--dry-run'],
  ['deploy', 'systemd'],
  ['deploy', 'kubernetes'],
];
const TEXTS = LINES.map((line) => line.join(' '));
const JSON_TEXTS = TEXTS.filter((text) => /--json|--dry-run/.test(text));

describe('P1: results', () => {
  test.each(JSON_TEXTS)('fastfn %s is one JSON document, also where colours are forced', async (text) => {
    const { code, stdout } = await fastfn(text.split(' '), { FORCE_COLOR: '1' });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });

  test.each(LINES)('fastfn %s %s says the same with a broken locale, without TERM and for one column', async (text) => {
    const timeless = (output: string) => output.replace(/"generated_at": "[^"]+"/, '');
    const usual = await fastfn(text.split(' '));
    const odd = await fastfn(text.split(' '), {
      LC_ALL: 'xx_YY.nothing',
      LANG: 'broken',
      TERM: '',
      COLUMNS: '1',
      LINES: '0',
    });
    expect({ ...odd, stdout: timeless(odd.stdout) }).toEqual({ ...usual, stdout: timeless(usual.stdout) });
  });

  test.each(TEXTS)('fastfn %s ends quietly when its reader leaves', async (text) => {
    expect(await bash(`$fastfn ${text} 2>/dev/null | true; echo "\${PIPESTATUS[0]}"`)).toBe('0');
  });

  test('a reader may be as slow as it likes: the result is whole', async () => {
    const many = temporaryFolder();
    for (let index = 0; index < 2000; index++) writeFileSync(join(many, `function-${index}.js`), '');
    const whole = (await fastfn(['routes', many, '--json'])).stdout.length;
    expect(whole).toBeGreaterThan(200_000); // more than a pipe holds
    expect(await bash(`$fastfn routes ${many} --json | (read -r -n 1; sleep 1.5; echo $(($(wc -c) + 1)))`)).toBe(
      String(whole),
    );
  });

  test.skipIf(process.platform !== 'linux')('a result that cannot be written is a failure', () => {
    const command = `"${process.execPath}" "${fastfnPath}" routes > /dev/full`;
    const { status, stderr } = spawnSync('bash', ['-c', command], {
      cwd,
      env: cleanEnvironment(cwd),
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: standard output: ENOSPC/);
  });
});

describe.each(COMMANDS.map(({ name }) => name))('fastfn %s', (name) => {
  const { flags } = COMMANDS.find((command) => command.name === name)!;

  test('P22: --help and help say the same: usage, every flag, two examples; exit 0', async () => {
    const { code, stdout, stderr } = await fastfn([name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: fastfn ${name}`);
    for (const { notation } of flags) expect(stdout).toContain(`  ${notation}  `);
    expect(stdout.split('Examples:\n')[1]!.trim().split('\n')).toHaveLength(2);
    expect((await fastfn(['help', name])).stdout).toBe(stdout);
  });

  test('P2, P3: a misspelt flag is named with the nearest one, exit 2', async () => {
    expect(await fastfn([name, '--hepl'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: unknown flag "--hepl" (did you mean "--help"?)\n',
    });
  });
});

test('P2: a flag of another command is not offered where it would not be understood', async () => {
  expect((await fastfn(['init', '--prot', 'x'])).stderr).toBe('error: unknown flag "--prot"\n');
});

test('P2: what is said after the name of a command counts, and repeated flags add up', async () => {
  writeFileSync(join(cwd, 'a.env'), 'FN_PORT=1\nFN_HOST=::1');
  writeFileSync(join(cwd, 'b.env'), 'FN_PORT=2');
  const line = [
    '--log-level',
    'debug',
    '--env-file',
    'a.env',
    'dev',
    '--dry-run',
    '--log-level=error',
    '--env-file=b.env',
  ];
  const { settings } = JSON.parse((await fastfn(line)).stdout);
  expect(settings).toMatchObject({
    'logs.level': { value: 'error', source: 'flag' },
    port: { value: 2, source: 'env-file' },
    host: { value: '::1', source: 'env-file' },
  });
});
