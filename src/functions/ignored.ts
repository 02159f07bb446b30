import { posix } from 'node:path';
import type { FunctionConfig } from './config-schema.ts';
import type { ScanRules } from './tree.ts';

const NEVER_SCANNED: ReadonlySet<string> = new Set([
  'node_modules',
  'vendor',
  '__pycache__',
  'target',
  'src',
  '__tests__',
]);

/** A folder that holds this file is a Python virtual environment, whatever its name (F20). */
export const VIRTUAL_ENVIRONMENT_MARK = 'pyvenv.cfg';

/** Names that no setting brings back (F20). */
export function isNeverScanned(name: string): boolean {
  return name.startsWith('_') || name.startsWith('.') || NEVER_SCANNED.has(name);
}

/** Whether a folder is left out of the scan without a word (F20, F61). */
export function isIgnoredFolder(name: string, path: string, rules: ScanRules): boolean {
  return isNeverScanned(name) || rules.ignoredNames.has(name.toLowerCase()) || rules.excludedPaths.has(path);
}

/** The rules of the whole scan: the platform's extra names and those of the root's own configuration (F20). */
export function rootRules(extraNames: readonly string[], config: FunctionConfig | undefined): ScanRules {
  const names = [
    ...extraNames,
    ...(config?.zero_config?.ignore_dirs ?? []),
    ...(config?.discovery?.ignore_dirs ?? []),
    ...(config?.routing?.ignore_dirs ?? []),
    ...(config?.zero_config_ignore_dirs ?? []),
  ];
  const usable = names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '' && !/\/|\.\./.test(name));
  return excludeAssets({ ignoredNames: new Set(usable), excludedPaths: new Set() }, '', config);
}

/** The rules below a folder: its own assets folder is no code either (F61). */
export function excludeAssets(rules: ScanRules, folder: string, config: FunctionConfig | undefined): ScanRules {
  const directory = config?.assets?.directory;
  if (directory === undefined) return rules;
  const path = posix.join(folder, directory).replace(/\/$/, '');
  return { ...rules, excludedPaths: new Set([...rules.excludedPaths, path]) };
}

export function areSameRules(a: ScanRules, b: ScanRules): boolean {
  return a === b || (isSameSet(a.ignoredNames, b.ignoredNames) && isSameSet(a.excludedPaths, b.excludedPaths));
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((entry) => b.has(entry));
}
