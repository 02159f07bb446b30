import { join } from 'node:path';
import type { BinaryKey, ProjectConfig } from '../project/types.ts';
import { INSIDE } from './paths.ts';

/**
 * The configuration of the stack inside the container: what the host decided, with the container's own address and folders.
 * Programs of the host are not there, names may be (section 1.4, FN_*_BIN).
 */
export function insideConfig(config: ProjectConfig, user: string): ProjectConfig {
  const isName = ([, program]: [string, string]) => !program.includes('/');
  const uid = user.split(':', 1)[0]!;
  return {
    ...config,
    host: '0.0.0.0',
    port: INSIDE.port,
    runDir: INSIDE.stack,
    storeDir: join(INSIDE.store, uid),
    pollMs: null,
    binaries: Object.fromEntries(Object.entries(config.binaries).filter(isName)) as Partial<Record<BinaryKey, string>>,
  };
}
