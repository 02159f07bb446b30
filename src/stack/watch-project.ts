import type { ProjectConfig } from '../project/types.ts';
import { createIgnore } from './watch-rules.ts';
import type { WatcherOptions } from './watcher.ts';

/** What is watched of a project, and how (P120, P121). */
export function watchedProject(
  config: ProjectConfig,
  { onChange, onNote }: Pick<WatcherOptions, 'onChange' | 'onNote'>,
): WatcherOptions {
  const { functionsRoot, projectDir } = config;
  return {
    roots: [functionsRoot],
    flat: [projectDir],
    ignored: createIgnore({ functionsRoot, projectDir, ownDirs: [config.stateDir, config.storeDir, config.logs.dir] }),
    pollMs: config.pollMs,
    debounceMs: config.reloadDebounceMs,
    onChange,
    onNote,
  };
}
