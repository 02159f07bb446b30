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
    ...(skipped.length === 0 ? [] : [firstOf(skipped)]),
  ];
  return {
    status: skipped.length === 0 ? 'WARN' : worst(skipped),
    message: `${counts}; ${remarks.join('; ')}`,
    hint: claims.length > 0 ? 'Keep one of the files that claim a route.' : leading(skipped).hint,
    details: { ...Object.fromEntries(claims), ...describe(skipped) },
  };
}

export function judgeFunctions({ functions, problems }: Discovery): Finding {
  const reported = problems.filter(({ kind }) => kind === 'config');
  const told = new Set(reported.flatMap(({ path, message }) => [message, `${path}: ${message}`]));
  const untold = functions.filter(({ configProblem }) => configProblem !== null && !told.has(configProblem));
  const found: DiscoveryProblem[] = [
    ...reported,
    ...untold.map(({ file, configProblem }) => ({
      severity: 'error' as const,
      kind: 'config' as const,
      path: file,
      message: configProblem!,
    })),
  ];
  if (found.length === 0) return { status: 'OK', message: 'every function configuration is valid' };
  return {
    status: worst(found),
    message: firstOf(found),
    hint: leading(found).hint,
    details: describe(found),
  };
}

/** The problem to tell first: an error before warnings. */
function leading(problems: readonly DiscoveryProblem[]): DiscoveryProblem {
  return problems.find(({ severity }) => severity === 'error') ?? problems[0]!;
}

/** The leading problem in words, and how many there are besides. */
function firstOf(problems: readonly DiscoveryProblem[]): string {
  const { path, message } = leading(problems);
  return problems.length === 1 ? `${path}: ${message}` : `${path}: ${message} (and ${problems.length - 1} more)`;
}

function worst(problems: readonly DiscoveryProblem[]): Status {
  return problems.some(({ severity }) => severity === 'error') ? 'FAIL' : 'WARN';
}

/** Problems by path; several of one file share its entry. */
function describe(problems: readonly DiscoveryProblem[]): Record<string, string> {
  const byPath: Record<string, string> = {};
  for (const { path, message, hint } of problems) {
    const text = hint === undefined ? message : `${message} (${hint})`;
    byPath[path] = byPath[path] === undefined ? text : `${byPath[path]}; ${text}`;
  }
  return byPath;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
