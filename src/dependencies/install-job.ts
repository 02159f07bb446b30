import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { explainFailure, type InstallFailure } from './failure.ts';
import { releaseLock, takeLock } from './install-lock.ts';
import { runTool, type ToolOutcome } from './run-tool.ts';
import { discard, isInstalled, openStaging, publish, type SetLocation, type Staging } from './store.ts';
import { MISSING_TOOL, toolCommands } from './tool-commands.ts';
import type { InstallerOptions, ManifestSnapshot } from './types.ts';

export interface InstallJob {
  readonly set: SetLocation;
  readonly snapshot: ManifestSnapshot;
  /** Folder of the manifest: where relative paths of requirements start. */
  readonly dir: string;
  readonly logFile: string;
  readonly timeoutSeconds: number;
  readonly binaries: InstallerOptions['binaries'];
  /** Ends the install; nothing of it counts. */
  readonly stop: AbortSignal;
}

const LOCK_POLL_MS = 100;

/**
 * Brings one set into the store: installs it, or waits for the stack that already does. Resolves with null when the set
 * is there, else with why it is not.
 */
export async function install(job: InstallJob): Promise<InstallFailure | null> {
  mkdirSync(dirname(job.set.lockFile), { recursive: true });
  // Not AbortSignal.any with AbortSignal.timeout: Node 20 may collect that pair before it fires.
  const limit = new AbortController();
  const abort = () => limit.abort();
  const timer = setTimeout(abort, job.timeoutSeconds * 1000);
  job.stop.addEventListener('abort', abort);
  if (job.stop.aborted) abort();
  try {
    return await installOnce(job, limit.signal);
  } finally {
    clearTimeout(timer);
    job.stop.removeEventListener('abort', abort);
  }
}

async function installOnce(job: InstallJob, limit: AbortSignal): Promise<InstallFailure | null> {
  while (!isInstalled(job.set)) {
    if (limit.aborted) return { reason: 'another stack did not finish this install in time', tail: [] };
    if (!takeLock(job.set.lockFile)) {
      await delay(LOCK_POLL_MS);
      continue;
    }
    try {
      return isInstalled(job.set) ? null : await installLocked(job, limit);
    } finally {
      releaseLock(job.set.lockFile);
    }
  }
  return null;
}

async function installLocked(job: InstallJob, limit: AbortSignal): Promise<InstallFailure | null> {
  const staging = await openStaging(job.set, job.snapshot);
  const commands = toolCommands(job.snapshot, staging, job.dir, job.binaries);
  if (commands === null) {
    await discard(staging);
    return { reason: MISSING_TOOL[job.set.tool], tail: [] };
  }
  startLog(job.logFile);
  let outcome: ToolOutcome | undefined;
  for (const command of commands) {
    outcome = await runTool(command, job.logFile, limit);
    if (outcome.type !== 'exit' || outcome.code === 0) break;
  }
  return finish(job, staging, outcome!);
}

async function finish(job: InstallJob, staging: Staging, outcome: ToolOutcome): Promise<InstallFailure | null> {
  if (outcome.type === 'exit' && outcome.code === 0) {
    await publish(staging, job.set, job.snapshot);
    return null;
  }
  await discard(staging);
  return explainFailure(job.set.tool, outcome, job.timeoutSeconds, job.logFile);
}

function startLog(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  closeSync(openSync(file, 'w', 0o600));
}
