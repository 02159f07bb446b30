import type { Discovery, FunctionDefinition } from '../functions/types.ts';
import type { Invocation, InvocationAnswer } from '../gateway/invoker.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { WorkerStatus } from '../workers/stats.ts';

/** How far a function's newest definition got (P164, P208). */
export interface FunctionStatus {
  readonly definition: FunctionDefinition;
  /** Revision that serves; null before the first. */
  readonly revision: string | null;
  /** Why it cannot serve at all, as its callers are told (F2). */
  readonly unavailable: {
    readonly status: number;
    readonly error: string;
    readonly detail?: string | undefined;
  } | null;
  /** The newest version does not load; the last good one serves (P106). */
  readonly isStale: boolean;
  /** An install, build or load of it is under way. */
  readonly isBusy: boolean;
}

/** What a reload did (P175). */
export interface ReloadReport {
  readonly changed: readonly string[];
  readonly tableVersion: number;
}

/** The running stack as its administration sees it. src/stack implements it; nothing here reaches further. */
export interface Platform {
  readonly config: ProjectConfig;
  readonly mode: 'native' | 'docker';
  /** Base URL that a client on this machine uses, without a final slash. */
  readonly url: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly isDraining: boolean;
  readonly discovery: Discovery;
  /** Epoch milliseconds of the last reading of the functions root. */
  readonly scannedAt: number;
  readonly tableVersion: number;
  readonly metrics: Metrics;
  functions(): readonly FunctionStatus[];
  workers(): readonly WorkerStatus[];
  /** Reads all functions anew and settles (P130). */
  reload(): Promise<ReloadReport>;
  /** Takes files that were just written; resolves when what they change is live or has failed, at most after 10 s (P164). */
  applyFiles(paths: readonly string[]): Promise<void>;
  /** Calls a function through the gateway, past what only concerns the public side (F167). */
  invoke(invocation: Invocation): Promise<InvocationAnswer>;
}
