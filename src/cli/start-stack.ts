import { join } from 'node:path';
import { connectEngine } from '../docker/engine.ts';
import { requireMountable } from '../docker/mountable.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { RunningStack, StartOptions } from '../stack/running-stack.ts';
import { describePrerequisites, nameOtherMode, requireNative } from './prerequisites.ts';

export interface StartRequest extends StartOptions {
  readonly env: NodeJS.ProcessEnv;
  /** `--build` */
  readonly isImageForced: boolean;
}

/** Looks for what the mode needs before anything is created (P40), and starts the stack. Loads the code of that mode only. */
export function startStack(config: ProjectConfig, request: StartRequest): Promise<RunningStack> {
  return config.mode === 'docker' ? inDocker(config, request) : natively(config, request);
}

async function natively(config: ProjectConfig, { env, onEvent, signal }: StartRequest): Promise<RunningStack> {
  const prerequisites = await findNativePrerequisites(config, config.runtimes, { env });
  for (const warning of await requireNative(config, prerequisites).catch(nameOtherMode(config, env))) onEvent(warning);
  onEvent({ type: 'progress', step: 'checks', detail: describePrerequisites(prerequisites) });
  signal.throwIfAborted();
  const { startNative } = await import('../stack/native.ts');
  return startNative(config, { onEvent, prerequisites, signal });
}

async function inDocker(config: ProjectConfig, request: StartRequest): Promise<RunningStack> {
  const { env, isImageForced, onEvent, signal } = request;
  requireMountable(config);
  const engine = await connectEngine(env).catch(nameOtherMode(config, env));
  onEvent({ type: 'progress', step: 'checks', detail: `Docker ${engine.version}` });
  signal.throwIfAborted();
  const [{ startDocker }, { ensureImage }] = await Promise.all([
    import('../stack/docker.ts'),
    import('../docker/image.ts'),
  ]);
  const image = () =>
    ensureImage(engine, {
      ...config.docker,
      isForced: isImageForced,
      logFile: join(config.logs.dir, 'image.log'),
      env,
      signal,
      onProgress: (message) => onEvent({ type: 'note', message }),
    });
  return startDocker(config, { onEvent, signal, engine, env, image });
}
