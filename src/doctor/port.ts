import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { FastfnError } from '../errors.ts';

export interface PortOwner {
  readonly pid: number;
  readonly command: string;
}

export type PortState =
  | { readonly state: 'free' }
  /** `owner` where /proc lets us see it. */
  | { readonly state: 'in-use'; readonly owner: PortOwner | null }
  | { readonly state: 'refused'; readonly reason: string };

/** Throws unless a server may listen there (P49). */
export async function requirePort(host: string, port: number): Promise<void> {
  const found = await checkPort(host, port);
  if (found.state === 'in-use') throw portInUse(port, found.owner);
  if (found.state === 'refused') {
    throw new FastfnError('PORT_IN_USE', `cannot listen on ${host}:${port}: ${found.reason}`, {
      hint: 'Choose another --host or --port.',
    });
  }
}

export function portInUse(port: number, owner: PortOwner | null): FastfnError {
  const by = owner === null ? '' : ` by pid ${owner.pid} (${owner.command})`;
  return new FastfnError('PORT_IN_USE', `port ${port} is in use${by}`, {
    hint: 'Stop that program, or choose another port with --port (0 takes any free one).',
  });
}

/** Tries to listen, for a moment. Port 0 is always free. */
export async function checkPort(host: string, port: number): Promise<PortState> {
  const error = await tryToListen(host, port);
  if (error === null) return { state: 'free' };
  if (error.code === 'EADDRINUSE') return { state: 'in-use', owner: await findOwner(port) };
  const reasons: Record<string, string> = {
    EACCES: 'ports below 1024 need more rights',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  return { state: 'refused', reason: reasons[error.code ?? ''] ?? error.message };
}

function tryToListen(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The process that listens on a TCP port, from /proc; null elsewhere, or for processes of other users. */
export async function findOwner(port: number): Promise<PortOwner | null> {
  const inodes = new Set([
    ...(await listeningInodes('/proc/net/tcp', port)),
    ...(await listeningInodes('/proc/net/tcp6', port)),
  ]);
  if (inodes.size === 0) return null;
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (/^\d+$/.test(pid) && (await holdsSocket(pid, inodes)))
      return { pid: Number(pid), command: await commandOf(pid) };
  }
  return null;
}

const LISTENING = '0A'; // TCP_LISTEN in the st column (proc(5))

async function listeningInodes(table: string, port: number): Promise<string[]> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = (await readFile(table, 'utf8').catch(() => '')).split('\n').map((row) => row.trim().split(/\s+/));
  return rows
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTENING)
    .map((columns) => columns[9]!);
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const descriptor of await readdir(folder).catch(() => [])) {
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`${folder}/${descriptor}`).catch(() => ''))?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

async function commandOf(pid: string): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.replaceAll('\0', ' ').trim().slice(0, 120) || 'unknown command';
}
