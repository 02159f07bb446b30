import { boolean, type Kind, list, quote, show, text } from './kinds.ts';
import { optional, setting } from './setting.ts';
import type { DockerMount } from './types.ts';

const MOUNT = /^([^:]+):(\/[^:]*?)(:ro)?$/;

/** The daemon refuses less (Engine API, `Memory`). */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

const mounts = list('host:container[:ro]', (entry) =>
  MOUNT.test(entry) ? null : `${quote(entry)} is not of the form host:container[:ro]`,
);

const memory: Kind<number> = fromWord('bytes, with k, m or g', (word) => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(word) ?? [];
  const bytes = Math.round(Number(number) * UNITS[unit.toLowerCase()]!);
  if (number === '') return { problem: `${quote(word)} is not a size like 512m` };
  return bytes < MIN_MEMORY_BYTES ? { problem: `${quote(word)} is less than 6m` } : { value: bytes };
});

const cpus: Kind<number> = fromWord('number > 0', (word) => {
  const value = /^\d+(\.\d+)?$/.test(word) ? Number(word) : 0;
  return value > 0 ? { value } : { problem: `${quote(word)} is not a number of processors like 1.5` };
});

const user: Kind<string> = fromWord('uid[:gid]', (word) =>
  /^\d+(:\d+)?$/.test(word) ? { value: word } : { problem: `${quote(word)} is not of the form uid:gid` },
);

/** A value that may be written as text or as a number. */
function fromWord<T>(label: string, fromText: Kind<T>['fromText']): Kind<T> {
  return {
    label,
    fromText: (value) => fromText(value.trim()),
    fromJson: (value) =>
      typeof value === 'string' || typeof value === 'number'
        ? fromText(String(value).trim())
        : { problem: `must be a string or a number, not ${show(value)}` },
  };
}

/** How Docker mode runs (section 2.2 of the platform's rules). */
export const DOCKER_SETTINGS = {
  'docker.base-image': optional(text(), 'Image the stack image is built from', {
    inFile: true,
    env: ['FN_DOCKER_BASE_IMAGE'],
  }),
  'docker.image': optional(text(), 'Ready image to use; nothing is built', { inFile: true, env: ['FN_DOCKER_IMAGE'] }),
  'docker.user': optional(user, 'Whom everything in the container runs as', {
    inFile: true,
    env: ['FN_DOCKER_USER'],
    defaultText: 'who starts FastFN; for root the owner of the functions folder',
  }),
  'docker.memory': optional(memory, 'Memory of the container, like 512m', { inFile: true }),
  'docker.cpus': optional(cpus, 'Processors of the container, like 1.5', { inFile: true }),
  'docker.mounts': setting(mounts, [], 'More folders or files of this machine in the container', { inFile: true }),
  'docker-run-as-root': setting(boolean, false, 'Run as root inside the container', {
    env: ['FN_DOCKER_RUN_AS_ROOT'],
  }),
};

/** `host:container[:ro]` in its parts; the host's path is not resolved yet. */
export function parseMount(entry: string): DockerMount {
  const [, source, target, readOnly] = MOUNT.exec(entry) as unknown as [string, string, string, string | undefined];
  return { source, target, isReadOnly: readOnly !== undefined };
}
