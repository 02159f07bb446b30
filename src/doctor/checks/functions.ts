import type { Discovery, DiscoveryProblem } from '../../functions/types.ts';
import { type Check, type Finding, type Status, withProject } from '../check.ts';

/** What discovery makes of the functions folder (P278, P279). */
export const functionChecks: readonly Check[] = [
  { id: 'project.discovery', run: withProject(async ({ discovery }) => judgeDiscovery(await discovery)) },
  { id: 'project.functions', run: withProject(async ({ discovery }) => judgeFunctions(await discovery)) },
];

export function judgeDiscovery({ functions, routes, conflicts, problems }: Discovery): Finding {
  const published = routes.filter(({ source }) => source !== 'alias');
  const counts = `${count(functions.length, 'function')}, ${count(published.length, 'route')}`;
  const skipped = problems.filter(({ kind }) => kind === 'discovery');
  const claims = conflicts.map((conflict): [string, string] => [
    `${conflict.methods.join(',')} ${conflict.path}`,
    `claimed by ${conflict.claims.join(' and ')}, so it answers 409`,
  ]);
  if (claims.length + skipped.length === 0) return { status: 'OK', message: counts };
  const remarks = [
    ...(claims.length === 0 ? [] : [count(claims.length, 'conflict')]),
    ...(skipped.length === 0 ? [] : [count(skipped.length, 'remark')]),
  ];
  return {
    status: worst(skipped),
    message: `${counts}; ${remarks.join(', ')}`,
    hint: claims.length > 0 ? 'Keep one of the files that claim a route.' : skipped.find(({ hint }) => hint)?.hint,
    details: { ...Object.fromEntries(claims), ...describe(skipped) },
  };
}

export function judgeFunctions({ functions, problems }: Discovery): Finding {
  const found = problems.filter(({ kind }) => kind === 'config');
  const reported = new Set(found.map(({ message }) => message));
  const broken = functions.filter(({ configProblem }) => configProblem !== null);
  if (found.length + broken.length === 0) return { status: 'OK', message: 'every function configuration is valid' };
  const unreported = broken.filter(({ configProblem }) => !reported.has(configProblem!));
  const details = {
    ...Object.fromEntries(unreported.map(({ file, configProblem }) => [file, configProblem!])),
    ...describe(found),
  };
  const errors = found.filter(({ severity }) => severity === 'error').length;
  const status = broken.length > 0 ? 'FAIL' : worst(found);
  const message =
    status === 'FAIL'
      ? `${count(errors || unreported.length, 'error')} in the configuration of functions`
      : `${count(found.length, 'remark')} on the configuration of functions`;
  return { status, message, hint: found.find(({ hint }) => hint)?.hint, details };
}

function worst(problems: readonly DiscoveryProblem[]): Status {
  return problems.some(({ severity }) => severity === 'error') ? 'FAIL' : 'WARN';
}

/** Problems by path; several of one file share its entry. */
function describe(problems: readonly DiscoveryProblem[]): Record<string, string> {
  const byPath: Record<string, string> = {};
  for (const { path, message } of problems)
    byPath[path] = byPath[path] === undefined ? message : `${byPath[path]}; ${message}`;
  return byPath;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
