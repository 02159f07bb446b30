import { setTimeout as delay } from 'node:timers/promises';
import type { NoticedChange } from '../docker/messages.ts';
import { identityOf, lookAt } from './file-identity.ts';
import type { Watcher, WatcherOptions } from './watcher.ts';

/** How long a notice may be ahead of the file: folders of a host reach a virtual machine with a delay (P67). */
const VISIBLE_WITHIN_MS = 2000;
const LOOK_AGAIN_MS = 10;

/** What a changed path is on the host: its content, where it is a file. */
export function noticeOf(path: string): NoticedChange {
  const stat = lookAt(path);
  return { path, identity: stat?.isFile() ? identityOf(path, stat) : null };
}

/** Inside a container: takes the changes that the host's watcher noticed instead of looking itself (P67). */
export class RemoteWatcher {
  #options: WatcherOptions | null = null;
  #isActive = true;
  #noticedAt: number | null = null;

  /** What the stack takes for its watcher. */
  readonly create = (options: WatcherOptions): Watcher => {
    this.#options = options;
    const status = () => ({
      backend: 'events' as const,
      isActive: this.#isActive,
      lastScanAt: this.#noticedAt,
      error: null,
    });
    return {
      ready: Promise.resolve(),
      adopt: (write) => write(), // the host notices it too, and then nothing has changed
      get status() {
        return status();
      },
      close: () => {
        this.#isActive = false;
      },
    };
  };

  /** Reports changes once the files here hold what they hold on the host. */
  async notice(changes: readonly NoticedChange[]): Promise<void> {
    this.#noticedAt = Date.now();
    const deadline = performance.now() + VISIBLE_WITHIN_MS;
    for (const change of changes) {
      while (this.#isActive && !isVisible(change) && performance.now() < deadline) await delay(LOOK_AGAIN_MS);
    }
    if (this.#isActive) this.#options?.onChange(changes.map(({ path }) => path));
  }
}

/** A file of which the host says nothing more than its size and time is not compared: inodes differ across the mount. */
function isVisible({ path, identity }: NoticedChange): boolean {
  const stat = lookAt(path);
  if (identity === null) return stat === undefined || !stat.isFile();
  return !/^[0-9a-f]{64}$/.test(identity) || (stat !== undefined && identityOf(path, stat) === identity);
}
