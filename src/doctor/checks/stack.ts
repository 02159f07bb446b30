import { version } from '../../version.ts';
import type { Check, DoctorContext, Finding } from '../check.ts';
import { skipped } from '../check.ts';
import { type Run, removeDeadRun } from '../runs.ts';

const ANSWER_LIMIT_MS = 2000;

export const stackChecks: readonly Check[] = [{ id: 'stack.running', run: checkRunning, fix: removeDeadRuns }];

/** The project's running stacks, and what dead ones of anybody's projects left (P286). */
async function checkRunning({ project, machine }: DoctorContext): Promise<Finding> {
  if (machine === null) return skipped('fastfn check asks no process');
  const runs = await machine.runs;
  const dead = runs.filter(({ isAlive }) => !isAlive);
  const own = runs.flatMap(({ file, isAlive }) =>
    isAlive && file !== null && file.project_id === project?.config.projectId ? [file] : [],
  );
  const states = await Promise.all(own.map(async (file) => ({ file, state: await askReady(file.url) })));
  const details = Object.fromEntries([
    ...states.map(({ file, state }) => [file.url, `pid ${file.pid}, ${file.mode}, version ${file.version}, ${state}`]),
    ...dead.map(({ dir }) => [dir, 'left by a stack that is gone']),
  ]);
  const others = own.filter((file) => file.version !== version);
  const message =
    own.length === 0 ? 'no stack of this project is running' : `running at ${own.map(({ url }) => url).join(', ')}`;
  if (dead.length > 0) {
    const left = `${dead.length} ${dead.length === 1 ? 'stack is' : 'stacks are'} gone and left files`;
    return { status: 'WARN', message: `${message}; ${left}`, hint: 'fastfn doctor --fix removes them.', details };
  }
  if (others.length > 0) {
    const hint = 'Restart it to run this version.';
    return {
      status: 'WARN',
      message: `${message} with version ${others[0]!.version}, this is ${version}`,
      hint,
      details,
    };
  }
  if (states.some(({ state }) => state !== 'ready'))
    return { status: 'WARN', message: `${message}, not ready`, hint: 'See fastfn logs.', details };
  return { status: 'OK', message, details: own.length === 0 ? undefined : details };
}

async function askReady(url: string): Promise<string> {
  try {
    const { status } = await fetch(`${url}/_fn/ready`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    return status === 200 ? 'ready' : `not ready (${status})`;
  } catch {
    return 'no answer';
  }
}

async function removeDeadRuns({ machine }: DoctorContext): Promise<string | null> {
  const dead: Run[] = ((await machine?.runs) ?? []).filter(({ isAlive }) => !isAlive);
  for (const run of dead) await removeDeadRun(run);
  return dead.length === 0 ? null : `removed ${dead.map(({ dir }) => dir).join(', ')}`;
}
