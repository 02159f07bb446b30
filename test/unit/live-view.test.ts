import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeFrame } from '../../src/cli/code-frame.ts';
import { describeError } from '../../src/cli/error-report.ts';
import { describeFooter, type FooterFacts } from '../../src/cli/live-footer.ts';
import { LiveLog } from '../../src/cli/live-log.ts';
import { describeTasks, type ShownTask } from '../../src/cli/start-lines.ts';
import { cutToWidth, textWidth } from '../../src/cli/text-width.ts';
import { speaksUnicode, type View, withoutColour } from '../../src/cli/view.ts';
import type { LogRecord } from '../../src/stack/events.ts';
import { forTerminal } from '../../src/terminal-text.ts';
import { temporaryFolder } from './config-support.ts';

function viewOf(view: Partial<View> = {}): View {
  return { paint: withoutColour, isUnicode: true, isVerbose: false, functionsRoot: '/', columns: () => 80, ...view };
}

describe('the bottom lines', () => {
  const FACTS: FooterFacts = {
    url: 'http://127.0.0.1:8080',
    routes: 6,
    routesByRuntime: { python: 1, node: 4 },
    requests: 12,
    hasMoreRequests: false,
    failures: 2,
    reloads: 1,
    installs: [],
    areLinesShown: true,
    hasKeys: true,
  };
  const footer = (size: { columns: number; rows?: number }, facts: Partial<FooterFacts> = {}, view = viewOf()) =>
    describeFooter({ ...FACTS, ...facts }, view, { rows: 24, ...size });

  test('name the address, the routes by runtime, the counts and the keys', () => {
    expect(footer({ columns: 80 })).toEqual([
      '─'.repeat(79),
      'http://127.0.0.1:8080  6 routes: node 4 · python 1',
      '12 requests · 2 failed · 1 reload',
      'r reload · l hide logs · o open · q quit',
    ]);
  });

  test('are ASCII where the locale is not UTF-8', () => {
    const lines = footer({ columns: 30 }, {}, viewOf({ isUnicode: false }));
    expect(lines.join('')).toMatch(/^[ -~]*$/);
    expect(lines[1]).toBe('http://127.0.0.1:8080  6 rou~');
  });

  test.each([120, 80, 40, 20, 16])('fit a terminal of %i columns, without its last one', (columns) => {
    const lines = describeFooter(FACTS, viewOf(), { columns, rows: 24 });
    expect(lines).not.toEqual([]);
    for (const line of lines) expect(textWidth(line)).toBeLessThan(columns);
  });

  test('leave a terminal without room to the lines', () => {
    expect(footer({ columns: 1 })).toEqual([]);
    expect(footer({ columns: 80, rows: 3 })).toEqual([]);
    expect(footer({ columns: 80, rows: 6 })).toHaveLength(2);
  });

  test('show installs that are under way, counts that are not all, and that lines are hidden', () => {
    const lines = footer({ columns: 80 }, { installs: ['installing pip for a  Collecting b'], hasMoreRequests: true });
    expect(lines).toContain('installing pip for a  Collecting b');
    expect(lines).toContain('over 12 requests · 2 failed · 1 reload');
    const hidden = footer({ columns: 80 }, { areLinesShown: false, hasKeys: false });
    expect(footer({ columns: 80 }, { requests: null })).toContain('1 reload');
    expect(hidden.at(-1)).toBe('12 requests · 2 failed · 1 reload · lines are hidden');
  });
});

