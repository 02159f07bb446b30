import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { type EnvFile, maskEnv, mergeEnv, readEnvFile, writeEnvFile } from '../../functions/env-file.ts';
import { sealerFor, secretFileOf } from '../../functions/env-secrets.ts';
import { ENV_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { keyringOf } from '../../secrets/keyring.ts';
import { endpoint } from '../endpoint.ts';
import { functionEtags, requireMatch } from '../etag.ts';
import { changeFunction } from '../function-change.ts';
import { identityOf, namesOf, type OwnFile, ownFile } from '../function-paths.ts';
import type { Platform } from '../platform.ts';
import { Problem } from '../problem.ts';
import { resolveTarget, TargetQuery } from '../target.ts';

/** P181, P182, F149: the variables of a function, without the values of its secrets. */
export const functionEnvEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/function-env',
    access: 'read',
    summary: 'Environment of a function, secrets hidden',
    query: TargetQuery,
    handle({ query }, { platform }) {
      return shown(platform, resolveTarget(platform, query).definition);
    },
  }),
  endpoint({
    method: 'PUT',
    path: '/_fn/function-env',
    access: 'write',
    summary: 'Sets, keeps and removes variables of a function',
    query: TargetQuery,
    body: z.unknown(),
    async handle(request, context) {
      const { platform } = context;
      const { definition, load } = await changeFunction(context, request.query, async (current) => {
        requireMatch(request, (await functionEtags(current)).env);
        return writeVariables(platform, ownFile(platform, current, ENV_FILE), request.body);
      });
      return { ...(await shown(platform, definition)), load };
    },
  }),
];

/** P213. Returns the paths that changed. */
async function writeVariables({ config }: Platform, file: OwnFile, body: unknown): Promise<readonly string[]> {
  const { content } = await readVariables(file);
  const place = secretFileOf(config.functionsRoot, await realpath(dirname(file.path)));
  const merge = mergeEnv(content, body, sealerFor(keyringOf(config.secretsKey), place));
  if ('problems' in merge) {
    throw new Problem(400, 'invalid environment', {
      detail: merge.problems[0],
      members: { problems: merge.problems },
    });
  }
  await writeEnvFile(file.real, merge.content);
  return namesOf(file);
}

/** A file that is broken on disk is neither shown as empty nor replaced: what it holds would be lost. */
async function readVariables(file: OwnFile): Promise<EnvFile> {
  const stored = await readEnvFile(file.real);
  if (stored.problem === null) return stored;
  throw new Problem(409, `invalid ${ENV_FILE}`, { detail: `${file.shown}: ${stored.problem}; correct it on disk` });
}

async function shown(platform: Platform, definition: FunctionDefinition) {
  const file = ownFile(platform, definition, ENV_FILE);
  const { content, exists } = await readVariables(file);
  const { env } = await functionEtags(definition);
  return {
    ...identityOf(platform, definition),
    fn_env: maskEnv(content),
    metadata: { env: { exists, keys: Object.keys(content).sort() } },
    file_path: file.shown,
    etag: env,
  };
}
