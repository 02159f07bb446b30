import { join } from 'node:path';
import type {
  AppliedChange,
  FunctionStatus,
  Platform,
  ProjectProblem,
  ReloadReport,
  RuntimeStatus,
  WatchStatus,
} from '../admin/platform.ts';
import type { AdminServer } from '../admin/server.ts';
import type { Discovery } from '../functions/types.ts';
import type { FunctionLoad } from '../gateway/counts.ts';
import type { Invoker } from '../gateway/invoker.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { WorkerStatus } from '../workers/stats.ts';
import { LogAccess } from './log-access.ts';
import { giveTo, type StackUser } from './owner.ts';
import { OPERATOR_SOCKET } from './run-dir.ts';

/** What the running stack lets its administration see and do. */
export interface PlatformParts {
  readonly config: ProjectConfig;
  readonly metrics: Metrics;
  url(): string;
  /** Aborted when the stack begins to drain. */
  readonly draining: AbortSignal;
  discovery(): Discovery;
  scannedAt(): number;
  tableVersion(): number;
  functions(): readonly FunctionStatus[];
  workers(): readonly WorkerStatus[];
  loads(): Promise<Readonly<Record<string, FunctionLoad>>>;
  runtimes(): readonly RuntimeStatus[];
  problems(): readonly ProjectProblem[];
  watch(): WatchStatus | null;
  reload(): Promise<readonly string[]>;
  readonly invoker: Invoker;
  applyFiles(write: () => Promise<readonly string[]>): Promise<AppliedChange>;
}

const WRITE_ANSWERS_WITHIN_MS = 10_000; // P164

/** The stack as `Platform`. */
export function createPlatform(parts: PlatformParts): Platform {
  const startedAt = Date.now();
  const logs = new LogAccess(parts.config);
  return {
    config: parts.config,
    metrics: parts.metrics,
    mode: parts.config.mode,
    startedAt,
    get url() {
      return parts.url();
    },
    get isDraining() {
      return parts.draining.aborted;
    },
    get discovery() {
      return parts.discovery();
    },
    get scannedAt() {
      return parts.scannedAt();
    },
    get tableVersion() {
      return parts.tableVersion();
    },
    functions: () => parts.functions(),
    workers: () => parts.workers(),
    loads: () => parts.loads(),
    runtimes: () => parts.runtimes(),
    problems: () => parts.problems(),
    watch: () => parts.watch(),
    readLog: (source, query) => logs.read(source, query),
    followLog: (source, query, onLines, signal) =>
      logs.follow(source, query, onLines, AbortSignal.any([signal, parts.draining])),
    async reload(): Promise<ReloadReport> {
      const changed = await parts.reload();
      return { changed, tableVersion: parts.tableVersion() };
    },
    invoke: (invocation) => parts.invoker.invoke(invocation),
    async applyFiles(write): Promise<AppliedChange> {
      const deadline = performance.now() + WRITE_ANSWERS_WITHIN_MS;
      const change = await parts.applyFiles(write);
      return { settled: (functionKey) => until(deadline, change.settled(functionKey)) };
    },
  };
}

/**
 * Opens the sockets of the administration in the run directory; the server's code is read only when a stack starts. The one for
 * nginx belongs to the stack's user, the operator's stays with whoever started the stack.
 */
export async function openAdminSockets(
  runDir: string,
  platform: Platform,
  user: StackUser | null,
): Promise<AdminServer> {
  const { startAdminServer } = await import('../admin/server.ts');
  const sockets = { gateway: join(runDir, 'admin.sock'), operator: join(runDir, OPERATOR_SOCKET) };
  const server = await startAdminServer(sockets, platform);
  await giveTo(user, [sockets.gateway]);
  return server;
}

/** Waits for the work, but not past the deadline (performance.now()). */
async function until(deadline: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
  });
  await Promise.race([work, overdue]);
  clearTimeout(timer);
}