describe('the list of a start', () => {
  const task = (title: string | undefined, state: string, rest: Partial<ShownTask> = {}): ShownTask => ({
    title,
    message: {},
    isCompleted: () => state === 'done',
    isSkipped: () => state === 'skipped',
    hasFailed: () => state === 'failed',
    ...rest,
  });
  const install = task('pip for a, b', 'running', { output: 'Collecting pandas' });
  const tasks = [
    task('Functions: 2 functions, 2 routes', 'done'),
    task('Dependencies', 'running', { subtasks: [task(undefined, 'running', { subtasks: [install] })] }),
    task('npm for c', 'failed', { output: 'never seen' }),
    task('Routes', 'skipped', { message: { skip: 'Routes: not reached' } }),
  ];

  test('shows each step, and what installs say meanwhile', () => {
    expect(describeTasks(tasks, viewOf(), 11)).toEqual([
      '✔ Functions: 2 functions, 2 routes',
      '⠙ Dependencies',
      '  ⠙ pip for a, b',
      '    Collecting pandas',
      '✖ npm for c',
      '↓ Routes: not reached',
    ]);
  });

  test('is ASCII where the locale is not UTF-8, and keeps to its columns', () => {
    const lines = describeTasks(tasks, viewOf({ isUnicode: false, columns: () => 16 }), 0);
    expect(lines).toEqual([
      '+ Functions: 2~',
      '- Dependencies',
      '  - pip for a,~',
      '    Collecting~',
      'x npm for c',
      '- Routes: not ~',
    ]);
  });
});

describe('a code frame', () => {
  const SOURCE = 'one\ntwo\n\tthree()\nfour\nfive\nsix\n';
  const view = { columns: 40, isUnicode: true };

  test('shows the line with two around it and a caret below its column', () => {
    expect(codeFrame(SOURCE, { line: 3, column: 2 }, view)).toEqual([
      '  1 │ one',
      '  2 │ two',
      '> 3 │   three()',
      '    │   ^',
      '  4 │ four',
      '  5 │ five',
    ]);
  });

  test('has no caret where the language tells no column, and ends with the file', () => {
    expect(codeFrame(SOURCE, { line: 6 }, { ...view, isUnicode: false })).toEqual([
      '  4 | four',
      '  5 | five',
      '> 6 | six',
    ]);
  });

  test('shows the part of a long line that is meant', () => {
    const [line, caret] = codeFrame(`${'x'.repeat(5000)}!${'y'.repeat(5000)}`, { line: 1, column: 5001 }, view);
    expect(line!.length).toBeLessThanOrEqual(view.columns);
    expect(line!.at(caret!.indexOf('^'))).toBe('!');
  });

  test('is empty for a line that is gone', () => {
    expect(codeFrame('one\n', { line: 2 }, view)).toEqual([]);
  });
});

