import { containerSpec } from '../docker/container.ts';
import { findDotEnvFiles } from '../docker/env-files.ts';
import { stackImageName } from '../docker/image.ts';
import { containerUser } from '../docker/user.ts';
import type { ProjectConfig } from '../project/types.ts';

/** What a start would use, as one JSON document (P26): every setting with its source, secrets masked. */
export async function describeDryRun(config: ProjectConfig): Promise<string> {
  const { mode, settings, runtimes } = config;
  const docker = mode === 'docker' ? await describeContainer(config) : {};
  return JSON.stringify({ mode, settings, runtimes, ...docker }, null, 2);
}

/** The image and the container as the daemon would be told; port 0 stands for a free one. */
async function describeContainer(config: ProjectConfig) {
  const [image, user, envFiles] = await Promise.all([
    config.docker.image ?? stackImageName(config.docker.baseImage),
    containerUser(config),
    findDotEnvFiles(config.functionsRoot),
  ]);
  const run = { owner: 'dry-run', run: 'dry-run', port: config.port };
  return { image, container: containerSpec({ config, image, user, envFiles, ...run }) };
}
