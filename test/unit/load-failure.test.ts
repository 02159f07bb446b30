import { expect, test } from 'vitest';
import { FastfnError } from '../../src/errors.ts';
import { describeFailure } from '../../src/stack/load-failure.ts';
import { workerFailure } from '../../src/workers/failure.ts';

const ROOT = '/srv/app';
const SECRETS = ['hello-secret'];

test.each([
  [
    'node',
    'Unexpected token',
    `SyntaxError: Unexpected token\n    at wrap (${ROOT}/hello/handler.js:3:5)`,
    'hello/handler.js',
    3,
  ],
  ['python', 'boom', `Traceback\n  File "${ROOT}/a.py", line 1, in <module>\n  File "${ROOT}/b.py", line 7`, 'b.py', 7],
  ['php', `Parse error in ${ROOT}/x.php:4`, undefined, 'x.php', 4],
])('P164: a failure to load in %s names the line of the user', (_, message, stack, file, line) => {
  const error = { error: 'handler error', message, ...(stack !== undefined && { stack }) };
  for (const failure of [error, workerFailure('LOAD_FAILED', error)]) {
    expect(describeFailure(failure, SECRETS, ROOT)).toEqual({
      message: message.replace(`${ROOT}/`, ''),
      file,
      line,
    });
  }
});

test('F107: the values of secrets are hidden in the reason', () => {
  const failure = new FastfnError('LOAD_FAILED', 'cannot connect as hello-secret');
  expect(describeFailure(failure, SECRETS, ROOT)).toEqual({ message: 'cannot connect as <hidden>' });
});
