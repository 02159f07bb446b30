import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAMILIES, type FamilyName, familyOf } from '../../src/metrics/families.ts';

const PAGE = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

/** Rows of the tables of metrics: names, type, labels, and what the last column says. */
const ROWS = [
  ...PAGE.matchAll(/^\| (`(?:fastfn|process)_.*?) \| (counter|gauge|histogram) \| (.*?) ?\| (.*?) ?\|$/gm),
].map(([, names = '', type, labels = '', text = '']) => ({
  names: quoted(names),
  type,
  labels: quoted(labels),
  values: quoted(text),
}));

test('P217: docs/metrics.md lists every metric, with its type and labels', () => {
  const documented = ROWS.flatMap(({ names, type, labels }) => names.map((name) => ({ name, type, labels })));
  const existing = (Object.keys(FAMILIES) as FamilyName[]).map((name) => {
    const { type, labels } = familyOf(name);
    return { name, type, labels };
  });
  const byName = (one: { name: string }, other: { name: string }) => one.name.localeCompare(other.name);
  expect(documented.toSorted(byName)).toEqual(existing.toSorted(byName));
});

test.each(ROWS.flatMap(({ names, values }) => names.map((name) => ({ name: name as FamilyName, values }))))(
  'P217: docs/metrics.md names the known label values of $name',
  ({ name, values }) => {
    expect(values).toEqual(expect.arrayContaining([...(familyOf(name).known ?? [])]));
  },
);

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string);
}
