import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GatewayCounts, RequestCounts } from '../../src/gateway/counts.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';
import { percentile } from '../../src/metrics/percentile.ts';
import { Samples } from '../stack/exposition.ts';

const MINUTE_MS = 60_000;
const NOON = Date.UTC(2026, 0, 1, 12);
const HELLO = 'node/hello.js@default';

/** Metrics of a stack that stands still, at a time that the test moves. */
function metricsAt(clock: { now: number }): Metrics {
  return createMetrics(
    {
      pool: { stats: () => ({ workers: [], starts: {}, exits: {} }) },
      gateway: { version: 3, flushed: async () => {}, load: async () => null },
      discovery: () => ({ functions: [], routes: [], conflicts: [], problems: [] }),
    },
    () => clock.now,
  );
}

function requests(answers: Record<string, number>, durations: Record<string, number> = {}, ms = 0): RequestCounts {
  return { ms, received: 10, sent: 20, durations, answers };
}

function counts(functions: Record<string, RequestCounts>): GatewayCounts {
  return { functions, rejected: {}, auth_failures: {}, cold_starts: 0 };
}

async function samples(metrics: Metrics): Promise<Samples> {
  return new Samples((await metrics.render('')).text);
}

describe('the text', () => {
  test('P217: each metric has its help and type once, before its samples', async () => {
    const metrics = metricsAt({ now: NOON });
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 1 }, { 5: 1 }) }));
    const { text } = await metrics.render('');
    const seen = new Set<string>();
    let family = '';
    for (const line of text.trimEnd().split('\n')) {
      const [, declared] = /^# HELP (\S+) \S.*\.$/.exec(line) ?? [];
      if (declared !== undefined) {
        expect(seen).not.toContain(declared);
        seen.add(declared);
        family = declared;
      } else if (line.startsWith('# TYPE')) expect(line).toMatch(`# TYPE ${family} `);
      else expect(line.replace(/_(?:bucket|sum|count)\b/, '').split(/[{ ]/)[0]).toBe(family.replace(/_(?:count)$/, ''));
    }
    expect(seen.size).toBeGreaterThan(30);
  });

  test('P217: a histogram is cumulative, and ends with all requests', async () => {
    const metrics = metricsAt({ now: NOON });
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 6 }, { 1: 1, 5: 2, slower: 3 }, 40_000) }));
    const { text } = await metrics.render('');
    const name = 'fastfn_http_request_duration_seconds';
    const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(HELLO));
    expect(lines).toHaveLength(16);
    const bucket = (end: string, value: number) => `${name}_bucket{function="${HELLO}",le="${end}"} ${value}`;
    expect(lines).toContain(bucket('0.001', 1));
    expect(lines).toContain(bucket('0.002', 1));
    expect(lines).toContain(bucket('0.005', 3));
    expect(lines).toContain(bucket('10', 3));
    expect(lines.slice(-3)).toEqual([
      bucket('+Inf', 6),
      `${name}_sum{function="${HELLO}"} 40`,
      `${name}_count{function="${HELLO}"} 6`,
    ]);
  });

  test('P217: label values are escaped', async () => {
    const metrics = metricsAt({ now: NOON });
    metrics.count('fastfn_schedule_runs_total', { result: 'a "b"\\\n' });
    expect((await samples(metrics)).value('fastfn_schedule_runs_total{result="a \\"b\\"\\\\\\n"}')).toBe(1);
  });

  test('P204: OpenMetrics names counters without _total, writes bounds as fractions and ends with EOF', async () => {
    const metrics = metricsAt({ now: NOON });
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 1 }, { 1000: 1 }) }));
    const { text } = await metrics.render('application/openmetrics-text');
    expect(text).toContain('# TYPE fastfn_http_requests counter\n');
    expect(text).toContain(`fastfn_http_requests_total{function="${HELLO}",`);
    expect(text).toContain('le="1.0"} 1\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
  });

  test.each([
    ['', 'text/plain; version=0.0.4; charset=utf-8'],
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
    ['application/openmetrics-text;version=1.0.0;q=0.3, text/plain;q=0.9', 'text/plain; version=0.0.4; charset=utf-8'],
    [
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ],
    ['application/openmetrics-text;q=0', 'text/plain; version=0.0.4; charset=utf-8'],
  ])('P204: Accept "%s" gets %s', async (accept, contentType) => {
    expect((await metricsAt({ now: NOON }).render(accept)).contentType).toBe(contentType);
  });
});

