import { connectEngine } from '../docker/engine.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { isMissing, type NativePrerequisites } from '../doctor/types.ts';
import { judgeNative, lacksSomething } from '../doctor/verdict.ts';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';

/**
 * For what one mode lacks: throws it on, with a hint at the other mode when that would work here (P28, P40, P52).
 */
export function nameOtherMode(config: ProjectConfig, env: NodeJS.ProcessEnv): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!(error instanceof FastfnError)) throw error;
    const works = config.mode === 'docker' ? await worksNatively(config, env) : await worksInDocker(env);
    if (!works) throw error;
    const { command } = config;
    const other =
      config.mode === 'docker'
        ? `"fastfn ${command} --native" works here: it uses nginx and the languages of this machine.`
        : `"fastfn ${command}" works here: it uses Docker.`;
    const hint = error.hint === undefined ? other : `${error.hint}\n${other}`;
    throw new FastfnError(error.code, error.message, { hint, cause: error });
  };
}

async function worksNatively(config: ProjectConfig, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await requireNative(config, await findNativePrerequisites(config, config.runtimes, { env }));
    return true;
  } catch {
    return false; // why is not what was asked for
  }
}

/** A daemon of this machine answers at once. */
async function worksInDocker(env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    const { isRemote } = await connectEngine(env, 1000);
    return !isRemote;
  } catch {
    return false;
  }
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
