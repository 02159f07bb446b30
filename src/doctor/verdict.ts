import type { FunctionDefinition, ProcessRuntime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import { isMissing, type MissingProgram, type NativePrerequisites, type Program } from './types.ts';

export const RUNTIME_TITLES = { node: 'Node', python: 'Python', php: 'PHP' } as const satisfies Record<
  ProcessRuntime,
  string
>;
const PROCESS_RUNTIMES = Object.keys(RUNTIME_TITLES) as ProcessRuntime[];

export interface Verdict {
  /** Why native mode cannot serve this project. */
  readonly problems: readonly MissingProgram[];
  /** What will answer 503 while the rest is served. */
  readonly warnings: readonly MissingProgram[];
}

/**
 * Decides whether what is missing matters (P41): nginx always does, a program that a setting names too, a language
 * when functions need it. `dev` goes on as long as one language in use works, `run` when it was told so.
 */
export function judgeNative(
  config: ProjectConfig,
  found: NativePrerequisites,
  functions: readonly FunctionDefinition[],
): Verdict {
  const missingRuntimes = PROCESS_RUNTIMES.flatMap((runtime) => {
    const missing = missingRuntime(found[runtime], namesOf(functions, runtime));
    return missing === null ? [] : [missing];
  });
  const problems = [
    found.nginx,
    ...PROCESS_RUNTIMES.map((runtime) => found[runtime]),
    found.npm,
    found.composer,
  ].filter(
    (program): program is MissingProgram =>
      program !== null && isMissing(program) && (program === found.nginx || program.configured),
  );
  const needed = missingRuntimes.filter((missing) => !missing.configured);
  const isEnough = config.allowMissingRuntimes || (config.command === 'dev' && hasUsableRuntime(found, functions));
  return isEnough ? { problems, warnings: needed } : { problems: [...problems, ...needed], warnings: [] };
}

/** Names of the functions that need a language, in order. */
export function namesOf(functions: readonly FunctionDefinition[], runtime: string): string[] {
  return functions.filter((definition) => definition.runtime === runtime).map(({ name }) => name);
}

function missingRuntime(program: Program | null, names: readonly string[]): MissingProgram | null {
  if (program === null || !isMissing(program) || names.length === 0) return null;
  const shown = names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return { ...program, problem: `${program.problem}; needed by ${shown}` };
}

/** A project without functions misses nothing. */
function hasUsableRuntime(found: NativePrerequisites, functions: readonly FunctionDefinition[]): boolean {
  if (functions.length === 0) return true;
  return functions.some(({ runtime }) => {
    if (runtime === 'lua') return true;
    const program = runtime === 'go' || runtime === 'rust' ? null : found[runtime];
    return program !== null && !isMissing(program);
  });
}
