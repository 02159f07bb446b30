import { ExitCode } from '../errors.ts';
import type { CommandRun } from './commands.ts';
import { describeVersion } from './version.ts';

/** `fastfn version` among flags that the fast path of main.ts does not know. */
export const showVersion: CommandRun = async ({ flags }, { out }) => {
  out.line(describeVersion(flags.json === true));
  return ExitCode.ok;
};