describe('an error', () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'api'));
  writeFileSync(join(root, 'boom.js'), 'const f = (x) => {\n  return x.a.b;\n};\nexports.handler = () => f({});\n');
  writeFileSync(join(root, 'api/bad.py'), 'def handler(event):\n    x = {}\n    return x["missing"]\n');
  writeFileSync(join(root, 'p.php'), '<?php\nfunction handler($event) {\n    return nothing();\n}\n');
  writeFileSync(join(root, 'l.lua'), 'return function(event)\n  return event.a.b\nend\n');
  const view = viewOf({ functionsRoot: root });
  const describeText = (text: string, hint?: string) =>
    describeError({ subject: 'f', severity: 'error', text, hint }, view);

  test.each([
    [
      'Node',
      `TypeError: no b\n    at f (${root}/boom.js:2:14)\n    at exports.handler (${root}/boom.js:4:33)`,
      [
        'error: f: TypeError: no b',
        '  at boom.js:2:14',
        '    1 │ const f = (x) => {',
        '  > 2 │   return x.a.b;',
        '      │              ^',
      ],
    ],
    [
      'Node, where the code does not parse',
      `${root}/boom.js:2\n  return x.a.b;\n           ^\n\nSyntaxError: no\n    at wrapSafe (node:internal)`,
      [
        'error: f: SyntaxError: no',
        '  at boom.js:2:12',
        '    1 │ const f = (x) => {',
        '  > 2 │   return x.a.b;',
        '      │            ^',
      ],
    ],
    [
      'Python',
      `Traceback (most recent call last):\n  File "${root}/api/bad.py", line 3, in handler\n    return x["missing"]\n           ~^^^^^^^^^^^\nKeyError: 'missing'`,
      [
        "error: f: KeyError: 'missing'",
        '  at api/bad.py:3:12',
        '    1 │ def handler(event):',
        '    2 │     x = {}',
        '  > 3 │     return x["missing"]',
        '      │            ^^^^^^^^^^^^',
      ],
    ],
    [
      'TypeScript, where it does not build (esbuild counts columns from 0)',
      `Error: Build failed with 1 error:\nboom.js:2:11: ERROR: Unexpected "."\n    at failure (node:internal)`,
      [
        'error: f: Unexpected "."',
        '  at boom.js:2:12',
        '    1 │ const f = (x) => {',
        '  > 2 │   return x.a.b;',
        '      │            ^',
      ],
    ],
    [
      'PHP',
      `Error: Call to undefined function nothing() in ${root}/p.php:3\nStack trace:\n#0 {main}`,
      [
        'error: f: Error: Call to undefined function nothing()',
        '  at p.php:3',
        '    1 │ <?php',
        '    2 │ function handler($event) {',
        '  > 3 │     return nothing();',
      ],
    ],
    [
      'Lua',
      "l.lua:2: attempt to index field 'a' (a nil value)",
      [
        "error: f: attempt to index field 'a' (a nil value)",
        '  at l.lua:2',
        '    1 │ return function(event)',
        '  > 2 │   return event.a.b',
      ],
    ],
  ])('of %s says what, where and why, with the code', (_language, text, lines) => {
    expect(describeText(text).slice(0, lines.length)).toEqual(lines);
  });

  test('of a configuration file points at its line, and never quotes a file of secrets', () => {
    const text = 'line 2, column 11: a value is missing';
    for (const name of ['fn.config.json', 'fn.env.json']) writeFileSync(join(root, name), '{\n  "name": ,\n}\n');
    const describeFile = (subject: string) => describeError({ subject, severity: 'error', text }, view);
    expect(describeFile('fn.config.json')).toEqual([
      `error: fn.config.json: ${text}`,
      '    1 │ {',
      '  > 2 │   "name": ,',
      '      │           ^',
      '    3 │ }',
    ]);
    expect(describeFile('fn.env.json')).toEqual([`error: fn.env.json: ${text}`]);
  });

  test('takes at most 12 lines', () => {
    const calls = Array.from({ length: 40 }, (_, n) => `    at call${n} (${root}/boom.js:2:14)`);
    const text = ['Error: one', 'two', 'three', 'four', 'five', ...calls].join('\n');
    expect(describeText(text, 'next').length).toBeLessThanOrEqual(12);
  });

  test('shows the whole stack with --verbose', () => {
    const facts = { subject: 'f', severity: 'error', text: `E: x\n    at a (${root}/boom.js:2:1)\n    at b` } as const;
    expect(describeError(facts, { ...view, isVerbose: true })).toContain('      at b');
  });

  test('without a line of the user has no code', () => {
    expect(describeText('out of memory', 'try again')).toEqual(['error: f: out of memory', '  hint: try again']);
  });

  test('never shows a file outside the functions root', () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, 'other.js'), 'private\n');
    symlinkSync(join(outside, 'other.js'), join(root, 'link.js'));
    for (const file of ['link.js', '../other.js', 'gone.js']) {
      expect(describeText(`Error: x\n    at f (${root}/${file}:1:1)`).join('\n')).not.toContain('private');
    }
  });

  test('of a function that does not load points at the line that its stack names', () => {
    const stack = `${root}/boom.js:2\n  return x.a.b;\n           ^\n\nSyntaxError: no`;
    const record = { time: '', level: 'error', source: 'node', function: 'boom@default', requestId: null } as const;
    const log = new LiveLog(view);
    log.take({ ...record, stream: 'stderr', message: 'no', fields: { stack } });
    expect(log.flush().slice(0, 2)).toEqual(['error: boom: SyntaxError: no', '  at boom.js:2:12']);
  });

  test('hides nothing that the handler printed before it', () => {
    const log = new LiveLog(view);
    const record = { time: '', level: 'error', source: 'node', function: 'boom', requestId: 'a' } as const;
    const printed = Array.from({ length: 10 }, (_, number) => `note ${number}`);
    for (const message of [...printed, 'Error: no b', `    at f (${root}/boom.js:2:14)`]) {
      log.take({ ...record, stream: 'stderr', message });
    }
    const text = log.flush().join('\n');
    for (const message of [...printed, 'Error: no b', '> 2 │   return x.a.b;']) expect(text).toContain(message);
  });

  test('that comes a thousand times is told each time, with its code only now and then', () => {
    const log = new LiveLog(view);
    const lines = Array.from({ length: 1000 }, (_, id) =>
      log.take({
        ...{ time: '', level: 'error', source: 'node', function: 'boom', stream: 'stderr', requestId: String(id) },
        message: `Error: number ${id} (${root}/boom.js:2:14)`,
      }),
    ).flat();
    expect(lines.filter((line) => line.includes('Error: number'))).toHaveLength(999);
    expect(lines.filter((line) => line.includes('> 2 │')).length).toBeLessThan(100);
  });

  test('that a handler prints line by line is shown as one', () => {
    const record = (message: string, requestId: string): LogRecord => {
      const time = '2026-01-02T03:04:05.678Z';
      return { time, level: 'error', source: 'node', function: 'boom@default', stream: 'stderr', requestId, message };
    };
    const log = new LiveLog(view);
    expect(log.take(record('TypeError: no b', 'a'))).toEqual([]);
    expect(log.take(record(`    at f (${root}/boom.js:2:14)`, 'a'))).toEqual([]);
    expect(log.take(record('no error at all', 'b')).slice(0, 2)).toEqual([
      'error: boom: TypeError: no b',
      '  at boom.js:2:14',
    ]);
    expect(log.flush()).toEqual(['boom │ no error at all']);
    expect(log.isHolding).toBe(false);
  });
});

