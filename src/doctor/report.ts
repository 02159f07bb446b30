import type { Check, DoctorContext, Finding } from './check.ts';

/** P265 allows 15 s in all. */
const CHECK_LIMIT_MS = 13_000;

/** What was looked at: the machine and the project, the project alone, or public names. */
export type Scope = 'general' | 'project' | 'domains';

export interface CheckResult extends Finding {
  readonly id: string;
  /** The name that was checked, in the scope `domains`. */
  readonly domain?: string;
}

/** Runs all checks at once; one that throws or does not come to an end has failed. */
export function runChecks(checks: readonly Check[], context: DoctorContext): Promise<CheckResult[]> {
  return Promise.all(checks.map(async (check) => ({ id: check.id, ...(await runCheck(check, context)) })));
}

async function runCheck(check: Check, context: DoctorContext): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<Finding>((resolve) => {
    const message = `not finished within ${CHECK_LIMIT_MS / 1000} s`;
    timer = setTimeout(() => resolve({ status: 'FAIL', message }), CHECK_LIMIT_MS);
  });
  try {
    return await Promise.race([check.run(context), overdue]);
  } catch (error) {
    return { status: 'FAIL', message: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

interface Summary {
  readonly ok: number;
  readonly warn: number;
  readonly fail: number;
}

/** The JSON form of P263; docs/reference/doctor.schema.json describes it. */
export function asJson(scope: Scope, results: readonly CheckResult[], version: string, generatedAt: Date): string {
  const checks = results.map(({ domain, id, status, message, hint, details }) => ({
    domain,
    id,
    status,
    message,
    hint,
    details,
  }));
  return JSON.stringify(
    { scope, generated_at: generatedAt.toISOString(), version, checks, summary: summarize(results) },
    null,
    2,
  );
}

/** Colours a status; plain text returns it as it is. */
export type PaintStatus = (status: Finding['status'], text: string) => string;

/** The text form of P264. */
export function asText(
  scope: Scope,
  results: readonly CheckResult[],
  paint: PaintStatus = (_status, text) => text,
): string {
  const { ok, warn, fail } = summarize(results);
  return [
    `FastFN Doctor (${scope})`,
    ...results.flatMap((result) => describeResult(result, paint)),
    `Summary: OK=${ok} WARN=${warn} FAIL=${fail}`,
  ].join('\n');
}

export function summarize(results: readonly CheckResult[]): Summary {
  const count = (status: Finding['status']) => results.filter((result) => result.status === status).length;
  return { ok: count('OK'), warn: count('WARN'), fail: count('FAIL') };
}

function describeResult({ domain, id, status, message, hint, details }: CheckResult, paint: PaintStatus): string[] {
  const place = domain === undefined ? '' : ` [${domain}]`;
  const facts = Object.entries(details ?? {}).filter(([name]) => name !== 'skipped'); // the message says it
  return [
    `${paint(status, `[${status}]`)}${place} ${id}: ${oneLine(message)}`,
    ...(hint === undefined ? [] : [`  hint: ${oneLine(hint)}`]),
    ...facts.map(([name, value]) => `  ${oneLine(name)}: ${oneLine(value)}`),
  ];
}

/** File names and other programs' words must neither break lines nor steer the terminal. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\p{Cc}/gu, '?');
}
