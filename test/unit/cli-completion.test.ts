import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { bashScript } from '../../src/cli/completion/bash.ts';
import { fishScript } from '../../src/cli/completion/fish.ts';
import { zshScript } from '../../src/cli/completion/zsh.ts';
import { temporaryFolder } from './config-support.ts';

const NAMES = COMMANDS.map(({ name }) => name);

let cwd: string;
beforeAll(() => {
  cwd = temporaryFolder();
  mkdirSync(join(cwd, 'examples'));
  writeFileSync(join(cwd, 'example.json'), '');
});

function has(shell: string): boolean {
  return spawnSync(shell, ['-c', ':']).error === undefined;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Command lines whose last word is being typed, and what is offered for it. */
const CASES: readonly (readonly [line: readonly string[], offered: readonly string[]])[] = [
  [['ini'], ['init']],
  [
    ['-q', 'do'],
    ['docs', 'doctor'],
  ],
  [
    ['init', '--template', 'p'],
    ['python', 'php'],
  ],
  [['init', '-t', 'lu'], ['lua']],
  [['init', '--fo'], ['--force']],
  [
    ['logs', '--file', 'a'],
    ['access', 'all'],
  ],
  [['--log-level', 'de'], ['debug']],
  [['routes', '--log-level', 'de'], ['debug']],
  [['routes', '--li'], ['--live']],
  [['completion', 'fi'], ['fish']],
  [['help', 'ver'], ['version']],
  [['secrets', 'rot'], ['rotate']],
  [['init', ''], []],
  [['invoke', '--header', 'x'], []],
];

describe('bash', () => {
  function complete(words: readonly string[]): string[] {
    const script = `${bashScript()}\nCOMP_WORDS=(fastfn "$@") COMP_CWORD=$#; _fastfn; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return linesOf(execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { cwd, encoding: 'utf8' }));
  }

  test.each(CASES)('P21: after %j it offers %j', (line, offered) => {
    expect(complete(line).sort()).toEqual([...offered].sort());
  });

  test('P21: every command is offered', () => {
    expect(complete(['']).sort()).toEqual([...NAMES].sort());
  });

  test('P21: every flag of every command is offered', () => {
    for (const { name, flags } of COMMANDS) {
      const long = flags.map(({ notation }) => /--[a-z-]+/.exec(notation)![0]);
      expect(complete([name, '--'])).toEqual(expect.arrayContaining([...long, '--config', '--help']));
    }
  });

  test('P21: folders where a folder is meant, files where a file is', () => {
    expect(complete(['routes', 'exa'])).toEqual(['examples']);
    expect(complete(['routes', '--config', 'exa']).sort()).toEqual(['example.json', 'examples']);
  });

  test('P21: a value after = is completed as bash splits it', () => {
    expect(complete(['init', '--template', '=', 'py'])).toEqual(['python']);
    expect(complete(['init', '--template', '='])).toEqual(['node', 'ts', 'python', 'php', 'lua']);
  });

  test('P21: the script is for eval, and bash then knows fastfn', () => {
    const script = `eval "$1"; complete -p fastfn`;
    expect(execFileSync('bash', ['--norc', '-c', script, 'bash', bashScript()], { encoding: 'utf8' })).toBe(
      'complete -F _fastfn fastfn\n',
    );
  });
});

describe.skipIf(!has('fish'))('fish', () => {
  function complete(words: readonly string[]): string[] {
    const line = ['fastfn', ...words].join(' ');
    const script = `${fishScript()}\ncomplete -C '${line}'`;
    const offered = execFileSync('fish', ['--no-config', '-c', script], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, HOME: cwd },
    });
    return linesOf(offered).map((text) => text.split('\t')[0]!);
  }

  test.each(CASES)('P21: after %j it offers %j', (line, offered) => {
    expect(complete(line)).toEqual(expect.arrayContaining([...offered]));
    if (offered.length === 0) expect(complete(line)).toEqual([]);
  });
});

describe.skipIf(!has('zsh'))('zsh', () => {
  /** What the script tells zsh, whose completion system needs a terminal: its builtins are replaced by ones that print. */
  function complete(words: readonly string[]): string[] {
    const current = words.at(-1)!;
    const script = `
      compdef() { : }
      compset() { : }
      compadd() { shift; print -l -- "$@" }
      _files() { print -- FILES }
      _describe() { print -l -- \${(P)argv[-1]%%:*} }
      source ./_fastfn
      words=(fastfn "$@") CURRENT=$#words PREFIX=$words[-1]
      _fastfn`;
    const child = spawnSync('zsh', ['-f', '-c', script, 'zsh', ...words], {
      cwd,
      encoding: 'utf8',
    });
    return linesOf(child.stdout).filter((word) => word.startsWith(current));
  }

  test('P21: the script parses', () => {
    writeFileSync(join(cwd, '_fastfn'), zshScript());
    expect(spawnSync('zsh', ['-n', join(cwd, '_fastfn')], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  test.each(CASES)('P21: after %j it offers %j', (line, offered) => {
    writeFileSync(join(cwd, '_fastfn'), zshScript());
    expect(complete(line).sort()).toEqual([...offered].sort());
  });
});
