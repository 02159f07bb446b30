import type { StartStack } from '../stack/running-stack.ts';

/** Loads the native stack only when one is started. */
export const startStack: StartStack = async (config, options) =>
  (await import('../stack/native.ts')).startNative(config, options);
