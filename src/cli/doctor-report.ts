import { asJson, asText, type CheckResult, type Scope } from '../doctor/report.ts';
import { ExitCode } from '../errors.ts';
import { version } from '../version.ts';
import { wantsColour } from './output.ts';
import type { Invocation, Terminal } from './terminal.ts';
import type { Style } from './view.ts';

const STYLES = { OK: 'good', WARN: 'warning', FAIL: 'bad' } as const satisfies Record<CheckResult['status'], Style>;

/** The whole report on standard output (P263, P264). */
export async function printReport(
  scope: Scope,
  results: readonly CheckResult[],
  { flags }: Invocation,
  { out, env }: Terminal,
): Promise<void> {
  if (flags.json) {
    out.text(`${asJson(scope, results, version, new Date())}\n`);
    return;
  }
  if (!wantsColour(out, env)) {
    out.text(`${asText(scope, results)}\n`);
    return;
  }
  const { paint } = await import('./paint.ts');
  out.text(`${asText(scope, results, (status, text) => paint(STYLES[status], text))}\n`);
}

/** What failed, on standard error; with `--strict` warnings too. */
export function conclude(results: readonly CheckResult[], { flags }: Invocation, { err }: Terminal): ExitCode {
  const failed = results.filter(({ status }) => status === 'FAIL' || (flags.strict === true && status === 'WARN'));
  for (const { domain, id, message, hint } of failed) {
    err.line(`error: ${domain === undefined ? '' : `[${domain}] `}${id}: ${message}`);
    if (hint !== undefined) err.line(`hint: ${hint}`);
  }
  return failed.length > 0 ? ExitCode.failure : ExitCode.ok;
}
