import { removeContainer, removeNetwork } from '../docker/cleanup.ts';
import type { Engine } from '../docker/engine.ts';
import { findOldImages, removeImage, stackImageName } from '../docker/image.ts';
import { LABEL, ownerLives } from '../docker/names.ts';
import { compareText } from '../functions/compare.ts';
import type { ProjectConfig } from '../project/types.ts';

/** Something in Docker that a dead stack of ours, of whatever project, has left. */
export interface Leftover {
  readonly kind: 'container' | 'network' | 'image';
  readonly name: string;
  readonly id: string;
}

/** Containers and networks with our labels whose owner is dead, and images that no start will use (P271). */
export async function findDockerLeftovers(engine: Engine, config: ProjectConfig): Promise<Leftover[]> {
  const filters = JSON.stringify({ label: [LABEL.project] });
  const [containers, networks, images] = await Promise.all([
    engine.docker.listContainers({ all: true, filters }),
    engine.docker.listNetworks({ filters }),
    stackImageName(config.docker.baseImage).then((current) => findOldImages(engine, current)),
  ]);
  const isDead = (labels: Readonly<Record<string, string>> | undefined) => !ownerLives(labels?.[LABEL.owner] ?? '');
  const byName = (a: Leftover, b: Leftover) => compareText(a.name, b.name);
  return [
    ...containers
      .filter(({ Labels }) => isDead(Labels))
      .map(({ Id, Names }): Leftover => ({ kind: 'container', name: Names[0]?.replace(/^\//, '') ?? Id, id: Id }))
      .sort(byName),
    ...networks
      .filter(({ Labels }) => isDead(Labels))
      .map(({ Id, Name }): Leftover => ({ kind: 'network', name: Name, id: Id }))
      .sort(byName),
    ...images.map((name): Leftover => ({ kind: 'image', name, id: name })),
  ];
}

/** Removes them, containers before the networks that they are connected to; returns what is gone. */
export async function removeDockerLeftovers(engine: Engine, leftovers: readonly Leftover[]): Promise<Leftover[]> {
  const gone: Leftover[] = [];
  for (const leftover of leftovers) {
    const { kind, id } = leftover;
    if (kind === 'container') await removeContainer(engine.docker, id);
    else if (kind === 'network') await removeNetwork(engine.docker, id);
    else if (!(await removeImage(engine, id))) continue;
    gone.push(leftover);
  }
  return gone;
}
