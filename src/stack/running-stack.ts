import type { FastfnError } from '../errors.ts';
import type { StackEvent } from './events.ts';

/** What a stack needs from whoever starts it. */
export interface StartOptions {
  onEvent(event: StackEvent): void;
  /** Aborted when the user gives up while the stack is still starting (P9). */
  readonly signal: AbortSignal;
}

/** Why a stack is no longer there; `error` when nobody asked it to end. */
export interface StackEnd {
  readonly reason: string;
  readonly error?: FastfnError;
}

/** A stack that has printed its ready line. */
export interface RunningStack {
  readonly url: string;
  /** Rescans the functions and reloads their configuration (P130). */
  reload(): Promise<void>;
  /** Stops gracefully (P104); resolves when every process, socket and folder of ours is gone. */
  drain(): Promise<void>;
  /** Stops at once; resolves when everything is gone. Harmless during and after a drain. */
  kill(): Promise<void>;
  readonly ended: Promise<StackEnd>;
}
