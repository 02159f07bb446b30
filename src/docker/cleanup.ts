import type Docker from 'dockerode';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type PublishedPort, publishedUrl } from './find.ts';
import { LABEL, ownerLives, ownerPid } from './names.ts';

const NETWORK_TRIES = 50;
const TRY_MS = 100;

/**
 * Removes the containers and networks that a stack of this project left whose owner is dead, and nothing else (P69). Throws
 * ALREADY_RUNNING when the owner lives.
 */
export async function removeLeftovers(docker: Docker, { projectId }: ProjectConfig): Promise<void> {
  const filters = JSON.stringify({ label: [`${LABEL.project}=${projectId}`] });
  const [containers, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
  ]);
  for (const { Labels, Ports } of containers) {
    const owner = Labels[LABEL.owner] ?? '';
    if (ownerLives(owner)) throw alreadyRunning(owner, Ports);
  }
  await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
  const dead = networks.filter(({ Labels }) => !ownerLives(Labels?.[LABEL.owner] ?? ''));
  await Promise.all(dead.map(({ Id }) => removeNetwork(docker, Id)));
}

function alreadyRunning(owner: string, ports: readonly PublishedPort[]): FastfnError {
  const where = publishedUrl(ports) ?? 'an address not known yet';
  return new FastfnError('ALREADY_RUNNING', `already running at ${where} (pid ${ownerPid(owner)})`, {
    hint: 'stop that one; in Docker a folder is served once at a time',
  });
}

/** Ends a container with its anonymous volumes; harmless when it is gone or on its way. */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id);
  const removed = container.wait({ condition: 'removed' }).catch(unlessGone);
  await container.remove({ force: true, v: true }).catch(unlessGone);
  await removed;
}

/** Removes a network once nothing is connected to it any more. */
export async function removeNetwork(docker: Docker, id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await docker.getNetwork(id).remove();
    } catch (error) {
      const { statusCode } = error as { statusCode?: number };
      if (statusCode === 404) return;
      if (statusCode !== 403 || tries === NETWORK_TRIES) throw error; // 403: "has active endpoints"
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    }
  }
}

/** 404: it is gone. 409: its removal is under way. */
function unlessGone(error: { statusCode?: number }): void {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
}
