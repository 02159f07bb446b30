import { type ExitCode, FastfnError } from '../errors.ts';
import type { Output } from './output.ts';

/**
 * Prints why a command failed, in the one form of P3: each fact a line `error: …`, each known remedy a line
 * `hint: …`; stacks and causes only for those who asked for debugging. Returns the exit code.
 */
export function reportFailure(error: unknown, err: Pick<Output, 'line'>, isDebugging: boolean): ExitCode {
  const failure = error instanceof FastfnError ? error : internal(error);
  for (const line of failure.message.split('\n')) err.line(`error: ${line}`);
  for (const line of failure.hint?.split('\n') ?? []) err.line(`hint: ${line}`);
  if (isDebugging) err.line(describeStack(failure));
  return failure.exitCode;
}

function internal(error: unknown): FastfnError {
  const message = error instanceof Error ? error.message : String(error);
  return new FastfnError('INTERNAL', `internal error: ${message}`, {
    hint: 'This is a mistake in FastFN. Run again with --log-level debug for the details, and report them.',
    cause: error,
  });
}

function describeStack(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${describeStack(error.cause)}` : own;
}
