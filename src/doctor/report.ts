import type { Check, DoctorContext, Finding } from './check.ts';
import { projectChecks } from './checks/project.ts';
import { runtimeChecks } from './checks/runtimes.ts';
import { systemChecks } from './checks/system.ts';

/** Every check of `fastfn doctor`, in the order of the report. */
export const CHECKS: readonly Check[] = [...systemChecks, ...runtimeChecks, ...projectChecks];

export interface CheckResult extends Finding {
  readonly id: string;
}

/** Runs all checks at once; one that throws has failed. */
export function runChecks(context: DoctorContext): Promise<CheckResult[]> {
  return Promise.all(
    CHECKS.map(async (check): Promise<CheckResult> => {
      try {
        return { id: check.id, ...(await check.run(context)) };
      } catch (error) {
        return { id: check.id, status: 'FAIL', message: (error as Error).message };
      }
    }),
  );
}

interface Summary {
  readonly ok: number;
  readonly warn: number;
  readonly fail: number;
}

/** The JSON form of P263. */
export function asJson(results: readonly CheckResult[], version: string, generatedAt: Date): string {
  const checks = results.map(({ id, status, message, hint, details }) => ({ id, status, message, hint, details }));
  return JSON.stringify(
    { scope: 'general', generated_at: generatedAt.toISOString(), version, checks, summary: summarize(results) },
    null,
    2,
  );
}

/** The text form of P264. */
export function asText(results: readonly CheckResult[]): string {
  const { ok, warn, fail } = summarize(results);
  return [
    'FastFN Doctor (general)',
    ...results.flatMap(describeResult),
    `Summary: OK=${ok} WARN=${warn} FAIL=${fail}`,
  ].join('\n');
}

export function summarize(results: readonly CheckResult[]): Summary {
  const count = (status: Finding['status']) => results.filter((result) => result.status === status).length;
  return { ok: count('OK'), warn: count('WARN'), fail: count('FAIL') };
}

function describeResult({ id, status, message, hint, details }: CheckResult): string[] {
  return [
    `[${status}] ${id}: ${message}`,
    ...(hint === undefined ? [] : [`  hint: ${hint}`]),
    ...Object.entries(details ?? {}).map(([name, value]) => `  ${name}: ${value}`),
  ];
}
