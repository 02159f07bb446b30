import { createInterface } from 'node:readline/promises';
import type { DoctorContext } from '../doctor/check.ts';
import { ALL_CHECKS } from '../doctor/checks/all.ts';
import { installCommand, type Need } from '../doctor/packages.ts';
import type { CheckResult } from '../doctor/report.ts';
import { installSystemPackages } from '../doctor/system-packages.ts';
import { FastfnError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

export interface Repair {
  /** One entry `<id>.fix` per thing that was done or could not be (P287). */
  readonly results: readonly CheckResult[];
  /** Why packages could not be installed. */
  readonly failure?: unknown;
}

/** Repairs what is safe to repair, then installs the packages that checks asked for, if that is agreed to (P287). */
export async function repair(
  context: DoctorContext,
  found: readonly CheckResult[],
  isAgreed: boolean,
  terminal: Terminal,
): Promise<Repair> {
  const repaired = await applyFixes(context);
  const lacking = found.filter(({ needs }) => needs !== undefined && needs.length > 0);
  const needs = [...new Set(lacking.flatMap((result) => result.needs ?? []))];
  if (needs.length === 0) return { results: repaired };
  try {
    if (!isAgreed) await askToInstall(needs, terminal);
    terminal.err.line(`installing ${needs.join(', ')}`);
    const message = `installed ${(await installSystemPackages(needs)).join(' ')}`;
    const installed = lacking.map(({ id }): CheckResult => ({ id: `${id}.fix`, status: 'OK', message }));
    return { results: [...repaired, ...installed] };
  } catch (failure) {
    return { results: repaired, failure };
  }
}

async function applyFixes(context: DoctorContext): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { id, fix } of ALL_CHECKS) {
    if (fix === undefined) continue;
    try {
      const message = await fix(context);
      if (message !== null) results.push({ id: `${id}.fix`, status: 'OK', message });
    } catch (error) {
      results.push({ id: `${id}.fix`, status: 'FAIL', message: (error as Error).message });
    }
  }
  return results;
}

/** Nothing is installed unasked: no terminal to ask at, or no consent, ends with the command to run. */
async function askToInstall(needs: readonly Need[], terminal: Terminal): Promise<void> {
  const command = installCommand(needs);
  const refusal = new FastfnError('PREREQUISITE_MISSING', `not installed: ${needs.join(', ')}`, {
    hint: `Run: ${command}, or add --yes.`,
  });
  if (!terminal.hasTerminalInput || !terminal.err.isTerminal) throw refusal;
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await questions.question(`Run "${command}"? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw refusal;
  } finally {
    questions.close();
  }
}
