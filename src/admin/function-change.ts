import type { FunctionDefinition } from '../functions/types.ts';
import type { AdminContext } from './endpoint.ts';
import { type LoadOutcome, loadOutcome } from './load-outcome.ts';
import type { FunctionStatus, Platform } from './platform.ts';
import { resolveTarget, type TargetQuery } from './target.ts';

/** A function after a change of its files. */
export interface ChangedFunction {
  /** As it is now; as it was where the change has taken its name or its handler away. */
  readonly status: FunctionStatus;
  readonly load: LoadOutcome;
}

/**
 * Changes the files of one function and resolves when that is live or has failed, at most after 10 s (P164). `change` writes
 * and returns the paths (absolute) that it touched; nothing else of the project is written meanwhile (P165).
 */
export async function changeFunction(
  { platform, changes }: AdminContext,
  target: TargetQuery,
  change: (definition: FunctionDefinition) => Promise<readonly string[]>,
): Promise<ChangedFunction> {
  const { former, applied } = await changes.run(async () => {
    const status = resolveTarget(platform, target);
    return { former: status, applied: await platform.applyFiles(() => change(status.definition)) };
  });
  const key = currentStatus(platform, former.definition)?.definition.key;
  await applied.settled(key ?? former.definition.key);
  const status = currentStatus(platform, former.definition);
  if (status) return { status, load: loadOutcome(platform, status) };
  const error = 'there is no such function any more';
  return { status: former, load: { status: 'error', error, table_version: platform.tableVersion } };
}

/** The function under its present name: a change of the configuration may have given it another one. */
function currentStatus(platform: Platform, former: FunctionDefinition): FunctionStatus | undefined {
  const functions = platform.functions();
  return (
    functions.find(({ definition }) => definition.key === former.key) ??
    functions.find(({ definition }) => definition.entry === former.entry)
  );
}
