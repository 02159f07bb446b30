import { join } from 'node:path';
import { connectEngine, type Engine } from '../docker/engine.ts';
import { requireMountable } from '../docker/mountable.ts';
import { findNativePrerequisites } from '../doctor/native.ts';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { isLoopback } from '../stack/address.ts';
import type { StackEvent } from '../stack/events.ts';
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
  if (engine.isRemote) throw remoteDaemon(engine);
  onEvent({ type: 'progress', step: 'checks', detail: `Docker ${engine.version}` });
  if (!isLoopback(config.host)) onEvent(reachableFromOutside(config));
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

/** P57. */
function remoteDaemon({ address }: Engine): FastfnError {
  return new FastfnError(
    'CONFIG_INVALID',
    `the Docker daemon at ${address} runs on another machine, which lacks this folder`,
    {
      hint: 'Use a daemon of this machine: unset DOCKER_HOST, or choose its Docker context.',
    },
  );
}

/** P64. */
function reachableFromOutside({ host }: ProjectConfig): StackEvent {
  const message = `the port is published on ${host}: it can be reached from outside this machine, past most firewalls`;
  return { type: 'problem', severity: 'warning', path: '', message };
}
