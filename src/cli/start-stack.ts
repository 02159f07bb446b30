import { FastfnError } from '../errors.ts';
import type { StartStack } from '../stack/running-stack.ts';

/** Loads the native stack only when one is started. */
export const startStack: StartStack = async () => {
  throw new FastfnError('NOT_AVAILABLE', 'the native stack is not part of this build');
};
