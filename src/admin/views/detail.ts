import { basename, join } from 'node:path';
import { describeResolution } from '../../dependencies/resolution.ts';
import { maskEnv, readEnvFile } from '../../functions/env-file.ts';
import { isObject } from '../../functions/json-value.ts';
import { CONFIG_FILE, ENV_FILE } from '../../functions/platform-files.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import { functionEtags } from '../etag.ts';
import { identityOf, relativePath } from '../function-paths.ts';
import { readInside, realInside } from '../own-files.ts';
import type { FunctionStatus, Platform } from '../platform.ts';
import { type OwnConfig, readOwnConfig } from './config.ts';
import { reachView } from './invoke.ts';
import { describeLanguage } from './manifests.ts';
import { PACKS_ROOT } from './packs.ts';
import { policyView } from './policy.ts';
import { runtimeHealth, workerView } from './runtimes.ts';

const MAX_CODE_BYTES = 2 * 1024 * 1024; // P209

/** All that is known of one function (P209); its code on demand. */
export async function describeFunction(platform: Platform, status: FunctionStatus, includeCode: boolean) {
  const { definition } = status;
  const core = await describeCore(platform, status);
  const { detail } = await functionEtags(definition);
  const workers = platform.workers();
  const runtime = platform.runtimes().find((one) => one.runtime === definition.runtime);
  return {
    ...core,
    runtime_health: runtime ? runtimeHealth(runtime, workers) : null,
    workers: workers.filter(({ functionKey }) => functionKey === definition.key).map(workerView),
    etag: detail,
    ...(includeCode && (await readCode(definition, platform.config.functionsRoot))),
  };
}

/** What answers about a function have in common: who it is, what holds for it, what is known of it (P179, P183, P209). */
export async function describeCore(platform: Platform, status: FunctionStatus) {
  const { definition } = status;
  const { config, discovery } = platform;
  const routes = discovery.routes.filter(({ functionKey }) => functionKey === definition.key);
  const [own, env] = await Promise.all([
    readOwnConfig(definition, config.functionsRoot),
    readEnv(definition, config.functionsRoot),
  ]);
  return {
    ...identityOf(platform, definition),
    file_path: definition.file,
    config_path: own.exists ? relativePath(config.functionsRoot, join(definition.dir, CONFIG_FILE)) : null,
    policy: policyView(definition, routes, config),
    fn_env: maskEnv(env.content),
    metadata: {
      ...(await describeMetadata(platform, status, own, env)),
      ...reachView(platform, definition, routes, own.config),
    },
  };
}

/** `metadata` without what tells how the function is reached. */
async function describeMetadata(
  { config }: Platform,
  { definition, install }: FunctionStatus,
  { config: own }: OwnConfig,
  env: { readonly exists: boolean; readonly content: object },
) {
  const language = await describeLanguage(definition, config);
  const response = isObject(own.response) ? own.response : {};
  return {
    handler_file: definition.file,
    response: {
      include_debug_headers: response.include_debug_headers === true,
      effective_include_debug_headers: definition.policy.debugHeaders,
    },
    schedule: { configured: own.schedule ?? own.schedules ?? null, state: null },
    env: { exists: env.exists, keys: Object.keys(env.content).sort() },
    shared_deps: { packs_root: PACKS_ROOT, configured: [own.shared_deps ?? []].flat() },
    group: definition.group ?? null,
    dependency_resolution: describeResolution(definition, install, language.packages, config.functionsRoot),
    ...language.blocks,
  };
}

/** The variables' file; one that is a symlink out of the root counts as absent, as it does for the function (F21). */
async function readEnv({ dir }: FunctionDefinition, functionsRoot: string) {
  const path = realInside(functionsRoot, join(dir, ENV_FILE));
  return path === null ? { exists: false, content: {} } : readEnvFile(path);
}

/** The handler's text; what is beyond 2 MiB is left out. */
async function readCode({ entry }: FunctionDefinition, functionsRoot: string) {
  // A declared function without an entry stands for its configuration, which is shown elsewhere, without secrets.
  const isCode = basename(entry) !== CONFIG_FILE;
  const file = isCode ? await readInside(functionsRoot, entry, MAX_CODE_BYTES) : null;
  return {
    code: file?.bytes.toString('utf8') ?? null,
    code_truncated: file !== null && file.size > file.bytes.length,
  };
}
