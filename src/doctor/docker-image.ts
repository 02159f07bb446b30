import { DEFAULT_BASE_IMAGE } from '../docker/context.ts';
import type { Engine } from '../docker/engine.ts';
import { isPresent, stackImageName } from '../docker/image.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { DockerAnswer } from './docker.ts';

const REGISTRY_LIMIT_MS = 5000;

/** Whether a start in Docker mode would have its image. */
export interface ImageAnswer {
  readonly image: string;
  /** What it is built from; the image itself where FN_DOCKER_IMAGE names it. */
  readonly base: string;
  readonly state: 'present' | 'buildable' | 'pullable' | 'unavailable';
  /** Why it cannot be had. */
  readonly failure: string | null;
}

/** Looks for the image of a project, or what it would be made of (P270); null without a daemon. */
export async function askImage(answer: DockerAnswer, { docker }: ProjectConfig): Promise<ImageAnswer | null> {
  if (!('docker' in answer)) return null;
  const image = docker.image ?? (await stackImageName(docker.baseImage));
  const base = docker.image ?? docker.baseImage ?? DEFAULT_BASE_IMAGE;
  if (await isPresent(answer, image)) return { image, base, state: 'present', failure: null };
  if (base !== image && (await isPresent(answer, base))) return { image, base, state: 'buildable', failure: null };
  const failure = await askRegistry(answer, base);
  return { image, base, state: failure === null ? 'pullable' : 'unavailable', failure };
}

/** Whether the daemon reaches the image's registry; null if it does, else why not. */
async function askRegistry({ docker }: Engine, image: string): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('its registry does not answer'), REGISTRY_LIMIT_MS);
  });
  const asked = docker
    .getImage(image)
    .distribution()
    .then(
      () => null,
      (error: Error) => error.message.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim(),
    );
  const outcome = await Promise.race([asked, overdue]);
  clearTimeout(timer);
  return outcome;
}
