import type { WorkerUsage } from '../workers/revision-workers.ts';

/** Adds up what the nginx workers report of each function worker; a dead nginx worker's open streams are dropped. */
export class UsageTotals {
  readonly #byNginx = new Map<number, Map<number, { open: number; served: number }>>();
  /** What dead nginx workers had sent, by function worker. */
  readonly #past = new Map<number, number>();

  /** Takes a report of one nginx worker about one function worker; returns the sum over all. */
  add(nginxPid: number, workerPid: number, open: number, served: number): WorkerUsage {
    let reports = this.#byNginx.get(nginxPid);
    if (!reports) {
      reports = new Map();
      this.#byNginx.set(nginxPid, reports);
    }
    reports.set(workerPid, { open, served });
    return this.#total(workerPid);
  }

  /** Returns the function workers whose sums change because an nginx worker is gone. */
  drop(nginxPid: number): ReadonlyMap<number, WorkerUsage> {
    const reports = this.#byNginx.get(nginxPid) ?? new Map<number, { open: number; served: number }>();
    this.#byNginx.delete(nginxPid);
    const changed = new Map<number, WorkerUsage>();
    for (const [workerPid, { served }] of reports) {
      this.#past.set(workerPid, (this.#past.get(workerPid) ?? 0) + served);
      changed.set(workerPid, this.#total(workerPid));
    }
    return changed;
  }

  /** Forgets a function worker that has ended. */
  forget(workerPid: number): void {
    this.#past.delete(workerPid);
    for (const reports of this.#byNginx.values()) reports.delete(workerPid);
  }

  #total(workerPid: number): WorkerUsage {
    let outstanding = 0;
    let served = this.#past.get(workerPid) ?? 0;
    for (const reports of this.#byNginx.values()) {
      const report = reports.get(workerPid);
      outstanding += report?.open ?? 0;
      served += report?.served ?? 0;
    }
    return { outstanding, served };
  }
}
