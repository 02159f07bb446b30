import { mkdir } from 'node:fs/promises';
import { mayWriteFunctions } from '../docker/container.ts';
import type { ProjectConfig } from '../project/types.ts';
import { giveTo } from './owner.ts';
import { linkVendorFolders } from './vendor-links.ts';

/** Makes what a container mounts, the property of its user (`uid:gid`; P62, P63): what is missing the daemon would refuse. */
export async function prepareMounts(config: ProjectConfig, user: string): Promise<void> {
  const [uid, gid] = user.split(':').map(Number) as [number, number];
  const owner = process.getuid?.() === 0 ? { uid, gid, name: '', group: '' } : null;
  for (const dir of [config.stateDir, config.logs.dir]) {
    const first = await mkdir(dir, { recursive: true, mode: 0o700 });
    if (first !== undefined) await giveTo(owner, [first, dir]);
  }
  if (!mayWriteFunctions(config)) await linkVendorFolders(config, owner);
}
