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

/** Whether anything is missing that could matter; which functions there are decides whether it does. */
export function lacksSomething({ nginx, node, python, php, npm, composer }: NativePrerequisites): boolean {
  const isLacking = (program: Program | null) => program !== null && isMissing(program);
  return [nginx, node, python, php].some(isLacking) || [npm, composer].some(isUnusable);
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
  const { nginx, node, python, php, npm, composer } = found;
  const unusable = [node, python, php, npm, composer].filter(isUnusable);
  const problems = isMissing(nginx) ? [nginx, ...unusable] : unusable;
  const needed = PROCESS_RUNTIMES.map((runtime) => missingRuntime(found[runtime], namesOf(functions, runtime)));
  const missing = needed.filter((program) => program !== null);
  const isEnough = config.allowMissingRuntimes || (config.command === 'dev' && hasUsableRuntime(found, functions));
  return isEnough ? { problems, warnings: missing } : { problems: [...problems, ...missing], warnings: [] };
}

/** Whether native mode can serve every function of a project. */
export function servesEverything(
  config: ProjectConfig,
  found: NativePrerequisites,
  functions: readonly FunctionDefinition[],
): boolean {
  return (
    judgeNative({ ...config, command: 'run', allowMissingRuntimes: false }, found, functions).problems.length === 0
  );
}

function isUnusable(program: Program | null): program is MissingProgram {
  return program !== null && isMissing(program) && program.configured;
}

/** Names of the functions that need a language, in order. */
export function namesOf(functions: readonly FunctionDefinition[], runtime: string): string[] {
  return functions.filter((definition) => definition.runtime === runtime).map(({ name }) => name);
}

/** A language that is not installed although functions need it. */
function missingRuntime(program: Program | null, names: readonly string[]): MissingProgram | null {
  if (program === null || !isMissing(program) || program.configured || names.length === 0) return null;
  return { ...program, problem: describeNeed(program.problem, names) };
}

/** A problem and the first functions that suffer from it. */
export function describeNeed(problem: string, names: readonly string[]): string {
  if (names.length === 0) return problem;
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return `${problem}; needed by ${names.slice(0, 5).join(', ')}${more}`;
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
