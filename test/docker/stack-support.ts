import { join } from 'node:path';
import type { ContainerInspectInfo } from 'dockerode';
import { connectEngine } from '../../src/docker/engine.ts';
import { ensureImage } from '../../src/docker/image.ts';
import { type Files, type StackOptions, TestStack, until } from '../stack/support.ts';
import { temporaryFolder } from '../unit/config-support.ts';
import { BASE_IMAGE } from './daemon.ts';
import { daemonEnvironment, docker } from './support.ts';

const IMAGE_ENVIRONMENT = { ...daemonEnvironment, FN_DOCKER_BASE_IMAGE: BASE_IMAGE };

/** Builds the stack image if this version has none, so that no start of a test has to. */
export async function buildStackImage(): Promise<void> {
  const env = { ...process.env, ...daemonEnvironment };
  await ensureImage(await connectEngine(env), {
    baseImage: BASE_IMAGE,
    image: null,
    isForced: false,
    logFile: join(temporaryFolder(), 'image.log'),
    env,
    onProgress: () => {},
  });
}

/** A stack in Docker mode on the tests' daemon, ready. */
export function startInDocker(files: Files, options: StackOptions = {}): Promise<TestStack> {
  return TestStack.start(files, inDocker(options));
}

/** The options of a stack in Docker mode on the tests' daemon. */
export function inDocker(options: StackOptions = {}): StackOptions {
  return { ...options, mode: 'docker', env: { ...IMAGE_ENVIRONMENT, ...options.env } };
}

/** The container that a stack runs in. */
export async function containerOf(stack: TestStack): Promise<ContainerInspectInfo> {
  const containers = await docker.listContainers({ all: true, filters: { label: ['dev.fastfn.project'] } });
  for (const { Id } of containers) {
    const found = await docker
      .getContainer(Id)
      .inspect()
      .catch(() => null); // another test's, just removed
    if (found?.Mounts.some(({ Source }) => Source === stack.dir)) return found;
  }
  throw new Error(`no container serves ${stack.dir}`);
}

/** Names of what a project has left with the daemon: containers and networks. */
export async function remainsOf(projectId: string): Promise<string[]> {
  const filters = { label: [`dev.fastfn.project=${projectId}`] };
  const [containers, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
  ]);
  return [...containers.map(({ Names }) => Names[0]!), ...networks.map(({ Name }) => Name)];
}

/** Waits until nothing of a project's containers is left. */
export async function untilNoContainer(projectId: string): Promise<void> {
  const filters = { label: [`dev.fastfn.project=${projectId}`] };
  await until(
    async () => (await docker.listContainers({ all: true, filters })).length === 0,
    'the container is gone',
    40_000,
  );
}