describe('text for a terminal', () => {
  test.each([
    ['plain', 'plain'],
    ['\u001b[31mred\u001b[39m', '\u001b[31mred\u001b[39m\u001b[0m'],
    ['a\tb', 'a\tb'],
    ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
    ['\u001b[2J\u001b[H', '\\x1b[2J\\x1b[H'],
    ['over\rwritten', 'over\\x0dwritten'],
    ['\u009b6n', '\\x9b6n'],
  ])('%j cannot move the cursor', (line, shown) => {
    expect(forTerminal(line, true)).toBe(shown);
  });

  test('P1: NO_COLOR takes colours of handlers too', () => {
    expect(forTerminal('\u001b[31mred\u001b[39m', false)).toBe('red');
  });

  test('wide and combining characters are measured as terminals do', () => {
    expect(textWidth('日本')).toBe(4);
    expect(textWidth('e\u0301')).toBe(1);
    expect(cutToWidth('日本', 3)).toBe('日');
    expect(cutToWidth('plain', 3)).toBe('pla');
  });

  test.each([
    [{ LANG: 'C.UTF-8' }, true],
    [{ LANG: 'en_US.utf8' }, true],
    [{ LANG: 'C' }, false],
    [{}, false],
    [{ LC_ALL: 'C', LANG: 'C.UTF-8' }, false],
    [{ LC_CTYPE: 'C.UTF-8' }, true],
    [{ LANG: 'C.UTF-8', TERM: 'linux' }, false],
  ])('symbols beyond ASCII with %j: %s', (env, expected) => {
    expect(speaksUnicode(env)).toBe(expected);
  });
});
