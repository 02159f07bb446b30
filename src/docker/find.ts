import { connectEngine } from './engine.ts';
import { LABEL } from './names.ts';

/** A container that serves a project now. */
export interface RunningContainer {
  /** Base URL of its published port; null before there is one. */
  readonly url: string | null;
  /** Resolves when it has ended, or its daemon went away. */
  ended(): Promise<void>;
}

/** The running container of a project; null where there is none, or no daemon to ask. */
export async function findContainer(projectId: string, env: NodeJS.ProcessEnv): Promise<RunningContainer | null> {
  const engine = await connectEngine(env).catch(() => null);
  if (engine === null) return null;
  const filters = JSON.stringify({ label: [`${LABEL.project}=${projectId}`], status: ['running'] });
  const [found] = await engine.docker.listContainers({ filters });
  if (found === undefined) return null;
  const container = engine.docker.getContainer(found.Id);
  return {
    url: publishedUrl(found.Ports),
    async ended() {
      await container.wait().catch(() => {}); // removed, or the daemon went away: nothing follows either way
    },
  };
}

/** A port as the daemon tells it. */
export interface PublishedPort {
  readonly IP?: string;
  readonly PublicPort?: number;
}

/** The address of a container's published port for a client on this machine. */
export function publishedUrl(ports: readonly PublishedPort[]): string | null {
  const { IP = '127.0.0.1', PublicPort } = ports.find((port) => port.PublicPort !== undefined) ?? {};
  if (PublicPort === undefined) return null;
  const host = ['0.0.0.0', '::'].includes(IP) ? '127.0.0.1' : IP.includes(':') ? `[${IP}]` : IP;
  return `http://${host}:${PublicPort}`;
}
