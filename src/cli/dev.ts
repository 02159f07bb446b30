import type { CommandRun } from './commands.ts';
import { serve } from './serve.ts';

/** `fastfn dev [dir]` (P10). */
export const dev: CommandRun = (invocation, terminal) => serve('dev', invocation, terminal);
