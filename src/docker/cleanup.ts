import type Docker from 'dockerode';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';
import { LABEL, ownerLives, ownerPid } from './names.ts';

const TRIES = 50;
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

function alreadyRunning(owner: string, ports: readonly { IP?: string; PublicPort?: number }[]): FastfnError {
  const { IP = '127.0.0.1', PublicPort } = ports.find(({ PublicPort }) => PublicPort !== undefined) ?? {};
  const host = ['0.0.0.0', '::'].includes(IP) ? '127.0.0.1' : IP.includes(':') ? `[${IP}]` : IP;
  const where = PublicPort === undefined ? 'an address not known yet' : `http://${host}:${PublicPort}`;
  return new FastfnError('ALREADY_RUNNING', `already running at ${where} (pid ${ownerPid(owner)})`, {
    hint: 'stop that one; in Docker a folder is served once at a time',
  });
}

/** Ends a container with its anonymous volumes; harmless when it is gone or on its way. */
export async function removeContainer(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id);
  try {
    await container.remove({ force: true, v: true });
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 409)
      await untilGone(docker, id); // it removes itself at this moment
    else if (statusCode !== 404) throw error;
  }
}

async function untilGone(docker: Docker, id: string): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const isThere = await docker
      .getContainer(id)
      .inspect()
      .then(
        () => true,
        () => false,
      );
    if (!isThere) return;
    await pause(TRY_MS);
  }
}

/** Removes a network once nothing is connected to it any more. */
export async function removeNetwork(docker: Docker, id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await docker.getNetwork(id).remove();
    } catch (error) {
      const { statusCode } = error as { statusCode?: number };
      if (statusCode === 404) return;
      if (statusCode !== 403 || tries === TRIES) throw error; // 403: "has active endpoints"
      await pause(TRY_MS);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
