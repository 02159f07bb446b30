import { join } from 'node:path';
import type { Runtime } from '../functions/types.ts';
import { cacheDir } from '../project/places.ts';
import type { ProjectConfig } from '../project/types.ts';
import { findComposer, findNode, findNpm, findPhp, findPython } from './interpreters.ts';
import { findNginx } from './nginx.ts';
import { ProbeCache } from './probe-cache.ts';
import type { NativePrerequisites } from './types.ts';

/**
 * Looks for everything native mode may need, all at once (P40-P48). Answers are remembered in
 * `$XDG_CACHE_HOME/fastfn/probes.json`, so that a start on an unchanged machine runs no program; `isFresh` asks again.
 */
export async function findNativePrerequisites(
  config: ProjectConfig,
  runtimes: Iterable<Runtime>,
  options: { readonly env?: NodeJS.ProcessEnv; readonly isFresh?: boolean } = {},
): Promise<NativePrerequisites> {
  const env = options.env ?? process.env;
  const wanted = new Set(runtimes);
  const cache = await ProbeCache.open(join(cacheDir(env), 'probes.json'), options.isFresh ?? false);
  const search = { config, cache, env };
  const absent = Promise.resolve(null);
  const [nginx, node, npm, python, php, composer] = await Promise.all([
    findNginx(config, cache, env),
    wanted.has('node') ? findNode(search) : absent,
    wanted.has('node') ? findNpm(search) : absent,
    wanted.has('python') ? findPython(search) : absent,
    wanted.has('php') ? findPhp(search) : absent,
    wanted.has('php') ? findComposer(search) : absent,
  ]);
  await cache.save();
  return { nginx, node, npm, python: python?.python ?? null, pip: python?.pip ?? null, php, composer };
}
