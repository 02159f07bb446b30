import { expect, test } from 'vitest';
// @ts-expect-error: the benchmark is plain JavaScript
import { descendants, parseStat, ticksBetween } from '../../bench/lib/process-tree.mjs';
// @ts-expect-error: the benchmark is plain JavaScript
import { median, pairedRatio, quantile } from '../../bench/lib/statistics.mjs';
// @ts-expect-error: the benchmark is plain JavaScript
import { parseWrk } from '../../bench/lib/wrk.mjs';

test.each([
  [[3], 0.95, 3],
  [[4, 1, 3, 2], 0.5, 2.5],
  [[1, 2, 3, 4, 5], 0, 1],
  [[1, 2, 3, 4, 5], 0.95, 4.8],
])('the quantile of %j at %d is %d', (values, fraction, expected) => {
  expect(quantile(values, fraction)).toBeCloseTo(expected);
});

test('two sides are compared round by round, so that a machine that changes its pace changes no ratio', () => {
  const product = [90, 900, 95];
  const baseline = [100, 1000, 100];
  expect(pairedRatio(product, baseline)).toBe(0.9);
  expect(median(product) / median(baseline)).toBe(0.95);
  expect(() => pairedRatio([1], [1, 2])).toThrow('do not pair up');
});

test('the CPU time of a tree is that of its processes, new ones included', () => {
  const parents = new Map([
    [10, 1],
    [11, 10],
    [13, 12],
    [12, 11],
    [20, 1],
  ]);
  expect([...descendants([10], parents)].sort()).toEqual([10, 11, 12, 13]);
  const before = new Map([
    [10, 5],
    [11, 7],
  ]);
  const after = new Map([
    [10, 8],
    [12, 4],
  ]);
  expect(ticksBetween(before, after)).toBe(7);
});

test('a process name with blanks and parentheses does not shift the fields of its stat', () => {
  const fields = ['S', '41', ...Array(9).fill('0'), '120', '30', '0'];
  expect(parseStat(`42 (nginx: (x) y) ${fields.join(' ')}`)).toEqual({ parent: 41, ticks: 150 });
});

const REPORT = `Running 2s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   700.00us  200.00us   9.00ms   90.00%
  Latency Distribution
     50%  650.00us
     99%    1.50ms
  46000 requests in 2.00s, 8.00MB read
Requests/sec:  23000.50
Transfer/sec:      4.00MB
`;

test('a report of wrk is read with its units', () => {
  expect(parseWrk(REPORT)).toEqual({ requests: 46_000, perSecond: 23_000.5, p99Ms: 1.5, errors: 0 });
});

test('requests that failed are counted, whatever way they failed', () => {
  const failing = REPORT.replace('99%    1.50ms', '99%  850.00us').replace(
    'Requests/sec',
    '  Socket errors: connect 0, read 3, write 0, timeout 2\n  Non-2xx or 3xx responses: 7\nRequests/sec',
  );
  expect(parseWrk(failing)).toMatchObject({ p99Ms: 0.85, errors: 12 });
});

test('a wrk that could not connect is an error with its words', () => {
  expect(() => parseWrk('unable to connect to 127.0.0.1:1')).toThrow('unable to connect');
});
