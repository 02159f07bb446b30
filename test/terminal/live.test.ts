import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/package-root.ts';
import { until } from '../stack/support.ts';
import { hasTmux, type TerminalOptions, TerminalSession } from './support.ts';

const FUNCTIONS = {
  'hello.js': 'exports.handler = () => ({ body: "hi" });\n',
  'boom.js': 'exports.handler = (event) => {\n  return event.a.b;\n};\n',
  'talk.js': 'exports.handler = () => {\n  console.log("said by talk");\n  return { body: "" };\n};\n',
  'ping.lua': 'return function() return { body = "pong" } end\n',
};
/** The last of the bottom lines. */
const KEYS = /^r reload · l hide logs · o open · q quit$/m;
const RESTORED = 'isig icanon echo';

let session: TerminalSession | undefined;

function open(files: Record<string, string> = FUNCTIONS, options: TerminalOptions = {}): TerminalSession {
  session = TerminalSession.open(files, options);
  return session;
}

/** The code blocks of a page in one language. */
function blocks(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, block]) => block!);
}

/** What differs from start to start: ports and times. */
function withoutNumbers(text: string): string {
  return text.replaceAll(/:\d+|\d+(\.\d+)?m?s\b/g, 'N').trimEnd();
}

afterEach(async () => {
  await session?.close();
  session = undefined;
});

describe.skipIf(!hasTmux)('at a terminal (skipped where tmux is absent)', () => {
  test('P119: a start shows its steps, and then the address, routes and keys below the lines', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.shows(KEYS);
    await terminal.get(url, '/hello');
    await terminal.shows(/^GET \/hello 200 \d+ms hello.js$/m);
    await terminal.shows(/^1 request · 0 failed · 0 reloads$/m);
    const text = terminal.text();
    expect(text).toMatch(/✔ Checks: nginx \S+ with Lua, node/);
    expect(text).toMatch(/✔ Functions: 4 functions, 4 routes/);
    expect(text).toMatch(/✔ Dependencies: nothing to install/);
    expect(text.split('\n').slice(-4)).toEqual([
      '─'.repeat(99),
      `${url}  4 routes: lua 1 · node 3`,
      '1 request · 0 failed · 0 reloads',
      'r reload · l hide logs · o open · q quit',
    ]);
  });

  test('an error of a handler is shown with the line that it blames', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    await terminal.get(await terminal.ready(), '/boom');
    await terminal.shows(/^GET \/boom 500/m);
    expect(terminal.text()).toContain(
      [
        "error: boom.js: TypeError: Cannot read properties of undefined (reading 'b')",
        '  at boom.js:2:18',
        '    1 │ exports.handler = (event) => {',
        '  > 2 │   return event.a.b;',
        '      │                  ^',
        '    3 │ };',
        '  hint: ',
      ].join('\n'),
    );
    await terminal.shows(/^1 request · 1 failed/m);
  });

  test('docs/dev.md shows what a reader sees', async () => {
    const page = readFileSync(join(packageRoot, 'docs/dev.md'), 'utf8');
    const [source] = blocks(page, 'js');
    const [view, error] = blocks(page, 'text');
    const hello = 'exports.handler = () => {\n  console.log("said by hello");\n  return { body: "" };\n};\n';
    const terminal = open({ 'boom.js': source!, 'hello.js': hello }, { columns: 50 });
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.get(url, '/hello');
    await terminal.shows(/^1 request · [\s\S]*quit$/m);
    expect(withoutNumbers(terminal.text())).toContain(withoutNumbers(view!));
    terminal.resize(100, 40);
    await terminal.get(url, '/boom');
    await terminal.shows(/--verbose shows the stack$/m);
    expect(terminal.text()).toContain(error!);
  });

  test('r reads everything again, l hides and shows lines, o opens the address', async () => {
    const opened = 'opened.txt';
    const terminal = open({ ...FUNCTIONS, 'xdg-open': `#!/bin/sh\necho "$1" > ${opened}\n` });
    terminal.fastfn('dev --native --port 0', { before: `chmod +x xdg-open; PATH="$PWD:$PATH"` });
    const url = await terminal.ready();
    await terminal.shows(KEYS);
    terminal.type('r');
    await terminal.shows(/^note: everything was read again$/m);
    terminal.type('l');
    await terminal.shows(/lines are hidden$/m);
    await terminal.get(url, '/talk');
    await terminal.get(url, '/boom');
    await terminal.shows(/^2 requests · 1 failed/m);
    await terminal.shows(/^error: boom\.js/m);
    expect(terminal.text()).not.toMatch(/said by talk|GET \/talk/);
    terminal.type('l');
    await terminal.shows(KEYS);
    await terminal.get(url, '/talk');
    await terminal.shows(/^talk\.js │ said by talk$/m);
    terminal.type('o');
    const file = join(terminal.dir, opened);
    await until(() => existsSync(file) && readFileSync(file, 'utf8') === `${url}\n`, 'the browser was opened');
  });

  test('P4: q drains like SIGTERM, exits with 0 and gives the terminal back', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    await terminal.shows(KEYS);
    terminal.type('q');
    await terminal.shows(new RegExp(`^exit=0 ${RESTORED}$`, 'm'));
    expect(terminal.text()).toContain('stopping, running requests have 3s');
    expect(terminal.text()).not.toMatch(KEYS);
  });

  test('Ctrl-Z gives the terminal to the shell, fg takes it again', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.shows(KEYS);
    terminal.press('C-z');
    await terminal.shows(new RegExp(`^exit=148 ${RESTORED}$`, 'm'));
    expect(terminal.text()).not.toMatch(KEYS);
    terminal.type('fg');
    terminal.press('Enter');
    await terminal.shows(KEYS);
    await terminal.get(url, '/hello');
    await terminal.shows(/^1 request · /m);
    terminal.type('q');
    await until(() => /stopping[\s\S]*\n> $/.test(`${terminal.text()} `), 'the shell asks again');
  });
});

