import { expect, test } from 'vitest';
import { nearest } from '../../src/functions/nearest.ts';

const KEYS = ['timeout_ms', 'max_concurrency', 'max_body_bytes', 'auth', 'cors', 'edge', 'invoke', 'functions-dir'];

test.each([
  ['timeut_ms', 'timeout_ms'],
  ['timeoutMs', 'timeout_ms'],
  ['TIMEOUT-MS', 'timeout_ms'],
  ['max_concurency', 'max_concurrency'],
  ['atuh', 'auth'],
  ['function-dir', 'functions-dir'],
])('F118, P37: %s is offered %s', (word, offered) => expect(nearest(word, KEYS)).toBe(offered));

test.each([
  ['', undefined],
  ['x', undefined],
  ['schedule', undefined],
  ['ab', undefined],
])('F118: %j has no near name, so none is offered', (word, offered) => expect(nearest(word, KEYS)).toBe(offered));

test('F118: the bound given by the caller is kept', () => {
  expect(nearest('auhtt', ['auth'], 2)).toBe('auth');
  expect(nearest('auhtt', ['auth'], 1)).toBeUndefined();
});

test('F118: of two names at the same distance the first is offered', () => {
  expect(nearest('car', ['cat', 'bar'])).toBe('cat');
  expect(nearest('car', ['bar', 'cat'])).toBe('bar');
});
