import { connectEngine, type Engine } from '../docker/engine.ts';
import { FastfnError } from '../errors.ts';

/** A Docker daemon that answers, or why there is none. */
export type DockerAnswer = Engine | { readonly problem: string; readonly hint: string | undefined };

/** Looks for a Docker daemon as Docker mode does (P50). */
export async function askDocker(env: NodeJS.ProcessEnv): Promise<DockerAnswer> {
  try {
    return await connectEngine(env);
  } catch (error) {
    if (!(error instanceof FastfnError)) throw error;
    return { problem: error.message, hint: error.hint };
  }
}
