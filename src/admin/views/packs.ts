import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RUNTIMES } from '../../functions/types.ts';

/** Shared packs lie here, relative to the functions root (F156). */
export const PACKS_ROOT = '.fastfn/packs';

/** Packs of Python and Node with what each holds, paths relative to the functions root (P198). */
export async function describePacks(functionsRoot: string) {
  const [python, node] = await Promise.all([listPacks(functionsRoot, 'python'), listPacks(functionsRoot, 'node')]);
  const fileOf = ({ dir, names }: Pack, ...candidates: readonly string[]) => {
    const found = candidates.find((name) => names.has(name));
    return found === undefined ? null : `${dir}/${found}`;
  };
  return {
    python: {
      packs: python.map((pack) => ({
        name: pack.name,
        dir: pack.dir,
        requirements_txt: fileOf(pack, 'requirements.txt'),
        deps_dir: fileOf(pack, '.deps'),
      })),
    },
    node: {
      packs: node.map((pack) => ({
        name: pack.name,
        dir: pack.dir,
        package_json: fileOf(pack, 'package.json'),
        lock_file: fileOf(pack, 'npm-shrinkwrap.json', 'package-lock.json'),
        node_modules: fileOf(pack, 'node_modules'),
      })),
    },
  };
}

interface Pack {
  readonly name: string;
  /** Relative to the functions root. */
  readonly dir: string;
  /** What lies in it. */
  readonly names: ReadonlySet<string>;
}

/** Packs of one language, sorted; those of a root that is named like a language may lie beside it (F156). */
async function listPacks(functionsRoot: string, runtime: 'python' | 'node'): Promise<readonly Pack[]> {
  const isLanguageRoot = (RUNTIMES as readonly string[]).includes(basename(functionsRoot));
  const places = [
    { root: functionsRoot, shown: PACKS_ROOT },
    ...(isLanguageRoot ? [{ root: dirname(functionsRoot), shown: `../${PACKS_ROOT}` }] : []),
  ];
  const found = new Map<string, Pack>();
  for (const { root, shown } of places) {
    const folder = join(root, PACKS_ROOT, runtime);
    for (const name of await folders(folder)) {
      if (found.has(name)) continue;
      found.set(name, { name, dir: `${shown}/${runtime}/${name}`, names: new Set(await entries(join(folder, name))) });
    }
  }
  return [...found.keys()].sort().map((name) => found.get(name)!);
}

async function folders(path: string): Promise<readonly string[]> {
  const found = await readdir(path, { withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

async function entries(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}
