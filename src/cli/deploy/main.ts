import { ExitCode, FastfnError } from '../../errors.ts';
import type { CommandRun } from '../commands.ts';
import type { Invocation, Terminal } from '../terminal.ts';
import { deployKubernetes } from './kubernetes.ts';
import { deploySystemd } from './systemd.ts';

interface Target {
  /** Flags that only this system knows. */
  readonly flags: readonly string[];
  /** `args` are those after the system's name. */
  readonly print: (invocation: Invocation, terminal: Terminal) => Promise<void>;
}

const TARGETS: Readonly<Record<string, Target>> = {
  systemd: { flags: ['user'], print: deploySystemd },
  kubernetes: { flags: ['name', 'image', 'replicas', 'host'], print: deployKubernetes },
};

/** `fastfn deploy <system> [dir]` (P299, P302): results on standard output, what to do with them on standard error. */
export const deploy: CommandRun = async (invocation, terminal) => {
  const [name = '', ...args] = invocation.args;
  const target = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  if (target === undefined) {
    throw new FastfnError('NOT_AVAILABLE', `"fastfn deploy ${name}" is not available in this version`, {
      hint: `One of ${Object.keys(TARGETS).join(', ')}.`,
    });
  }
  refuseFlagsOfOthers(target, name, invocation);
  await target.print({ ...invocation, args }, terminal);
  return ExitCode.ok;
};

function refuseFlagsOfOthers(target: Target, name: string, { flags }: Invocation): void {
  const known = Object.values(TARGETS).flatMap((other) => other.flags);
  const foreign = known.find((flag) => flags[flag] !== undefined && !target.flags.includes(flag));
  if (foreign !== undefined) throw new FastfnError('USAGE', `--${foreign} means nothing to ${name}`);
}
