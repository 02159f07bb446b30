import { FastfnError } from '../errors.ts';

/** Why a function has no worker. */
export interface LoadError {
  /** In the short texts of F2: what its requests are answered with. `overloaded`: its start took too long. */
  readonly error: string;
  readonly message: string;
  /** Starts in the user's file. */
  readonly stack?: string;
}

/** A failed start of a worker as an error that keeps what its function answers meanwhile. */
export function workerFailure(code: 'WORKER_FAILED' | 'LOAD_FAILED', failure: LoadError, cause?: unknown): FastfnError {
  const { error, message, stack } = failure;
  return new FastfnError(code, message, { cause: { error, stack, cause } });
}

/** Reads a failure back from the error. */
export function loadErrorOf(error: FastfnError): LoadError {
  const cause = error.cause as { error?: string; stack?: string } | undefined;
  return {
    error: cause?.error ?? 'runtime unavailable',
    message: error.message,
    ...(cause?.stack === undefined ? {} : { stack: cause.stack }),
  };
}
