import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { FastfnError } from '../errors.ts';
import { homeOf } from '../home.ts';

/** Where a daemon listens, and how it is spoken to. */
export interface Endpoint {
  /** As the user would write it in DOCKER_HOST. */
  readonly address: string;
  /** What named it: `DOCKER_HOST`, `Docker context "x"`; null for a usual place. */
  readonly source: string | null;
  /** Folder with ca.pem, cert.pem and key.pem; null = no TLS. */
  readonly tlsDir: string | null;
  readonly isVerified: boolean;
}

/** Docker's configuration, as far as it says which daemon is meant. */
const CliConfig = z.looseObject({ currentContext: z.string().optional() });
const ContextMeta = z.looseObject({
  Endpoints: z.looseObject({
    docker: z.looseObject({ Host: z.string().min(1), SkipTLSVerify: z.boolean().optional() }),
  }),
});

/**
 * The daemons to try, in order (P50): DOCKER_HOST, else the Docker context in use, else the usual sockets: rootless, the
 * system's, Docker Desktop's.
 */
export function findEndpoints(env: NodeJS.ProcessEnv): Endpoint[] {
  const home = homeOf(env);
  const configDir = env.DOCKER_CONFIG || join(home, '.docker');
  if (env.DOCKER_HOST) return [fromVariable(env.DOCKER_HOST, env, configDir)];
  const context = env.DOCKER_CONTEXT || readCurrentContext(configDir);
  if (context !== undefined && context !== '' && context !== 'default') return [fromContext(context, configDir)];
  const sockets = [
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    '/var/run/docker.sock',
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ];
  return sockets.map((path) => ({ address: `unix://${path}`, source: null, tlsDir: null, isVerified: true }));
}

function fromVariable(value: string, env: NodeJS.ProcessEnv, configDir: string): Endpoint {
  const address = value.includes('://') ? value : `tcp://${value}`;
  const isVerified = (env.DOCKER_TLS_VERIFY ?? '') !== '';
  const usesTls = isVerified || /^https:|:2376$/.test(address);
  const tlsDir = usesTls && !address.startsWith('unix:') ? env.DOCKER_CERT_PATH || configDir : null;
  return { address, source: 'DOCKER_HOST', tlsDir, isVerified: isVerified || tlsDir === null };
}

function readCurrentContext(configDir: string): string | undefined {
  return readDockerFile(join(configDir, 'config.json'), CliConfig)?.currentContext;
}

function fromContext(name: string, configDir: string): Endpoint {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = readDockerFile(join(configDir, 'contexts/meta', id, 'meta.json'), ContextMeta);
  if (meta === undefined) {
    throw new FastfnError('DOCKER_UNAVAILABLE', `the Docker context "${name}" does not exist`, {
      hint: 'Choose another: docker context use default, or set DOCKER_HOST.',
    });
  }
  const { Host, SkipTLSVerify = false } = meta.Endpoints.docker;
  const tlsDir = join(configDir, 'contexts/tls', id, 'docker');
  return {
    address: Host,
    source: `Docker context "${name}"`,
    tlsDir: existsSync(tlsDir) ? tlsDir : null,
    isVerified: !SkipTLSVerify,
  };
}

/** A file of the Docker command line; undefined where there is none. */
function readDockerFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined; // Docker need not have been configured
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new FastfnError('DOCKER_UNAVAILABLE', `${path} is not what Docker writes`, {
      hint: 'Repair or remove the file, or set DOCKER_HOST.',
      cause,
    });
  }
}
