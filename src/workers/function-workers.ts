import type { LoadError } from './failure.ts';
import { type RevisionHost, RevisionWorkers } from './revision-workers.ts';
import type { FunctionRevision, WorkerAddress } from './types.ts';

export interface FunctionHost extends Omit<RevisionHost, 'onChange'> {
  onFiles(functionKey: string, revision: string, files: readonly string[]): void;
  announce(functionKey: string, revision: string, workers: readonly WorkerAddress[]): void;
}

/** The revisions of one function: the current one serves, a prepared one may follow, former ones finish what they have. */
export class FunctionWorkers {
  readonly #key: string;
  readonly #host: FunctionHost;
  /** In order of their first mention, which is the order of their age. */
  readonly #revisions = new Map<string, RevisionWorkers>();
  #current: RevisionWorkers | null = null;

  constructor(key: string, host: FunctionHost) {
    this.#key = key;
    this.#host = host;
  }

  get current(): RevisionWorkers | null {
    return this.#current;
  }

  get loadError(): LoadError | null {
    return this.#current?.loadError ?? null;
  }

  /** Loads a first worker of this revision; it serves after activate(). Rejects with LOAD_FAILED. */
  async load(revision: FunctionRevision): Promise<readonly string[]> {
    const workers = this.#of(revision);
    if (workers.serving.length === 0) await workers.grow();
    return [...workers.files];
  }

  /** This revision serves from now on. Older ones get no more announcements, younger ones stay prepared. */
  activate(revision: FunctionRevision): void {
    const next = this.#of(revision);
    for (const workers of this.#revisions.values()) {
      if (workers === next) break;
      workers.role = 'former';
    }
    next.role = 'current';
    this.#current = next;
    this.#announce(next);
    void next.keepWarm();
  }

  /** Every nginx worker has let go of the former revisions. */
  retireOld(graceMs: number): void {
    for (const [id, workers] of this.#revisions) {
      if (workers.role !== 'former') continue;
      this.#revisions.delete(id);
      workers.end('retired', graceMs);
    }
  }

  end(graceMs: number): void {
    for (const workers of this.#revisions.values()) workers.end('retired', graceMs);
    this.#revisions.clear();
    this.#current = null;
  }

  updateContext(revision: FunctionRevision): void {
    this.#revisions.get(revision.revision)?.updateContext(revision);
  }

  /** What one worker of a revision has loaded; told on when it is more than the others had (P122). */
  addFiles(revision: string, files: readonly string[]): void {
    const workers = this.#revisions.get(revision);
    if (workers === undefined) return;
    const known = workers.files.size;
    for (const file of files) workers.files.add(file);
    if (workers.files.size > known) this.#host.onFiles(this.#key, revision, [...workers.files]);
  }

  #of(revision: FunctionRevision): RevisionWorkers {
    let workers = this.#revisions.get(revision.revision);
    if (workers !== undefined) {
      workers.revision = revision; // the same code with more known of it, such as how TypeScript was compiled
    } else {
      workers = new RevisionWorkers(revision, {
        ...this.#host,
        onChange: (changed) => {
          if (changed === this.#current) this.#announce(changed);
        },
      });
      this.#revisions.set(revision.revision, workers);
    }
    return workers;
  }

  #announce({ revision, serving }: RevisionWorkers): void {
    this.#host.announce(
      this.#key,
      revision.revision,
      serving.map(({ address }) => address),
    );
  }
}
