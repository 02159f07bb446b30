import { type DoctorMode, MODES } from '../doctor/check.ts';
import { ALL_CHECKS } from '../doctor/checks/all.ts';
import { runChecks } from '../doctor/report.ts';
import { FastfnError } from '../errors.ts';
import { nearest } from '../functions/nearest.ts';
import type { CommandRun } from './commands.ts';
import { createContext } from './doctor-context.ts';
import { doctorDomains, refuseDomainFlags } from './doctor-domains.ts';
import { repair } from './doctor-fix.ts';
import { conclude, printReport } from './doctor-report.ts';
import { reportFailure } from './failure.ts';

/** `fastfn doctor` (P15, P263-P265): a complete report on stdout, what failed on stderr. */
export const doctor: CommandRun = async (invocation, terminal) => {
  const { flags, args } = invocation;
  if (args[0] === 'domains') return doctorDomains(invocation, terminal);
  if (args[0] !== undefined) throw unknownArgument(args[0]);
  refuseDomainFlags(invocation);
  const mode = readMode(flags.mode as string | undefined);
  const before = await createContext(invocation, terminal, mode);
  let results = await runChecks(ALL_CHECKS, before);
  let failure: unknown;
  if (flags.fix) {
    const repaired = await repair(before, results, flags.yes === true, terminal);
    const after = await createContext(invocation, terminal, mode);
    results = [...(await runChecks(ALL_CHECKS, after)), ...repaired.results];
    failure = repaired.failure;
  }
  await printReport('general', results, invocation, terminal);
  if (failure !== undefined) return reportFailure(failure, terminal.err, false);
  return conclude(results, invocation, terminal);
};

function unknownArgument(given: string): FastfnError {
  const suggestion = nearest(given, ['domains']) === undefined ? '' : ' (did you mean "domains"?)';
  return new FastfnError('USAGE', `unknown argument "${given}"${suggestion}`, {
    hint: 'The project is chosen with --cwd; fastfn check takes a folder.',
  });
}

function readMode(given: string | undefined): DoctorMode {
  const mode = MODES.find((known) => known === (given ?? 'auto'));
  if (mode !== undefined) return mode;
  const meant = nearest(given!, MODES);
  throw new FastfnError('USAGE', `--mode: "${given}" is not one of ${MODES.join(', ')}`, {
    hint: meant === undefined ? undefined : `Did you mean --mode ${meant}?`,
  });
}
