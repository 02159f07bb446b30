import type { InstallResult } from '../dependencies/types.ts';
import type { Discovery, DiscoveryProblem, FunctionDefinition, Runtime } from '../functions/types.ts';
import type { FunctionLoad } from '../gateway/counts.ts';
import type { Invocation, InvocationAnswer } from '../gateway/invoker.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { WorkerStatus } from '../workers/stats.ts';
import type { LogLine, LogQuery, LogSource } from './log-query.ts';

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
  /** Epoch milliseconds since when a loaded copy of it stands ready; null while it is cold (F3). */
  readonly warmAt: number | null;
  /** What became of its dependencies; null where it asks for none. */
  readonly install: InstallReport | null;
}

export interface InstallReport {
  readonly result: InstallResult;
  /** Epoch milliseconds of the result. */
  readonly at: number;
}

/** Something that is wrong with the project now (P174). */
export interface ProjectProblem {
  readonly severity: DiscoveryProblem['severity'];
  readonly kind: DiscoveryProblem['kind'] | 'load' | 'install' | 'runtime';
  /** Function key, where the problem is that of one function. */
  readonly function: string | null;
  /** Relative to the functions root. */
  readonly file: string | null;
  readonly line: number | null;
  readonly message: string;
  readonly hint: string | null;
  /** Epoch milliseconds of its first appearance. */
  readonly since: number;
}

/** A language that the project uses or this machine has. */
export interface RuntimeStatus {
  readonly runtime: Runtime;
  /** Absolute path of its program; null where it is missing. Lua's is nginx. */
  readonly binary: string | null;
  readonly version: string | null;
  /** A function is written in it. */
  readonly isUsed: boolean;
}

/** How changes of the project's files are noticed (P120). */
export interface WatchStatus {
  readonly backend: 'events' | 'polling';
  readonly isActive: boolean;
  /** Epoch milliseconds; null before the first look. */
  readonly lastScanAt: number | null;
  /** Why file events are not used although they were to be. */
  readonly error: string | null;
}

/** Why code does not load: the text without the values of its secrets, and where in the user's files, if that is known. */
export interface FunctionFailure {
  readonly message: string;
  /** Relative to the functions root. */
  readonly file?: string;
  readonly line?: number;
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
  /** What the requests of each function are doing, by its key; nothing where there is nothing to say. */
  loads(): Promise<Readonly<Record<string, FunctionLoad>>>;
  /** Those that are enabled and in use or installed, in the order of the settings. */
  runtimes(): readonly RuntimeStatus[];
  problems(): readonly ProjectProblem[];
  /** null: hot reload is off. */
  watch(): WatchStatus | null;
  /** The last lines that match, oldest first. */
  readLog(source: LogSource, query: LogQuery): Promise<readonly LogLine[]>;
  /** Calls `onLines` with the last lines, then with those that come, until `signal` is aborted or the stack drains. */
  followLog(
    source: LogSource,
    query: LogQuery,
    onLines: (lines: readonly LogLine[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
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
