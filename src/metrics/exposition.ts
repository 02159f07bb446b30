import { FAMILIES, type FamilyName, familyOf } from './families.ts';
import type { Registry, Series } from './registry.ts';

export type Format = 'prometheus' | 'openmetrics';

/** Content types of P204. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/**
 * Renders all metrics. Written here because a usual client library takes one observation at a time, which at tens of
 * thousands of requests per second would cost the supervisor more than nginx pays for counting; ours come counted.
 */
export function renderMetrics(registry: Registry, format: Format): string {
  const lines: string[] = [];
  for (const name of Object.keys(FAMILIES) as FamilyName[]) {
    const { type, help, bounds } = familyOf(name);
    const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# HELP ${family} ${help}`, `# TYPE ${family} ${type}`);
    const ends = bounds?.map((bound) => numberText(bound, format));
    for (const series of registry.of(name)) {
      if (ends === undefined) lines.push(`${named(name, series.labels)} ${series.value}`);
      else pushHistogram(lines, name, series, ends);
    }
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function pushHistogram(lines: string[], name: string, { labels, distribution }: Series, ends: readonly string[]): void {
  if (distribution === null) return;
  const head = `${name}_bucket{${labels}${labels === '' ? '' : ','}le="`;
  let cumulated = 0;
  for (const [at, end] of ends.entries()) {
    cumulated += distribution.counts[at] as number;
    lines.push(`${head}${end}"} ${cumulated}`);
  }
  cumulated += distribution.counts[ends.length] as number;
  lines.push(`${head}+Inf"} ${cumulated}`);
  lines.push(`${named(`${name}_sum`, labels)} ${distribution.sum}`, `${named(`${name}_count`, labels)} ${cumulated}`);
}

function named(name: string, labels: string): string {
  return labels === '' ? name : `${name}{${labels}}`;
}

/** OpenMetrics wants the canonical form of a bound, which has a fraction. */
function numberText(value: number, format: Format): string {
  return format === 'openmetrics' && Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The format that an Accept header prefers (RFC 9110 12.5.1); Prometheus' own text where it says nothing. */
export function negotiate(accept: string): Format {
  const ranges = accept.split(',').map(parseRange);
  const weightOf = (type: string) => Math.max(0, ...ranges.filter((range) => range.type === type).map(({ q }) => q));
  const open = weightOf('application/openmetrics-text');
  return open > 0 && open >= weightOf('text/plain') ? 'openmetrics' : 'prometheus';
}

function parseRange(text: string): { readonly type: string; readonly q: number } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0 };
}
