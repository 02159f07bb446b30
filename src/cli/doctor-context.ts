import type { DoctorContext, DoctorMode, Machine, Project } from '../doctor/check.ts';
import { askDocker } from '../doctor/docker.ts';
import { askImage } from '../doctor/docker-image.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { listProjectFiles } from '../doctor/project-files.ts';
import { findRuns } from '../doctor/runs.ts';
import { FastfnError } from '../errors.ts';
import { readFunctions } from '../functions/discovery.ts';
import { readConfigFile } from '../project/config-file.ts';
import type { ProjectConfig } from '../project/types.ts';
import { loadInvokedProject, workingDirectory } from './load-project.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** Begins to look at everything the checks need, at once; with mode null at the project's files only (P17). */
export async function createContext(
  invocation: Invocation,
  terminal: Terminal,
  mode: DoctorMode | null,
): Promise<DoctorContext> {
  const cwd = await workingDirectory(invocation.flags.cwd as string | undefined, terminal.cwd);
  const file = await readConfigFile(cwd, invocation.flags.config as string | undefined).catch(() => null);
  const loaded = await load(invocation, terminal);
  const [config, configError] = loaded instanceof FastfnError ? [null, loaded] : [loaded, null];
  return {
    cwd,
    configFile: file?.path ?? null,
    configError,
    project: config && lookAtProject(config),
    machine: mode && lookAtMachine(mode, config, terminal.env),
  };
}

/** Settings of native mode are the wider ones: what they name is looked at in every mode. */
async function load(invocation: Invocation, terminal: Terminal): Promise<ProjectConfig | FastfnError> {
  const native = { ...invocation, settings: { ...invocation.settings, native: true } };
  try {
    return await loadInvokedProject('dev', native, terminal);
  } catch (error) {
    if (error instanceof FastfnError) return error;
    throw error;
  }
}

function lookAtProject(config: ProjectConfig): Project {
  return {
    config,
    discovery: reportedLater(readFunctions(config)),
    files: reportedLater(listProjectFiles(config.functionsRoot)),
  };
}

function lookAtMachine(mode: DoctorMode, config: ProjectConfig | null, env: NodeJS.ProcessEnv): Machine {
  const docker = mode === 'native' ? null : reportedLater(askDocker(env));
  const asksNative = mode !== 'docker' && config !== null;
  return {
    mode,
    prerequisites: asksNative
      ? reportedLater(findNativePrerequisites(config, config.runtimes, { env, isFresh: true }))
      : null,
    docker,
    image: docker && config && reportedLater(docker.then((answer) => askImage(answer, config))),
    runs: reportedLater(findRuns(config)),
  };
}

/** Each check that waits for it reports the failure. */
function reportedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
