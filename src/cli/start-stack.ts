import type { StartStack } from '../stack/running-stack.ts';

/** Loads the native stack only when one is started. */
export const startStack: StartStack = async (config, options) => {
  const { startNative } = await import('../stack/native.ts');
  return startNative(config, options);
};
