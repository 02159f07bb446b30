import type { FunctionDefinition, ProcessRuntime } from '../functions/types.ts';

/** A TypeScript entry built to one JavaScript module (see LOAD in docs/protocol.md). */
export interface CompiledModule {
  readonly file: string;
  readonly format: 'cjs' | 'esm';
  readonly sources: readonly string[];
}

/** A version of a function's code and environment, as the worker pool loads it. */
export interface FunctionRevision {
  readonly definition: FunctionDefinition;
  /** Unique per function for the life of the supervisor; grows. */
  readonly revision: string;
  /** Dependency folders: `sys.path` entries or `node_modules` folders. */
  readonly paths: readonly string[];
  readonly compiled: CompiledModule | null;
}

/** How the gateway reaches one loaded worker. */
export interface WorkerAddress {
  readonly pid: number;
  readonly socket: string;
  /** Slots granted to this worker. */
  readonly concurrency: number;
  /** Ordinal within its function, from 1 (X-Fn-Runtime-Socket-Index). */
  readonly index: number;
}

/** A captured line of output (P116, P118), before redaction. */
export interface WorkerLogLine {
  readonly runtime: ProcessRuntime | 'lua';
  /** Function key, null for a spare. */
  readonly functionKey: string | null;
  readonly requestId: string | null;
  readonly stream: 'stdout' | 'stderr';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The last line of a request sent with CAPTURE; `message` is empty when it has nothing (more) to say. */
  readonly last?: true;
}
