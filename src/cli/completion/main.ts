import { ExitCode, FastfnError } from '../../errors.ts';
import { suggest } from '../../functions/nearest.ts';
import type { CommandRun } from '../commands.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

const SCRIPTS: Readonly<Record<string, () => string>> = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `fastfn completion SHELL` (P21): a script on standard output. */
export const completion: CommandRun = async ({ args }, { out }) => {
  const shell = args[0]!;
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script === undefined) {
    const known = Object.keys(SCRIPTS);
    throw new FastfnError('USAGE', `unknown shell "${shell}"${suggest(shell, known)}`, {
      hint: `One of ${known.join(', ')}.`,
    });
  }
  out.text(script());
  return ExitCode.ok;
};
