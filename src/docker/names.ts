import { readlinkSync } from 'node:fs';
import { isAlive, startTime } from '../process-identity.ts';
import type { ProjectConfig } from '../project/types.ts';

/** Labels of containers and networks (P61). */
export const LABEL = {
  project: 'dev.fastfn.project',
  owner: 'dev.fastfn.owner',
  version: 'dev.fastfn.version',
  run: 'dev.fastfn.run',
} as const;

/** Name of a project's container and of its network: there is one of each. */
export function containerName({ projectId }: Pick<ProjectConfig, 'projectId'>): string {
  return `fastfn-${projectId}`;
}

/** Who a container belongs to: pid, start time, and the pid namespace in which both count. */
export interface Owner {
  readonly pid: number;
  readonly label: string;
}

export function ownerOfThisProcess(): Owner {
  const { pid } = process;
  return { pid, label: [pid, startTime(pid) ?? '', pidNamespace()].join(' ') };
}

/**
 * Whether the process behind an owner's label may still run. One in another pid namespace cannot be looked at and counts as alive:
 * its container ends by itself when it is not.
 */
export function ownerLives(label: string): boolean {
  const [, pid = '', started = '', namespace = ''] = /^(\d+) (.*) (\S*)$/.exec(label) ?? [];
  if (pid === '') return false;
  if (namespace !== pidNamespace()) return true;
  return isAlive(Number(pid)) && startTime(Number(pid)) === started;
}

export function ownerPid(label: string): number {
  return Number.parseInt(label, 10);
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // not Linux: there is one
  }
}
