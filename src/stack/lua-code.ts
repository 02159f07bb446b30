import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { requiredModules } from '../functions/lua-modules.ts';
import type { FunctionDefinition } from '../functions/types.ts';
import type { LuaCode } from '../gateway/route-table.ts';
import { packageRoot } from '../package-root.ts';

/** Modules that every function finds unless it has its own of that name (docs/helpers.md). */
const HELPERS = join(packageRoot, 'helpers/lua');
/** Modules the gateway provides (F114): never looked up on disk. */
const PROVIDED = /^(cjson|cjson\.safe|resty\..+)$/;

/**
 * Reads a Lua function with the modules it names, so that every nginx worker, also one that is restarted while a save is
 * broken, runs the same bytes. A module named at run time only is read from disk by the gateway.
 */
export async function readLuaCode(
  definition: FunctionDefinition,
  functionsRoot: string,
): Promise<{ readonly code: LuaCode; readonly files: readonly string[] }> {
  const own = [dirname(definition.entry), definition.dir];
  const source = await readFile(definition.entry, 'utf8');
  const modules: Record<string, { source: string; file: string }> = {};
  const pending = requiredModules(source);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (modules[name] !== undefined || PROVIDED.test(name) || name.includes('..')) continue;
    const folders = name.startsWith('_') ? [...own, functionsRoot] : own;
    const found = await findModule(name, [...folders, HELPERS]);
    if (found === null) continue;
    modules[name] = found;
    pending.push(...requiredModules(found.source));
  }
  return {
    code: {
      source,
      entry: definition.entry,
      file: relative(functionsRoot, definition.entry),
      entry_dir: dirname(definition.entry),
      dir: definition.dir,
      root: functionsRoot,
      handler: definition.policy.handler,
      modules,
    },
    files: [definition.entry, ...Object.values(modules).map(({ file }) => file)],
  };
}

async function findModule(name: string, folders: readonly string[]): Promise<{ source: string; file: string } | null> {
  const path = name.replaceAll('.', '/');
  for (const folder of folders) {
    for (const ending of ['.lua', '/init.lua']) {
      const file = join(folder, path + ending);
      try {
        return { source: await readFile(file, 'utf8'), file };
      } catch {
        // the next place
      }
    }
  }
  return null;
}
