import { FastfnError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';

/** A daemon that answers but cannot be used (P56). */
export function unsuitable(message: string): FastfnError {
  return new FastfnError('DOCKER_UNAVAILABLE', message, {
    hint: 'Update Docker, or let DOCKER_HOST name a daemon that runs Linux containers.',
  });
}

/** A DOCKER_HOST or context that names no place. */
export function unusableAddress({ address, source }: Endpoint): FastfnError {
  return new FastfnError(
    'DOCKER_UNAVAILABLE',
    `${source ?? 'DOCKER_HOST'}: ${JSON.stringify(address)} is not an address of a daemon`,
    {
      hint: 'Use unix:///path, tcp://host:port or ssh://user@host.',
    },
  );
}

/** How much a failure of one usual place says about the cause: a socket that refuses means more than one that is not there. */
export function rankFailure({ message }: FastfnError): number {
  return message.startsWith(NOT_INSTALLED) ? 0 : message.startsWith(NOT_RUNNING) ? 1 : 2;
}

const NOT_INSTALLED = 'Docker is not installed or not running';
const NOT_RUNNING = 'the Docker daemon is not running';

/** Why a daemon could not be asked, in one sentence with the next step (P52-P57). */
export function describeFailure(error: unknown, endpoint: Endpoint, limitMs: number): FastfnError {
  if (error instanceof FastfnError) return error;
  const cause = error as NodeJS.ErrnoException & { statusCode?: number };
  const { address, source } = endpoint;
  const place = source === null ? address : `${source}: ${address}`;
  const fail = (message: string, hint: string) => new FastfnError('DOCKER_UNAVAILABLE', message, { hint, cause });
  if (cause.name === 'AbortError') {
    return fail(
      `the Docker daemon does not answer within ${limitMs / 1000}s (${place})`,
      'Restart Docker; see also its log.',
    );
  }
  const isSocket = address.startsWith('unix:');
  if (isSocket && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) {
    return fail(source === null ? NOT_INSTALLED : `${NOT_INSTALLED} (${place} does not exist)`, START_HINT);
  }
  if (isSocket && (cause.code === 'EACCES' || cause.code === 'EPERM')) {
    const path = address.replace('unix://', '');
    return fail(
      `no permission for ${path}`,
      'Join the docker group (sudo usermod -aG docker "$USER", then log in again), or use rootless Docker.',
    );
  }
  if (cause.code === 'ECONNREFUSED')
    return fail(`${NOT_RUNNING} (nothing listens at ${place})`, isSocket ? startHint() : REMOTE_HINT);
  if (cause.statusCode !== undefined)
    return unsuitable(`what answers at ${place} is not a Docker daemon (HTTP ${cause.statusCode})`);
  return fail(`the Docker daemon at ${place} cannot be reached: ${cause.message || cause.code}`, REMOTE_HINT);
}

const START_HINT = 'Install and start Docker: https://docs.docker.com/get-docker/';
const REMOTE_HINT = 'Check DOCKER_HOST or the Docker context, and DOCKER_TLS_VERIFY with DOCKER_CERT_PATH.';

function startHint(): string {
  return process.platform === 'linux' ? 'Start it: sudo systemctl start docker' : 'Start Docker Desktop.';
}
