import type { CommandRun } from './commands.ts';
import { serve } from './serve.ts';

/** `fastfn run [dir]` (P11). */
export const run: CommandRun = (invocation, terminal) => serve('run', invocation, terminal);
