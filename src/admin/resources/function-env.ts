import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { maskEnv, mergeEnv, writeEnvFile } from '../../functions/env-file.ts';
import { sealerFor, secretFileOf } from '../../functions/env-secrets.ts';
import { ENV_FILE } from '../../functions/platform-files.ts';
import { keyringOf } from '../../secrets/keyring.ts';
import { endpoint } from '../endpoint.ts';
import { functionEtags, requireMatch } from '../etag.ts';
import { changeFunction } from '../function-change.ts';
import { identityOf, namesOf, type OwnFile, ownFile, readOwnJson } from '../function-paths.ts';
import type { FunctionStatus, Platform } from '../platform.ts';
import { Problem } from '../problem.ts';
import { resolveTarget, TargetQuery } from '../target.ts';
import { describeCore } from '../views/detail.ts';

/** P181, P182, F149: the variables of a function, without the values of its secrets. */
export const functionEnvEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/function-env',
    access: 'read',
    summary: 'Environment of a function, secrets hidden',
    query: TargetQuery,
    handle({ query }, { platform }) {
      return shown(platform, resolveTarget(platform, query));
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
      const { status, load } = await changeFunction(context, request.query, async (current) => {
        requireMatch(request, (await functionEtags(current)).env);
        return writeVariables(platform, ownFile(platform, current, ENV_FILE), request.body);
      });
      return { ...(await shown(platform, status)), load };
    },
  }),
];

/** P213. Returns the paths that changed. */
async function writeVariables({ config }: Platform, file: OwnFile, body: unknown): Promise<readonly string[]> {
  const place = secretFileOf(config.functionsRoot, await realpath(dirname(file.path)));
  const merge = mergeEnv(readOwnJson(file), body, sealerFor(keyringOf(config.secretsKey), place));
  if ('problems' in merge) {
    throw new Problem(400, 'invalid environment', {
      detail: merge.problems[0],
      members: { problems: merge.problems },
    });
  }
  await writeEnvFile(file.real, merge.content);
  return namesOf(file);
}

async function shown(platform: Platform, status: FunctionStatus) {
  const { definition } = status;
  const file = ownFile(platform, definition, ENV_FILE);
  const fn_env = maskEnv(readOwnJson(file));
  const { metadata } = await describeCore(platform, status);
  const { env: etag } = await functionEtags(definition);
  return { ...identityOf(platform, definition), fn_env, metadata, file_path: file.shown, etag };
}
