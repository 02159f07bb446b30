import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import type Docker from 'dockerode';
import * as z from 'zod';
import type { FastfnError } from '../errors.ts';
import { type Endpoint, findEndpoints } from './endpoint.ts';
import { describeFailure, rankFailure, unsuitable, unusableAddress } from './engine-failure.ts';

/** A daemon that answers (P50). */
export interface Engine {
  readonly docker: Docker;
  /** As in DOCKER_HOST, for messages. */
  readonly address: string;
  /** Another machine's daemon: folders of this one cannot be mounted (P57). */
  readonly isRemote: boolean;
  readonly version: string;
  readonly apiVersion: string;
}

/** The oldest Engine API that knows all we use (P50). */
export const MINIMUM_API = '1.41';

/** How long a daemon may take to say its version (P55). */
const ANSWER_LIMIT_MS = 5000;

const Version = z.looseObject({ Version: z.string(), ApiVersion: z.string(), Os: z.string() });

/**
 * Finds the Docker daemon and asks for its version. Throws DOCKER_UNAVAILABLE with one sentence per way of failing (P52-P57);
 * where several usual places fail, the one that says most about the cause.
 */
export async function connectEngine(env: NodeJS.ProcessEnv, limitMs = ANSWER_LIMIT_MS): Promise<Engine> {
  const failures: FastfnError[] = [];
  for (const endpoint of findEndpoints(env)) {
    try {
      return await connect(endpoint, env, limitMs);
    } catch (error) {
      failures.push(describeFailure(error, endpoint, limitMs));
    }
  }
  throw failures.sort((a, b) => rankFailure(b) - rankFailure(a))[0];
}

/** Free bytes where a daemon of this machine keeps images; null where they cannot be known. */
export async function freeImageBytes(engine: Engine): Promise<number | null> {
  if (engine.isRemote) return null;
  try {
    const { DockerRootDir } = await engine.docker.info();
    const { bavail, bsize } = await statfs(DockerRootDir);
    return bavail * bsize;
  } catch {
    return null; // inside Docker Desktop's machine, or closed to this user
  }
}

async function connect(endpoint: Endpoint, env: NodeJS.ProcessEnv, limitMs: number): Promise<Engine> {
  const options = connectionOptions(endpoint, env);
  const { default: Client } = await import('dockerode');
  const docker = new Client(options);
  const answer = Version.safeParse(await askVersion(docker, limitMs));
  if (!answer.success) throw unsuitable(`what answers at ${endpoint.address} is not a Docker daemon`);
  const { Version: version, ApiVersion: apiVersion, Os } = answer.data;
  if (isOlder(apiVersion, MINIMUM_API)) {
    throw unsuitable(`Docker ${version} speaks API ${apiVersion}, at least ${MINIMUM_API} is needed`);
  }
  if (Os !== 'linux') throw unsuitable(`Docker ${version} runs ${Os} containers, Linux containers are needed`);
  return { docker, address: endpoint.address, isRemote: isRemote(options), version, apiVersion };
}

async function askVersion(docker: Docker, limitMs: number): Promise<unknown> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  try {
    return await (docker.version as (options: object) => Promise<unknown>)({ abortSignal: limit.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** Every member is named: what is left out, dockerode would take from the environment of this process. */
function connectionOptions(endpoint: Endpoint, env: NodeJS.ProcessEnv): Docker.DockerOptions {
  const { address, tlsDir } = endpoint;
  const local = /^(?:unix|npipe):\/\/(.+)$/.exec(address)?.[1];
  const common = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  if (local !== undefined) return { ...common, socketPath: local, protocol: 'http' } as Docker.DockerOptions;
  const { protocol, hostname, port, username } = parseAddress(endpoint);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (protocol === 'ssh:') {
    return {
      ...common,
      host,
      port: port || 22,
      username: username || env.USER,
      protocol: 'ssh',
      sshOptions: { agent: env.SSH_AUTH_SOCK },
    } as Docker.DockerOptions;
  }
  if (tlsDir === null) return { ...common, host, port: port || 2375, protocol: 'http' } as Docker.DockerOptions;
  return {
    ...common,
    host,
    port: port || 2376,
    protocol: 'https',
    ...tlsOptions(endpoint, tlsDir),
  } as Docker.DockerOptions;
}

function parseAddress(endpoint: Endpoint): URL {
  const known = ['tcp:', 'http:', 'https:', 'ssh:'];
  try {
    const url = new URL(endpoint.address);
    if (known.includes(url.protocol) && url.hostname !== '') return url;
  } catch {
    // said below
  }
  throw unusableAddress(endpoint);
}

function tlsOptions({ isVerified }: Endpoint, dir: string): object {
  const read = (name: string) => readFileSync(join(dir, name));
  const keys = { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
  return isVerified ? keys : { ...keys, agent: new Agent({ ...keys, rejectUnauthorized: false }) };
}

function isRemote({ socketPath, host }: Docker.DockerOptions): boolean {
  return socketPath === undefined && !/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host ?? '');
}

function isOlder(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = minimum.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}
