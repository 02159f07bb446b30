import type { FunctionStatus, Platform } from './platform.ts';

/** What became of a write (P164). */
export interface LoadOutcome {
  readonly status: 'ok' | 'error' | 'installing';
  readonly error?: string;
  /** Place of the error in the user's files, relative to the functions root. */
  readonly file?: string;
  readonly line?: number;
  /** Version of the route table that the next request sees. */
  readonly table_version: number;
}

/** Whether the newest version of a function serves, is still being prepared, or why it does not load. */
export function loadOutcome({ tableVersion }: Platform, status: FunctionStatus): LoadOutcome {
  const error = errorOf(status);
  if (error !== null) return { status: 'error', ...error, table_version: tableVersion };
  return { status: status.isBusy || isInstalling(status) ? 'installing' : 'ok', table_version: tableVersion };
}

function errorOf(status: FunctionStatus): Pick<LoadOutcome, 'error' | 'file' | 'line'> | null {
  const { failure, unavailable, definition } = status;
  if (failure !== null) {
    const { message, ...place } = failure;
    return { error: message, ...place };
  }
  if (unavailable === null || isInstalling(status)) return null;
  return { error: definition.configProblem ?? unavailable.detail ?? unavailable.error };
}

function isInstalling({ unavailable }: FunctionStatus): boolean {
  return unavailable?.warming === true;
}
