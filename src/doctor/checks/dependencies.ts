import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { hasOwnPackages } from '../../dependencies/folder-link.ts';
import { ManifestProblem } from '../../dependencies/manifest-problem.ts';
import { contentKey, takeSnapshot } from '../../dependencies/snapshot.ts';
import { isInstalled, locateSet } from '../../dependencies/store.ts';
import { lastLines } from '../../dependencies/tool-log.ts';
import type { DependencyManifest } from '../../functions/types.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { type Check, type DoctorContext, type Finding, type Project, withProject } from '../check.ts';
import { isMissing, type NativePrerequisites } from '../types.ts';

const RUNTIME_OF = { pip: 'python', npm: 'node', composer: 'php' } as const;
const SHOWN_LINES = 5;

/** Whether what functions ask for is installed (P281). */
export const dependencyCheck: Check = { id: 'project.dependencies', run: withProject(checkDependencies) };

/** What is known of one manifest's packages. */
type Condition =
  | { readonly state: 'installed' | 'absent' | 'unlocked' }
  | { readonly state: 'failed'; readonly reason: string };

async function checkDependencies({ config, discovery }: Project, { machine }: DoctorContext): Promise<Finding> {
  const { functions } = await discovery;
  const found = (await machine?.prerequisites) ?? null;
  const manifests = new Map(functions.flatMap(({ manifest }) => (manifest ? [[keyOf(manifest), manifest]] : [])));
  if (manifests.size === 0) return { status: 'OK', message: 'no function has dependencies' };
  const conditions = [...manifests.values()].map((manifest) => ({ manifest, ...examine(manifest, config, found) }));
  const failed = conditions.filter((condition) => condition.state === 'failed');
  const unlocked = conditions.filter(({ state }) => state === 'unlocked');
  const name = ({ dir, file, tool }: DependencyManifest) => relative(config.functionsRoot, file ?? dir) || tool;
  const details = Object.fromEntries([
    ...failed.map((condition) => [name(condition.manifest), condition.state === 'failed' ? condition.reason : '']),
    ...unlocked.map(({ manifest }) => [name(manifest), 'has no lock file, so versions may differ between machines']),
  ]);
  if (failed.length > 0) {
    const hint = 'Correct the manifest; the next start or save installs again.';
    return {
      status: 'FAIL',
      message: `${failed.length} of ${manifests.size} manifests could not be installed`,
      hint,
      details,
    };
  }
  if (unlocked.length > 0) {
    const hint = 'npm install --package-lock-only, or composer update, in the folder writes one.';
    return {
      status: 'WARN',
      message: `${unlocked.length} of ${manifests.size} manifests have no lock file`,
      hint,
      details,
    };
  }
  const waiting = conditions.filter(({ state }) => state === 'absent').length;
  const rest = waiting === 0 || machine === null ? '' : `, ${waiting} to be installed at the next start`;
  return { status: 'OK', message: `${manifests.size} with dependencies${rest}` };
}

function keyOf({ tool, dir, file, inline }: DependencyManifest): string {
  return JSON.stringify([tool, dir, file, inline]);
}

/** Which set a manifest means depends on the version of its language: unknown in `fastfn check`, which asks no program. */
function examine(manifest: DependencyManifest, config: ProjectConfig, found: NativePrerequisites | null): Condition {
  const { tool, dir } = manifest;
  if (hasOwnPackages(dir, tool)) return { state: 'installed' };
  try {
    const snapshot = takeSnapshot(manifest);
    const program = found?.[RUNTIME_OF[tool]] ?? null;
    if (program !== null && !isMissing(program)) {
      const failure = findFailure(config, tool, contentKey(snapshot, program.version));
      if (failure !== null) return failure;
    }
    return { state: tool === 'pip' || snapshot.locked ? 'absent' : 'unlocked' };
  } catch (error) {
    if (error instanceof ManifestProblem) return { state: 'failed', reason: error.message };
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { state: 'failed', reason: `${path ?? manifest.file} cannot be read (${code})` };
  }
}

/** An install that left a log and no packages has failed; one that another process is at has a lock. */
function findFailure(
  { storeDir, stateDir, logs }: ProjectConfig,
  tool: DependencyManifest['tool'],
  key: string,
): Condition | null {
  const sets = [storeDir, join(stateDir, 'store')].map((store) => locateSet(store, tool, key));
  if (sets.some(isInstalled)) return null;
  const logFile = join(logs.dir, `install-${key.slice(0, 8)}.log`);
  if (sets.some(({ lockFile }) => existsSync(lockFile)) || !existsSync(logFile)) return null;
  return { state: 'failed', reason: lastLines(logFile).slice(-SHOWN_LINES).join(' | ') || `see ${logFile}` };
}
