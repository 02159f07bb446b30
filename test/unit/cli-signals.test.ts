import { afterEach, beforeAll, expect, test } from 'vitest';
import { buildFixture, Running } from './cli-support.ts';

let program: string;
let running: Running | undefined;

beforeAll(async () => {
  program = await buildFixture('cli/supervised.ts');
});
afterEach(() => running?.child.kill('SIGKILL'));

function start(behaviour: string, input = 'none'): Running {
  running = new Running(program, [behaviour, input]);
  return running;
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 0],
] as const)('P4, P8: %s drains and exits with %i', async (signal, code) => {
  const stack = start('drains');
  await stack.said('ready');
  await stack.signal(signal, 'draining');
  expect(await stack.ended()).toBe(code);
});

test.each([
  ['SIGINT', 'SIGINT', 130],
  ['SIGTERM', 'SIGTERM', 1],
  ['SIGTERM', 'SIGINT', 1],
] as const)('P9: %s, then %s during the drain kills at once and exits with %i', async (first, second, code) => {
  const stack = start('never drains');
  await stack.said('ready');
  await stack.signal(first, 'draining');
  await stack.signal(second, 'killed');
  expect(await stack.ended()).toBe(code);
});

test('P9: SIGINT during the start tells it to give up', async () => {
  const stack = start('notices the abort');
  await stack.said('starting');
  await stack.signal('SIGINT');
  expect(await stack.ended()).toBe(130);
  expect(stack.stderr).toBe('');
});

test('P9: a second SIGINT ends a start that does not listen', async () => {
  const stack = start('never starts');
  await stack.said('starting');
  await stack.signal('SIGINT');
  const again = setInterval(() => stack.child.kill('SIGINT'), 20); // two signals at once would count as one
  expect(await stack.ended()).toBe(130);
  clearInterval(again);
});

test('P9: SIGHUP reloads a service, however often', async () => {
  const stack = start('drains');
  await stack.said('ready');
  await stack.signal('SIGHUP', 'reloaded');
  await stack.signal('SIGHUP', 'reloaded\nreloaded');
  await stack.signal('SIGTERM', 'draining');
  expect(await stack.ended()).toBe(0);
});

test('P9: a reload that fails is reported and the stack goes on', async () => {
  const stack = start('cannot reload');
  await stack.said('ready');
  await stack.signal('SIGHUP', 'reloaded');
  await stack.signal('SIGTERM', 'draining');
  expect(await stack.ended()).toBe(0);
  expect(stack.stderr).toBe('error: no reload\n');
});

test('P9: SIGHUP at a terminal ends the stack like SIGTERM', async () => {
  const stack = start('drains', 'terminal');
  await stack.said('ready');
  await stack.signal('SIGHUP', 'draining');
  expect(await stack.ended()).toBe(0);
});

test.each([
  ['fails to start', 'error: port 80 is in use\n'],
  ['ends by itself', 'error: nginx ended five times\n'],
])('P5: a stack that %s exits with 1 and the reason', async (behaviour, reason) => {
  const stack = start(behaviour);
  expect(await stack.ended()).toBe(1);
  expect(stack.stderr).toBe(reason);
});

test('a mistake of ours kills the stack before the program ends with 1', async () => {
  const stack = start('makes a mistake');
  await stack.said('killed');
  expect(await stack.ended()).toBe(1);
  expect(stack.stderr).toContain('error: internal error: a mistake\nhint: ');
});

test('P5: a drain that fails exits with 1 and the reason', async () => {
  const stack = start('cannot drain');
  await stack.said('ready');
  await stack.signal('SIGTERM', 'draining');
  expect(await stack.ended()).toBe(1);
  expect(stack.stderr).toBe('error: a worker stays\n');
});
