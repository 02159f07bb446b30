import { expect, test } from 'vitest';
import { Backoff } from '../../src/workers/backoff.ts';

function clock() {
  let now = 0;
  const backoff = new Backoff(() => now);
  return {
    backoff,
    pass: (ms: number) => {
      now += ms;
    },
    fail: (times: number) => {
      for (let i = 0; i < times; i++) backoff.failed();
    },
  };
}

test('P100: two failures in a row are tried again at once, the third waits 0.25 s', () => {
  const { backoff, fail } = clock();
  fail(2);
  expect(backoff.waitMs).toBe(0);
  fail(1);
  expect(backoff.waitMs).toBe(250);
});

test('P100: the wait doubles with each failure and ends at 8 s', () => {
  const { backoff, fail } = clock();
  fail(2);
  const waits = Array.from({ length: 8 }, () => {
    fail(1);
    return backoff.waitMs;
  });
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test('P100: the next try is due when the wait has passed', () => {
  const { backoff, fail, pass } = clock();
  fail(3);
  pass(249);
  expect(backoff.waitMs).toBe(1);
  pass(1);
  expect(backoff.waitMs).toBe(0);
});

test('P100: a success ends a row that has not come to waiting', () => {
  const { backoff, fail } = clock();
  fail(2);
  backoff.succeeded();
  fail(2);
  expect(backoff.waitMs).toBe(0);
});

test('P100: once it waits, less than 60 s of health change nothing', () => {
  const { backoff, fail, pass } = clock();
  fail(3);
  pass(250);
  backoff.succeeded();
  pass(59_999);
  fail(1);
  expect(backoff.waitMs).toBe(500);
});

test('P100: 60 s of health begin a new count', () => {
  const { backoff, fail, pass } = clock();
  fail(5);
  pass(8_000);
  backoff.succeeded();
  pass(30_000);
  backoff.succeeded();
  pass(30_000);
  fail(2);
  expect(backoff.waitMs).toBe(0);
});
