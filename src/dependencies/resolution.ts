import { relative } from 'node:path';
import { withoutMachinePaths } from '../functions/shown-paths.ts';
import type { DependencyManifest, FunctionDefinition } from '../functions/types.ts';
import type { DependencyResolution, InstallResult, InstallState } from './types.ts';

const STATUS: Readonly<Record<InstallState, DependencyResolution['last_install_status']>> = {
  ready: 'ok',
  none: 'skipped',
  deferred: 'skipped',
  installing: 'installing',
  failed: 'error',
};

/** An install's result and its time (epoch milliseconds). */
export interface Installed {
  readonly result: InstallResult;
  readonly at: number;
}

/** What is known of a function's packages (F155); null for a language that has none. `packages` are those its manifest asks for. */
export function describeResolution(
  { runtime, manifest }: Pick<FunctionDefinition, 'runtime' | 'manifest'>,
  installed: Installed | null,
  packages: readonly string[],
  functionsRoot: string,
): DependencyResolution | null {
  if (runtime !== 'python' && runtime !== 'node' && runtime !== 'php') return null;
  const result = installed?.result;
  const shown = (text: string) => withoutMachinePaths(text, functionsRoot);
  return {
    runtime,
    mode: manifest === null ? 'none' : 'manifest',
    manifest_path: pathOf(manifest, 'file', functionsRoot),
    manifest_generated: false,
    infer_backend: null,
    inference_duration_ms: null,
    inferred_imports: [],
    resolved_packages: result?.state === 'ready' ? packages : [],
    unresolved_imports: [],
    last_install_status: STATUS[result?.state ?? 'none'],
    last_error: result?.reason === undefined ? null : shown(result.reason),
    lockfile_path: pathOf(manifest, 'lockFile', functionsRoot),
    updated_at: installed && installed.at / 1000,
    key: result?.key ?? null,
    log_tail: (result?.tail ?? []).map(shown),
  };
}

function pathOf(
  manifest: DependencyManifest | null,
  member: 'file' | 'lockFile',
  functionsRoot: string,
): string | null {
  const path = manifest?.[member] ?? null;
  return path && relative(functionsRoot, path);
}
