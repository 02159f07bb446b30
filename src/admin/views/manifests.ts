import { basename, dirname, join } from 'node:path';
import { isObject, type JsonObject } from '../../functions/json-value.ts';
import { requiredModules } from '../../functions/lua-modules.ts';
import type { FunctionDefinition } from '../../functions/types.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { relativePath } from '../function-paths.ts';
import { existsInside, readTextInside } from '../own-files.ts';
import { hideCredentials } from './config.ts';

const MAX_ENTRIES = 200; // of one manifest, as shown
const NPM_LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'];

/** What a function's language knows of its packages (P209): one block, named after the language. */
export interface LanguageView {
  readonly blocks: Readonly<Record<string, unknown>>;
  /** Packages that the manifest asks for, as it names them. */
  readonly packages: readonly string[];
}

export async function describeLanguage(
  definition: FunctionDefinition,
  config: Pick<ProjectConfig, 'functionsRoot' | 'dependencies'>,
): Promise<LanguageView> {
  switch (definition.runtime) {
    case 'python':
      return describePython(definition, config);
    case 'node':
      return describeNode(definition, config);
    case 'php':
      return describePhp(definition, config);
    case 'lua':
      return describeLua(definition, config);
    default:
      return { blocks: {}, packages: [] };
  }
}

type Config = Pick<ProjectConfig, 'functionsRoot' | 'dependencies'>;

async function describePython({ dir, manifest }: FunctionDefinition, config: Config): Promise<LanguageView> {
  const path = manifest?.file ?? join(dir, 'requirements.txt');
  const text = await readTextInside(config.functionsRoot, path);
  const entries = (text ?? '')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map(hideCredentials);
  const inline = (manifest?.inline ?? []).map(hideCredentials);
  const requirements = {
    inline,
    file_path: relativePath(config.functionsRoot, path),
    file_exists: text !== null,
    file_truncated: entries.length > MAX_ENTRIES,
    file_entries: entries.slice(0, MAX_ENTRIES),
    auto_install_enabled: config.dependencies.autoPython,
  };
  const packages = [...entries.filter((entry) => !entry.startsWith('-')), ...inline];
  return { blocks: { python: { requirements } }, packages };
}

async function describeNode({ dir, manifest }: FunctionDefinition, config: Config): Promise<LanguageView> {
  const path = manifest?.file ?? join(dir, 'package.json');
  const text = await readTextInside(config.functionsRoot, path);
  const json = parseObject(text);
  const { dependencies, devDependencies } = sections(json, 'dependencies', 'devDependencies');
  const locks = manifest?.lockFile ? [basename(manifest.lockFile)] : NPM_LOCKS;
  const lock = await firstExisting(config.functionsRoot, dirname(path), locks);
  const node = {
    package_json_path: relativePath(config.functionsRoot, path),
    package_json_exists: text !== null,
    package_name: typeof json.name === 'string' ? json.name : null,
    lock_file: lock && relativePath(config.functionsRoot, lock),
    ...counted(dependencies, devDependencies),
    auto_install_enabled: config.dependencies.autoNode,
  };
  return { blocks: { node }, packages: Object.keys(dependencies) };
}

async function describePhp({ dir, manifest }: FunctionDefinition, config: Config): Promise<LanguageView> {
  const path = manifest?.file ?? join(dir, 'composer.json');
  const text = await readTextInside(config.functionsRoot, path);
  const json = parseObject(text);
  const { require: dependencies, 'require-dev': devDependencies } = sections(json, 'require', 'require-dev');
  const php = {
    composer_json_path: relativePath(config.functionsRoot, path),
    composer_json_exists: text !== null,
    composer_lock_exists: (await firstExisting(config.functionsRoot, dirname(path), ['composer.lock'])) !== null,
    ...counted(dependencies, devDependencies),
    auto_install_enabled: config.dependencies.autoPhp,
  };
  return { blocks: { php }, packages: Object.keys(dependencies) };
}

async function describeLua({ entry }: FunctionDefinition, { functionsRoot }: Config): Promise<LanguageView> {
  const requires = [...new Set(requiredModules((await readTextInside(functionsRoot, entry)) ?? ''))];
  return { blocks: { lua: { sandbox: true, requires } }, packages: [] };
}

type Section = Readonly<Record<string, string>>;

function counted(dependencies: Section, devDependencies: Section) {
  return {
    dependency_count: Object.keys(dependencies).length,
    dependencies,
    dev_dependency_count: Object.keys(devDependencies).length,
    dev_dependencies: devDependencies,
  };
}

/** Name and wanted version of each package of these sections; anything else in them is left out. */
function sections<Name extends string>(json: JsonObject, ...names: readonly Name[]): Record<Name, Section> {
  const read = (name: Name): Section => {
    const section = json[name];
    const entries = isObject(section) ? Object.entries(section) : [];
    const known = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return Object.fromEntries(known.map(([name, wanted]) => [name, hideCredentials(wanted)]));
  };
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, Section>;
}

async function firstExisting(root: string, dir: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const path = join(dir, name);
    if (await existsInside(root, path)) return path;
  }
  return null;
}

function parseObject(text: string | null): JsonObject {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
