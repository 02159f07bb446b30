import { createInterface } from 'node:readline/promises';
import type { DoctorContext } from '../doctor/check.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { installCommand, type Need } from '../doctor/packages.ts';
import { asJson, asText, CHECKS, type CheckResult, runChecks, summarize } from '../doctor/report.ts';
import { installSystemPackages } from '../doctor/system-packages.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import { readConfigFile } from '../project/config-file.ts';
import { version } from '../version.ts';
import type { CommandRun } from './commands.ts';
import { reportFailure } from './failure.ts';
import { loadInvokedProject, workingDirectory } from './load-project.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** `fastfn doctor` (P15, P263-P265): a complete report on stdout, what failed on stderr. */
export const doctor: CommandRun = async (invocation, terminal) => {
  const { flags } = invocation;
  const before = await createContext(invocation, terminal);
  let results = await runChecks(before);
  let failure: unknown;
  if (flags.fix) {
    const repair = await fix(before, results, flags.yes === true, terminal);
    results = [...(await runChecks(await createContext(invocation, terminal))), ...repair.results];
    failure = repair.failure;
  }
  terminal.out.text(`${flags.json ? asJson(results, version, new Date()) : asText(results)}\n`);
  if (failure !== undefined) return reportFailure(failure, terminal.err, false);
  return conclude(results, flags.strict === true, terminal);
};

async function createContext(invocation: Invocation, terminal: Terminal): Promise<DoctorContext> {
  const cwd = await workingDirectory(invocation.flags.cwd as string | undefined, terminal.cwd);
  const file = await readConfigFile(cwd, invocation.flags.config as string | undefined).catch(() => null);
  const configFile = file?.path ?? null;
  try {
    const native = { ...invocation, settings: { ...invocation.settings, native: true } };
    const config = await loadInvokedProject('dev', native, terminal);
    const prerequisites = findNativePrerequisites(config, config.runtimes, { env: terminal.env, isFresh: true });
    const discovery = readFunctions(config);
    discovery.catch(() => undefined); // each check that needs it reports the failure
    return { cwd, configFile, configError: null, project: { config, prerequisites, discovery } };
  } catch (error) {
    if (!(error instanceof FastfnError)) throw error;
    return { cwd, configFile, configError: error, project: null };
  }
}

interface Repair {
  /** One entry `<id>.fix` per thing that was done (P287). */
  readonly results: CheckResult[];
  /** Why something could not be done. */
  readonly failure?: unknown;
}

async function fix(
  context: DoctorContext,
  found: readonly CheckResult[],
  isAgreed: boolean,
  terminal: Terminal,
): Promise<Repair> {
  const results: CheckResult[] = [];
  for (const check of CHECKS) {
    const message = (await check.fix?.(context)) ?? null;
    if (message !== null) results.push({ id: `${check.id}.fix`, status: 'OK', message });
  }
  const lacking = found.filter(({ needs }) => needs !== undefined && needs.length > 0);
  const needs = [...new Set(lacking.flatMap((result) => result.needs ?? []))];
  if (needs.length === 0) return { results };
  try {
    if (!isAgreed) await askToInstall(needs, terminal);
    terminal.err.line(`installing ${needs.join(', ')}`);
    const packages = await installSystemPackages(needs);
    const message = `installed ${packages.join(' ')}`;
    return {
      results: [...results, ...lacking.map(({ id }): CheckResult => ({ id: `${id}.fix`, status: 'OK', message }))],
    };
  } catch (failure) {
    return { results, failure };
  }
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

function conclude(results: readonly CheckResult[], isStrict: boolean, terminal: Terminal): ExitCode {
  const failed = results.filter(({ status }) => status === 'FAIL' || (isStrict && status === 'WARN'));
  for (const { id, message, hint } of failed) {
    terminal.err.line(`error: ${id}: ${message}`);
    if (hint !== undefined) terminal.err.line(`hint: ${hint}`);
  }
  return summarize(results).fail > 0 || failed.length > 0 ? ExitCode.failure : ExitCode.ok;
}
