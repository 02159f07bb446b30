import * as z from 'zod';
import { writeFileAtomic } from '../../atomic-file.ts';
import { inspectConfig } from '../../functions/config.ts';
import type { FunctionConfig } from '../../functions/config-schema.ts';
import { CONFIG_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { applyConfigChange, requireUsable } from '../config-write.ts';
import { type AdminRequest, endpoint } from '../endpoint.ts';
import { functionEtags, requireMatch } from '../etag.ts';
import { changeFunction } from '../function-change.ts';
import { namesOf, ownFile, readOwnJson } from '../function-paths.ts';
import type { Platform } from '../platform.ts';
import { requireFreeRoutes, type WantedRoute } from '../route-owner.ts';
import { TargetQuery } from '../target.ts';
import { describeFunction } from '../views/detail.ts';

/** P180, P212, F121: merges into the nearest fn.config.json, which single-file functions of a folder share. */
export const functionConfigWriteEndpoints = [
  endpoint({
    method: 'PUT',
    path: '/_fn/function-config',
    access: 'write',
    summary: 'Changes the configuration of a function',
    query: TargetQuery,
    body: z.unknown(),
    async handle(request, context) {
      const { platform } = context;
      const { status, load } = await changeFunction(context, request.query, (current) =>
        writeConfig(platform, current, request),
      );
      return { ...(await describeFunction(platform, status, false)), load };
    },
  }),
];

async function writeConfig(platform: Platform, definition: FunctionDefinition, request: AdminRequest) {
  const etags = await functionEtags(definition);
  requireMatch(request, etags.config, etags.detail);
  const file = ownFile(platform, definition, CONFIG_FILE);
  const former = readOwnJson(file);
  const { content, config } = applyConfigChange(former, request.body);
  requireUsable(config, definition.runtime, definition.dir);
  requireFreeRoutes(platform.discovery.routes, newRoutes(inspectConfig(former).config, config), definition.key);
  await writeFileAtomic(file.real, `${JSON.stringify(content, null, 2)}\n`);
  return namesOf(file);
}

/** Routes that the configuration did not ask for before; one that displaces others by its own wish needs no room (F45). */
function newRoutes(former: FunctionConfig, { invoke }: FunctionConfig): readonly WantedRoute[] {
  if (invoke?.['force-url']) return [];
  const known = new Set(former.invoke?.routes ?? []);
  const paths = (invoke?.routes ?? []).filter((path) => !known.has(path));
  return paths.map((path) => ({ path, methods: invoke?.methods ?? ['GET'], hosts: invoke?.allow_hosts ?? [] }));
}