describe.skipIf(!hasTmux)('Ctrl-C (skipped where tmux is absent)', () => {
  let index: Server | undefined;
  afterEach(() => index?.close());

  /** A package index that takes connections and never answers. */
  async function silentIndex(): Promise<string> {
    const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    index = server;
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/simple`;
  }

  test('P8: during the checks ends with 130', async () => {
    const terminal = open({ ...FUNCTIONS, 'slow-node': '#!/bin/sh\nsleep 30\n' });
    terminal.fastfn('dev --native --port 0', { before: 'chmod +x slow-node; FN_NODE_BIN=$PWD/slow-node' });
    await terminal.shows(/ Checks$/m);
    terminal.press('C-c');
    await terminal.shows(new RegExp(`^exit=130 ${RESTORED}$`, 'm'));
    expect(terminal.text()).not.toMatch(/error:/);
  });

  test('P8: during an install ends with 130', async () => {
    const env = { PIP_INDEX_URL: await silentIndex() };
    const terminal = open({ 'f/requirements.txt': 'absent\n', 'f/handler.py': 'def handler(event): pass\n' }, { env });
    terminal.fastfn('run --native --port 0 --log-format text');
    await terminal.shows(/ {2}\S pip for f$/m);
    terminal.press('C-c');
    await terminal.shows(new RegExp(`^exit=130 ${RESTORED}$`, 'm'));
    expect(terminal.text()).not.toMatch(/FastFN ready|error:/);
  });

  test('an install that takes longer than the start delays neither the ready line nor requests', async () => {
    const env = { PIP_INDEX_URL: await silentIndex() };
    const python = { 'f/requirements.txt': 'absent\n', 'f/handler.py': 'def handler(event): pass\n' };
    const terminal = open({ ...FUNCTIONS, ...python }, { env });
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    expect(terminal.text()).toMatch(/↓ pip for f: still installing/);
    await terminal.shows(/^installing pip for f/m);
    await terminal.get(url, '/hello');
    await terminal.shows(/^GET \/hello 200/m);
    terminal.press('C-c');
    await terminal.shows(new RegExp(`^exit=130 ${RESTORED}$`, 'm'));
  });

  test('P8, P9: drains first, and the second ends at once', async () => {
    const slow = 'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 60000));\n';
    const config = { timeout_ms: 60_000 };
    const terminal = open({ 'slow/handler.js': slow, 'slow/fn.config.json': JSON.stringify(config) });
    terminal.fastfn('dev --native --port 0', { before: 'FN_DRAIN_TIMEOUT=60' });
    const url = await terminal.ready();
    await terminal.shows(KEYS);
    const answer = terminal.get(url, '/slow').catch(() => null);
    await terminal.get(url, '/absent');
    await terminal.shows(/^1 request/m);
    terminal.press('C-c');
    await terminal.shows(/^stopping, running requests have/m);
    expect(terminal.text()).not.toMatch(/^exit=/m);
    terminal.press('C-c');
    await terminal.shows(new RegExp(`^exit=130 ${RESTORED}$`, 'm'));
    await answer;
  });

  test.each(['TERM', 'HUP', 'INT'])('SIG%s gives the terminal back', async (name) => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    await terminal.shows(KEYS);
    process.kill(terminal.pid, `SIG${name}`);
    await terminal.shows(new RegExp(`^exit=(0|130) ${RESTORED}$`, 'm'));
    expect(terminal.text()).not.toMatch(KEYS);
  });

  test('a mistake of ours gives the terminal back before it is told', async () => {
    const mistake = 'process.on("SIGUSR2", () => setImmediate(() => { throw new Error("a mistake"); }));\n';
    const terminal = open({ ...FUNCTIONS, '../mistake.mjs': mistake });
    terminal.fastfn('dev --native --port 0', { before: `NODE_OPTIONS="--import=${terminal.base}/mistake.mjs"` });
    await terminal.shows(KEYS);
    process.kill(terminal.pid, 'SIGUSR2');
    await terminal.shows(new RegExp(`^exit=1 ${RESTORED}$`, 'm'));
    expect(terminal.text()).toMatch(/^error: internal error: a mistake$/m);
    expect(terminal.text()).not.toMatch(KEYS);
  });
});

describe.skipIf(!hasTmux)('the size of the terminal (skipped where tmux is absent)', () => {
  test('changes as often as it likes: every line stays, and the bottom stands there once', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.shows(KEYS);
    // tmux moves the cursor itself when it wraps lines anew on a screen that is not full.
    for (let number = 0; number < 40; number++) await terminal.get(url, `/before-${number}`);
    await terminal.shows(/^40 requests/m);
    const sizes = [60, 24, 10, 1, 200, 37, 100];
    for (const columns of sizes) {
      terminal.resize(columns, 30);
      await terminal.get(url, `/at-${columns}`);
      // Below 16 columns nothing stands at the bottom.
      await until(() => terminal.text().includes('─') === columns > 15, `the view suits ${columns} columns`);
    }
    await terminal.shows(/^─{99}\n.*\n47 requests/m);
    const text = terminal.text();
    for (const columns of sizes) expect(text).toMatch(new RegExp(`^GET /at-${columns} 404 \\d+ms$`, 'm'));
    expect(text.match(/requests? · /g)).toHaveLength(1);
    expect(text.match(/^─+$/gm)).toHaveLength(1);
  });

  test('may be one column: lines only', async () => {
    const terminal = open(FUNCTIONS, { columns: 1, rows: 30 });
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.get(url, '/hello');
    await terminal.shows(/^GET \/hello 200 \d+ms hello\.js$/m);
    expect(terminal.text()).not.toMatch(/─|reload/);
    terminal.press('C-c');
    await terminal.shows(new RegExp(`^exit=130 ${RESTORED}$`, 'm'));
  });
});

describe.skipIf(!hasTmux)('plain lines (skipped where tmux is absent)', () => {
  test.each([
    ['without TERM', { before: 'unset TERM;' }],
    ['with a dumb terminal', { before: 'TERM=dumb' }],
    ['in CI', { before: 'CI=1' }],
    ['when piped', { after: '2>&1 | cat' }],
    ['in the background', { after: '& wait' }],
  ])('P119: %s', async (_when, command) => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0', command);
    const url = await terminal.ready();
    await terminal.get(url, '/talk');
    await terminal.shows(/^GET \/talk 200 \d+ms talk\.js$/m);
    expect(terminal.text()).toMatch(/\[node\] \[fn:talk\.js@default stdout\] \[req:\S+\] said by talk$/m);
    expect(terminal.text()).not.toMatch(/✔|─|requests? ·/);
    process.kill(terminal.pid, 'SIGINT');
    await terminal.shows(new RegExp(`^exit=\\d+ ${RESTORED}$`, 'm'));
  });

  test('P119: --quiet leaves the ready line', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0 --quiet');
    await terminal.get(await terminal.ready(), '/hello');
    terminal.press('C-c');
    await terminal.shows(/^exit=130/m);
    expect(terminal.text()).not.toMatch(/✔|─|GET/);
  });

  test('P1: NO_COLOR keeps the view and takes its colours', async () => {
    const terminal = open();
    terminal.fastfn('dev --native --port 0', { before: 'NO_COLOR=1' });
    await terminal.shows(KEYS);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(terminal.text({ colours: true })).not.toMatch(/\u001b\[[\d;]*m/);
  });

  test('a locale without UTF-8 gets ASCII', async () => {
    const terminal = open(FUNCTIONS, { env: { LANG: 'C' } });
    terminal.fastfn('dev --native --port 0');
    const url = await terminal.ready();
    await terminal.get(url, '/boom');
    await terminal.shows(/^r reload - l hide logs - o open - q quit$/m);
    await terminal.shows(/^ {2}> 2 \| {3}return event\.a\.b;$/m);
    expect(terminal.text()).toMatch(/^[\n -~]*$/);
  });
});
