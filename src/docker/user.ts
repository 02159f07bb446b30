import { stat } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { ProjectConfig } from '../project/types.ts';

/**
 * Whom everything in the container runs as (P63), so that what it writes belongs to whoever would have written it without Docker:
 * who starts FastFN, or for root the owner of the functions (P76).
 */
export async function containerUser({ docker, functionsRoot }: ProjectConfig): Promise<string> {
  if (docker.runAsRoot) return '0:0';
  if (docker.user !== null) return docker.user.includes(':') ? docker.user : `${docker.user}:${docker.user}`;
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid !== 0) return `${uid}:${gid}`;
  const owner = await stat(functionsRoot);
  return `${owner.uid}:${owner.gid}`;
}

/** A rootless daemon shows its own user as root in containers; every other number belongs to nobody on the host. */
export async function isRootless(docker: Docker): Promise<boolean> {
  const { SecurityOptions = [] } = (await docker.info()) as { SecurityOptions?: readonly string[] };
  return SecurityOptions.some((option) => option.includes('name=rootless'));
}
