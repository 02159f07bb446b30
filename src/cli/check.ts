import type { DoctorContext } from '../doctor/check.ts';
import { projectChecks } from '../doctor/checks/project.ts';
import { type CheckResult, runChecks } from '../doctor/report.ts';
import { ExitCode } from '../errors.ts';
import type { CommandRun } from './commands.ts';
import { createContext } from './doctor-context.ts';
import { doctorDomains, refuseDomainFlags } from './doctor-domains.ts';
import { conclude, printReport } from './doctor-report.ts';

/** `fastfn check [dir]` (P17): what the files of a project say, without network, daemon or another process. */
export const check: CommandRun = async (invocation, terminal) => {
  if (invocation.args[0] === 'domains') return doctorDomains(invocation, terminal);
  refuseDomainFlags(invocation);
  const context = await createContext(invocation, terminal, null);
  const results = await runChecks(projectChecks, context);
  await printReport('project', results, invocation, terminal);
  const concluded = conclude(results, invocation, terminal);
  if (isUnusable(context, results)) return ExitCode.usage;
  if (concluded !== ExitCode.ok || !(await hasConflicts(context))) return concluded;
  terminal.err.line('error: project.discovery: files claim the same route');
  return ExitCode.failure; // P5
};

/** Bad configuration, of the platform or of a function (P6, F117). */
function isUnusable({ configError }: DoctorContext, results: readonly CheckResult[]): boolean {
  return configError !== null || results.some(({ id, status }) => id === 'project.functions' && status === 'FAIL');
}

async function hasConflicts({ project }: DoctorContext): Promise<boolean> {
  return project !== null && (await project.discovery).conflicts.length > 0;
}
