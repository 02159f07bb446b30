import { isMissing, type NativePrerequisites } from '../doctor/types.ts';
import { judgeNative, lacksSomething } from '../doctor/verdict.ts';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';

/** Docker mode is a later version's; one sentence says what works instead (P28, P40). */
export function refuseDockerMode(command: string, { nginx }: NativePrerequisites): never {
  const here = `"fastfn ${command} --native"`;
  const alternative = isMissing(nginx)
    ? `${here} is, but needs nginx with Lua: ${nginx.problem}`
    : `use ${here}, which works here`;
  const hint = isMissing(nginx) ? nginx.hint : undefined;
  throw new FastfnError('PREREQUISITE_MISSING', `Docker mode is not available in this version; ${alternative}`, {
    hint,
  });
}

/**
 * Refuses to start without what native mode needs (P40, P41), all problems together; returns what is only worth a
 * warning. The functions are looked at only when something is missing: that decides whether it matters.
 */
export async function requireNative(config: ProjectConfig, prerequisites: NativePrerequisites): Promise<StackEvent[]> {
  if (!lacksSomething(prerequisites)) return [];
  const { readFunctions } = await import('../functions/discovery.ts');
  const { functions } = await readFunctions(config);
  const { problems, warnings } = judgeNative(config, prerequisites, functions);
  if (problems.length > 0) {
    const code = problems.some(({ configured }) => configured) ? 'BINARY_UNUSABLE' : 'PREREQUISITE_MISSING';
    const lines = (texts: readonly string[]) => [...new Set(texts)].join('\n');
    throw new FastfnError(code, lines(problems.map(({ problem }) => problem)), {
      hint: lines(problems.map(({ hint }) => hint)),
    });
  }
  return warnings.map(({ problem, hint }) => ({
    type: 'problem',
    severity: 'warning',
    path: '',
    message: problem,
    hint,
  }));
}

/** What was found, in one line. */
export function describePrerequisites({ nginx, node, python, php }: NativePrerequisites): string {
  const programs = Object.entries({ node, python, php }).flatMap(([name, program]) =>
    program === null || isMissing(program) ? [] : [`${name} ${program.version}`],
  );
  const gateway = isMissing(nginx) ? [] : [`nginx ${nginx.version} with Lua`];
  return [...gateway, ...programs].join(', ');
}
