import type { Runtime } from '../functions/types.ts';
import type { SourcePlace } from './source-place.ts';

/** One stored log line (P116): a JSON line of runtime.log or error.log, and one line of text on a terminal. */
export interface LogRecord {
  /** RFC 3339 with milliseconds, UTC. */
  readonly time: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Who speaks: a language, or a part of the platform. */
  readonly source: Runtime | 'gateway' | 'supervisor' | 'dependencies';
  /** `<name>@<version>`; null for lines that belong to no function. */
  readonly function: string | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly requestId: string | null;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Parts of a start that take time, in the order in which they begin (P96). */
export type StartStep = 'checks' | 'runtimes' | 'gateway' | 'routes';

/** What a running stack tells its owner. The stack decides nothing about how it is shown; src/cli does. */
export type StackEvent =
  /** A part of the start is done. */
  | { readonly type: 'progress'; readonly step: StartStep; readonly detail: string }
  /** The functions root was read: what there is now. */
  | {
      readonly type: 'discovered';
      readonly functions: number;
      /** Without aliases; a conflict is one that answers 409. */
      readonly routes: number;
      readonly routesByRuntime: Readonly<Partial<Record<Runtime, number>>>;
    }
  | {
      readonly type: 'ready';
      readonly url: string;
      readonly mode: 'native' | 'docker';
      readonly functions: number;
      readonly routes: number;
      readonly ms: number;
    }
  | { readonly type: 'log'; readonly record: LogRecord }
  | {
      readonly type: 'request';
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly ms: number;
      /** Function key, null where no function answered. */
      readonly functionKey: string | null;
    }
  /** More requests than a terminal can show; the access log has them all. */
  | { readonly type: 'requests-omitted'; readonly bytes: number }
  | { readonly type: 'reloaded'; readonly functions: readonly string[]; readonly ms: number }
  | {
      readonly type: 'problem';
      readonly severity: 'warning' | 'error';
      readonly path: string;
      readonly message: string;
      readonly hint?: string;
      /** The user's line that is to blame, where one is known. */
      readonly place?: SourcePlace;
    }
  | {
      readonly type: 'install';
      readonly state: 'started' | 'done' | 'failed';
      readonly tool: 'pip' | 'npm' | 'composer';
      /** Function keys that wait for it. */
      readonly functions: readonly string[];
      readonly ms?: number;
      /** Why it failed, one line. */
      readonly reason?: string;
      /** The tool's last lines. */
      readonly tail?: readonly string[];
      /** All of the tool's output; it grows while the install is under way. */
      readonly logFile?: string;
      /** Whether a last good set keeps serving. */
      readonly lastGood?: boolean;
    }
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'stopping'; readonly graceSeconds: number };
