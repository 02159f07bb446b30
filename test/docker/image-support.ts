import { setTimeout as delay } from 'node:timers/promises';
import type { Container } from 'dockerode';
import { docker } from './support.ts';

const DEADLINE_MS = 25_000;
const POLL_MS = 100;
const PROBE_LIMIT_MS = 2000;

/** A container of an image that serves by itself, and where it answers. */
export interface ServingImage {
  readonly url: string;
  readonly container: Container;
}

/** Starts an image hardened as docs/docker.md says, on a free port; resolves when it is ready. */
export async function serveImage(tag: string, env: readonly string[] = []): Promise<ServingImage> {
  const container = await docker.createContainer({
    Image: tag,
    Env: [...env],
    HostConfig: {
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
    },
  });
  try {
    await container.start();
    return { url: await readyAddress(container), container };
  } catch (error) {
    await discard(container);
    throw error;
  }
}

async function readyAddress(container: Container): Promise<string> {
  const { NetworkSettings } = await container.inspect();
  const url = `http://127.0.0.1:${NetworkSettings.Ports['8080/tcp']![0]!.HostPort}`;
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await isReady(url))) {
    if (Date.now() > deadline) throw new Error(`not ready: ${await container.logs({ stdout: true, stderr: true })}`);
    await delay(POLL_MS);
  }
  return url;
}

/** Ends a container with its volumes; one that is gone already is fine. */
export async function discard(container: Container): Promise<void> {
  await container.remove({ force: true, v: true }).catch(() => {});
}

/** A connection that Docker takes before the container's network is up may never be answered. */
function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/_fn/ready`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
