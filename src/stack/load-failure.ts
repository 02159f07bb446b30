import type { FunctionFailure } from '../admin/platform.ts';
import { withoutMachinePaths } from '../functions/shown-paths.ts';
import { hideValues } from './redaction.ts';
import { findPlace } from './source-place.ts';

const MAX_MESSAGE = 2000; // characters; an error in a generated file may quote all of it

/**
 * Why a function does not load, as its author is told: without the values of its `secrets` (F107), paths relative to the
 * functions root (P163), and with the line of the user's that the error blames.
 */
export function describeFailure(failure: unknown, secrets: readonly string[], functionsRoot: string): FunctionFailure {
  const { message, stack } = textsOf(failure);
  const shown = withoutMachinePaths(hideValues(message, secrets), functionsRoot).trim().slice(0, MAX_MESSAGE);
  return { message: shown, ...(findPlace(stack, functionsRoot) ?? findPlace(message, functionsRoot)) };
}

/** The stack is the language's own: that of an Error of ours starts in our own code. */
function textsOf(failure: unknown): { readonly message: string; readonly stack: string } {
  if (typeof failure !== 'object' || failure === null) return { message: String(failure), stack: '' };
  const { message, stack, cause } = failure as { message?: unknown; stack?: unknown; cause?: { stack?: unknown } };
  const reported = failure instanceof Error ? cause?.stack : stack;
  return { message: String(message ?? failure), stack: typeof reported === 'string' ? reported : '' };
}
