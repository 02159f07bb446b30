import type { RuntimeStatus } from '../admin/platform.ts';
import { isMissing, type NativePrerequisites, type Program } from '../doctor/types.ts';
import type { Discovery, Runtime } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';

/** Enabled languages that are in use or installed (P207), with the programs that run them. */
export function describeRuntimes(
  { runtimes }: ProjectConfig,
  prerequisites: NativePrerequisites,
  { functions }: Discovery,
): readonly RuntimeStatus[] {
  const inUse = new Set(functions.map(({ runtime }) => runtime));
  return runtimes.flatMap((runtime) => {
    const program = programOf(runtime, prerequisites);
    const found = program && !isMissing(program) ? program : null;
    const isUsed = inUse.has(runtime);
    if (!isUsed && found === null) return [];
    return [{ runtime, binary: found?.path ?? null, version: found?.version ?? null, isUsed }];
  });
}

function programOf(runtime: Runtime, prerequisites: NativePrerequisites): Program | null {
  switch (runtime) {
    case 'lua':
      return prerequisites.nginx;
    case 'node':
    case 'python':
    case 'php':
      return prerequisites[runtime];
    default:
      return null; // known names without a worker
  }
}
