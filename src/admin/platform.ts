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
    /** Its packages are being installed (F3). */
    readonly warming?: boolean;
  } | null;
  /** The newest version does not load; the last good one serves (P106). */
  readonly isStale: boolean;
  /** Why the newest version does not load or install, else null. */
  readonly failure: FunctionFailure | null;
  /** An install, build or load of it is under way. */
  readonly isBusy: boolean;
}

/** Why code does not load: the text without the values of its secrets, and where in the user's files, if that is known. */
export interface FunctionFailure {
  readonly message: string;
  /** Relative to the functions root. */
  readonly file?: string;
  readonly line?: number;
}

/** What became of files that were just written. */
export interface AppliedChange {
  /**
   * Resolves when all that the change concerns is live or has failed, at the latest 10 s after it was applied (P164). The code
   * of `functionKey` is loaded even if nobody has called it yet, so that its author learns whether it works.
   */
  settled(functionKey: string): Promise<void>;
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
  /** Calls a function through the gateway, past what only concerns the public side (F167). */
  invoke(invocation: Invocation): Promise<InvocationAnswer>;
  /**
   * Runs a write below the functions root, whose result is the paths (absolute; a new folder before what is in it) that it has
   * touched, and takes them without waiting for the watcher. Resolves when every request that starts afterwards finds the
   * routes that follow from them.
   */
  applyFiles(write: () => Promise<readonly string[]>): Promise<AppliedChange>;
}
