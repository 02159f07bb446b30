import type { Output } from './output.ts';

/** What a command may touch of the process that runs it. */
export interface Terminal {
  /** Results (P1). */
  readonly out: Output;
  /** Everything else. */
  readonly err: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly hasTerminalInput: boolean;
}

/** A command line after parsing. */
export interface Invocation {
  readonly args: readonly string[];
  /** Flags that are not settings, by their long name without dashes; absent when not given. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  /** Flags that are settings, by setting name. */
  readonly settings: Readonly<Record<string, string | boolean>>;
}
