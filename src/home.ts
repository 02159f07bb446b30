import { homedir } from 'node:os';

/**
 * The user's home. A container may run under a uid that no account has: without HOME such a user has none, and the root folder
 * stands for it, where nothing of ours is found and nothing can be written.
 */
export function homeOf(env: NodeJS.ProcessEnv): string {
  if (env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return '/';
  }
}