describe('labels', () => {
  test('P217: functions beyond a thousand share the label _other; the first keep theirs', async () => {
    const metrics = metricsAt({ now: NOON });
    const key = (index: number) => `lua/f${index}.lua@default`;
    for (let index = 0; index < 1200; index += 1) {
      metrics.addCounts(counts({ [key(index)]: requests({ 'GET 200': 1 }) }));
    }
    metrics.addCounts(counts({ [key(0)]: requests({ 'GET 200': 1 }), '': requests({ 'GET 404': 1 }) }));
    const found = await samples(metrics);
    expect(found.requests(key(0), 'GET', 200)).toBe(2);
    expect(found.requests(key(999), 'GET', 200)).toBe(1);
    expect(found.requests(key(1000), 'GET', 200)).toBe(0);
    const other = 'function="_other",runtime="lua",method="GET",code="200"';
    expect(found.value(`fastfn_http_requests_total{${other}}`)).toBe(200);
    expect(found.requests('', 'GET', 404)).toBe(1);
  });

  const delta = fc.record({
    functions: fc.dictionary(
      fc.constantFrom('', HELLO, 'python/b@v1', 'php/c.php@default'),
      fc.record({
        ms: fc.nat(100_000),
        received: fc.nat(1e6),
        sent: fc.nat(1e6),
        durations: fc.dictionary(fc.constantFrom('1', '2', '50', '10000', '7', 'slower'), fc.nat(1000)),
        answers: fc.dictionary(fc.constantFrom('GET 200', 'POST 500', 'OTHER 404'), fc.nat(1000)),
      }),
    ),
    rejected: fc.dictionary(fc.constantFrom('overflow', 'rate_limit'), fc.nat(100)),
    auth_failures: fc.dictionary(fc.constantFrom('missing', 'invalid'), fc.nat(100)),
    cold_starts: fc.nat(100),
  });

  test('P217: whatever is reported, counters only grow, and sum up what was reported', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(delta, { maxLength: 8 }), async (deltas) => {
        const metrics = metricsAt({ now: NOON });
        let former = new Map<string, number>();
        for (const added of deltas) {
          metrics.addCounts(added);
          const { text } = await metrics.render('');
          const counters = new Samples(text.replace(/^.*(?:process_|# ).*$/gm, '')).entries;
          for (const [key, value] of former) expect(counters.get(key)).toBeGreaterThanOrEqual(value);
          former = counters;
        }
        const reported = deltas.flatMap(({ functions }) => Object.values(functions).map(({ sent }) => sent));
        const total = reported.reduce((sum, sent) => sum + sent, 0);
        expect(former.get('fastfn_http_response_bytes_total') ?? 0).toBe(total);
      }),
      { numRuns: 50 },
    );
  });
});

describe('P203: the dashboard', () => {
  test('counts requests, errors and latencies of the window, and forgets what is older', async () => {
    const clock = { now: NOON };
    const metrics = metricsAt(clock);
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 8, 'GET 500': 2 }, { 10: 10 }, 80) }));
    clock.now += 90 * MINUTE_MS;
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 5 }, { 100: 5 }, 300), '': requests({ 'GET 404': 1 }) }));
    const hour = await metrics.dashboard('1h');
    expect(hour).toMatchObject({ requests_24h: 6, errors_24h: 0, avg_latency_ms: 50 });
    expect(hour.invocations_chart.data.at(-1)).toBe(6);
    const day = await metrics.dashboard('24h', HELLO);
    expect(day).toMatchObject({ requests_24h: 15, errors_24h: 2 });
    expect(day.avg_latency_ms).toBeCloseTo(25.3);
    expect(day.p95_latency_ms).toBeGreaterThan(50);
    expect(day.by_function).toMatchObject([{ key: HELLO, requests: 15, errors: 2 }]);
    expect(day.errors_chart.data.reduce((sum, count) => sum + count, 0)).toBe(2);
    clock.now += 24 * 60 * MINUTE_MS;
    expect(await metrics.dashboard('24h')).toMatchObject({ requests_24h: 0, p95_latency_ms: 0, by_function: [] });
  });

  test('labels of a chart are the times when its steps began, the last one now', async () => {
    const { invocations_chart: chart } = await metricsAt({ now: NOON + 59_999 }).dashboard('1h');
    expect([chart.labels.length, chart.data.length]).toEqual([60, 60]);
    expect(chart.labels.at(-1)).toBe('2026-01-01T12:00:00.000Z');
    expect(chart.labels[0]).toBe('2026-01-01T11:01:00.000Z');
  });

  test('a clock that is set back loses nothing', async () => {
    const clock = { now: NOON };
    const metrics = metricsAt(clock);
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 1 }) }));
    clock.now -= 10 * MINUTE_MS;
    metrics.addCounts(counts({ [HELLO]: requests({ 'GET 200': 1 }) }));
    expect((await metrics.dashboard('1h')).requests_24h).toBe(2);
  });
});

test.each([
  [[0, 0, 0], 0.95, 0],
  [[100, 0, 0], 0.5, 5],
  [[50, 50, 0], 0.95, 19],
  [[0, 0, 7], 0.95, 20],
])('P203: of %j the share %d lies below %d', (classes, share, value) => {
  expect(percentile(classes, [10, 20], share)).toBeCloseTo(value);
});
