import type { ProjectConfig } from '../project/types.ts';

/** What a start would use, as one JSON document (P26): every setting with its source, secrets masked. */
export function describeDryRun(config: ProjectConfig): string {
  const container = config.mode === 'docker' ? { container: `fastfn-${config.projectId}` } : {};
  return JSON.stringify(
    { mode: config.mode, settings: config.settings, runtimes: config.runtimes, ...container },
    null,
    2,
  );
}
