import { join } from 'node:path';
import type { FunctionDefinition } from '../../functions/types.ts';
import { createFolder, removeFolder } from '../../staged-folder.ts';
import { requireUsable } from '../config-write.ts';
import { endpoint } from '../endpoint.ts';
import { identityOf, relativePath } from '../function-paths.ts';
import { loadOutcome } from '../load-outcome.ts';
import { CreateBody, type NewFunction, planFunction } from '../new-function.ts';
import type { AppliedChange, Platform } from '../platform.ts';
import { Problem } from '../problem.ts';
import { resolveTarget, TargetQuery } from '../target.ts';
import { describeFunction } from '../views/detail.ts';

const MAX_BODY_BYTES = 4 * 1_048_576; // P177

/** P177, P210. */
export const functionCreateEndpoints = [
  endpoint({
    method: 'POST',
    path: '/_fn/function',
    access: 'write',
    summary: 'Creates a function',
    query: TargetQuery,
    body: CreateBody,
    maxBodyBytes: MAX_BODY_BYTES,
    async handle({ query, body, reply }, { platform, changes }) {
      const { definition, applied } = await changes.run(async () => {
        refuseExisting(platform, query);
        return makeFunction(platform, planFunction(platform, query, body), query);
      });
      await applied.settled(definition.key);
      const status = platform.functions().find((one) => one.definition.key === definition.key);
      reply.code(201);
      if (status === undefined) return identityOf(platform, definition); // removed again meanwhile
      return { ...(await describeFunction(platform, status, true)), load: loadOutcome(platform, status) };
    },
  }),
];

function refuseExisting(platform: Platform, target: TargetQuery): void {
  try {
    resolveTarget(platform, target);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return;
    if (!(error instanceof Problem) || error.status !== 409) throw error;
  }
  throw alreadyExists();
}

/** Writes it and lets discovery see it; what discovery does not take for that function is removed again. */
async function makeFunction(
  platform: Platform,
  { runtime, dir, filename, config, files }: NewFunction,
  target: TargetQuery,
): Promise<{ readonly definition: FunctionDefinition; readonly applied: AppliedChange }> {
  let made = '';
  const applied = await platform.applyFiles(async () => {
    const check = (staged: string) => requireUsable(config, runtime, staged);
    made = await createFolder(dir, files, check).catch((error: NodeJS.ErrnoException) => {
      throw ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(error.code ?? '') ? alreadyExists() : error;
    });
    return [made, ...files.map(({ name }) => join(dir, name))];
  });
  const definition = findDefinition(platform, join(dir, filename));
  if (definition?.version === target.version) return { definition, applied };
  const reason = findReason(platform, dir);
  await platform.applyFiles(async () => {
    await removeFolder(made);
    return [made];
  });
  throw new Problem(400, definition ? 'invalid version' : 'invalid function', {
    detail: definition ? 'no function can have versions here' : reason,
  });
}

function findDefinition(platform: Platform, entry: string): FunctionDefinition | undefined {
  return platform.functions().find(({ definition }) => definition.entry === entry)?.definition;
}

/** What discovery says of the folder, or of one that it lies in. */
function findReason({ config, discovery }: Platform, dir: string): string | undefined {
  const shown = relativePath(config.functionsRoot, dir);
  return discovery.problems.find(({ path }) => shown === path || shown.startsWith(`${path}/`))?.message;
}

function alreadyExists(): Problem {
  return new Problem(409, 'function already exists');
}
