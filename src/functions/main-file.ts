import type { FunctionConfig } from './config-schema.ts';
import { chooseEntry } from './entries.ts';
import { runtimeOf } from './file-names.ts';
import { NO_COMMENTS } from './hints.ts';
import { CONFIG_FILE } from './platform-files.ts';
import type { Folder, HandlerFile, SourceFile } from './tree.ts';
import type { Runtime } from './types.ts';

/** The file that stands for a folder: a function of its own, or only the file at the folder's route (F22, F25). */
export interface MainFile {
  readonly file: HandlerFile;
  /** Siblings are private unless explicit, everything below is in mixed mode (F22, F30). */
  readonly makesFolder: boolean;
  /** The configuration names it (F25). */
  readonly isDeclared: boolean;
  /** Why its configuration is invalid (F24), else null. */
  readonly problem: string | null;
}

/** Whether a configuration declares a function: anything else is an overlay (F25). */
export function declaresFunction(config: FunctionConfig | undefined): boolean {
  return Boolean(config?.runtime || config?.name || config?.entrypoint || config?.invoke?.routes?.length);
}

/** The file that stands for a folder (F22-F25); `files` are those of enabled runtimes. */
export function findMainFile(
  folder: Folder,
  files: readonly SourceFile[],
  runtimes: readonly Runtime[],
): MainFile | undefined {
  const config = folder.config?.config;
  if (config?.entrypoint) return resolveEntrypoint(folder, files, runtimes, config);
  if (config && declaresFunction(config)) {
    const entry = chooseEntry(files, false, config.runtime ?? undefined);
    if (entry) return { file: entry.file, makesFolder: entry.makesFolder, isDeclared: true, problem: null };
  }
  const entry = chooseEntry(files, folder.segment === null);
  return entry && { file: entry.file, makesFolder: entry.makesFolder, isDeclared: false, problem: null };
}

function resolveEntrypoint(
  folder: Folder,
  files: readonly SourceFile[],
  runtimes: readonly Runtime[],
  { entrypoint, runtime }: FunctionConfig,
): MainFile | undefined {
  const target = folder.entrypoint!;
  if (!('problem' in target)) {
    if (!runtimes.includes(target.runtime)) return undefined;
    const isOther = runtime && runtime !== target.runtime;
    const problem = isOther ? `runtime is "${runtime}", but the entrypoint is a ${target.runtime} file` : null;
    return { file: target, makesFolder: true, isDeclared: true, problem };
  }
  // Its routes answer 500; where no other file can stand in for the entry, the configuration itself does.
  const standIn = chooseEntry(files, false, runtime ?? undefined)?.file;
  const missing = {
    name: CONFIG_FILE,
    runtime: runtime ?? runtimeOf(entrypoint!) ?? 'node',
    comments: NO_COMMENTS,
  } as const;
  return { file: standIn ?? missing, makesFolder: true, isDeclared: true, problem: target.problem };
}
