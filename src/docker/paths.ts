import { posix } from 'node:path';

/** Where things lie inside the container; everything of the project keeps the path it has on the host. */
export const INSIDE = {
  program: '/opt/fastfn',
  /** The named volume, shared by all projects; each user has a folder of its own in it. */
  store: '/var/lib/fastfn/store',
  run: '/run/fastfn',
  /** The stack's own run directory: it is removed at the end, and a mount point cannot be. */
  stack: '/run/fastfn/stack',
  /** Links from function folders into the store. */
  hops: '/run/fastfn/hops',
  temp: '/tmp',
  port: 8080,
} as const;

/** The named volume of installed dependencies (P62). */
export const STORE_VOLUME = 'fastfn-store';

const OWN = [INSIDE.program, INSIDE.store, INSIDE.run, '/proc', '/sys', '/dev'];
const SYSTEM = ['/bin', '/etc', '/lib', '/lib64', '/sbin', '/usr', '/var/lib/dpkg'];

/** The path of ours that a mount would cover or lie in, else null (P62). */
export function coveredPath(target: string): string | null {
  const path = posix.normalize(target);
  const covers = (inner: string, outer: string) =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  return (
    [...OWN, ...SYSTEM, INSIDE.temp].find((own) => covers(own, path)) ?? OWN.find((own) => covers(path, own)) ?? null
  );
}
