import type { TestCase } from './events.ts';

/** What became of a test event. */
export interface TestResult {
  readonly test: TestCase;
  readonly ms: number;
  /** In what the answer was not as expected; empty: it passed. */
  readonly failures: readonly string[];
  /** What the handler printed. */
  readonly output: string;
}

export const REPORTS = { text: asText, json: asJson, junit: asJunit } as const;
export type ReportFormat = keyof typeof REPORTS;

export function countFailed(results: readonly TestResult[]): number {
  return results.filter(({ failures }) => failures.length > 0).length;
}

function asText(results: readonly TestResult[]): string {
  const lines = results.flatMap(({ test, ms, failures, output }) => [
    `${failures.length === 0 ? 'ok    ' : 'FAILED'}  ${test.file}: ${test.name} (${Math.round(ms)}ms)`,
    ...failures.map((failure) => `        ${failure}`),
    ...(failures.length === 0 ? [] : indent(output)),
  ]);
  const failed = countFailed(results);
  return [...lines, `${results.length - failed} passed, ${failed} failed`].join('\n');
}

function indent(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `        | ${line}`);
}

function asJson(results: readonly TestResult[]): string {
  const failed = countFailed(results);
  const tests = results.map(({ test, ms, failures, output }) => ({
    name: test.name,
    file: test.file,
    function: test.functionKey,
    status: failures.length === 0 ? 'passed' : 'failed',
    ms: Math.round(ms * 10) / 10,
    failures,
    output,
  }));
  return JSON.stringify({ passed: results.length - failed, failed, tests }, null, 2);
}

/** The XML that build servers read; a suite per file. */
function asJunit(results: readonly TestResult[]): string {
  const suites = new Map<string, TestResult[]>();
  for (const result of results) suites.set(result.test.file, [...(suites.get(result.test.file) ?? []), result]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${results.length}" failures="${countFailed(results)}" time="${seconds(results)}">`,
    ...[...suites].flatMap(([file, members]) => [
      `  <testsuite name="${xml(file)}" tests="${members.length}" failures="${countFailed(members)}" time="${seconds(members)}">`,
      ...members.flatMap(asJunitCase),
      '  </testsuite>',
    ]),
    '</testsuites>',
  ].join('\n');
}

function asJunitCase(result: TestResult): string[] {
  const { test, failures, output } = result;
  const head = `    <testcase classname="${xml(test.file)}" name="${xml(test.name)}" time="${seconds([result])}"`;
  if (failures.length === 0) return [`${head}/>`];
  return [
    `${head}>`,
    `      <failure message="${xml(failures[0]!)}">${xml(failures.join('\n'))}</failure>`,
    ...(output === '' ? [] : [`      <system-out>${xml(output)}</system-out>`]),
    '    </testcase>',
  ];
}

function seconds(results: readonly TestResult[]): string {
  return (results.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Control characters, which XML 1.0 cannot hold, are left out. */
function xml(text: string): string {
  return text.replaceAll(/(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu, '').replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign]!);
}
