import { randomBytes } from 'node:crypto';
import { ExitCode, FastfnError } from '../../errors.ts';
import { suggest } from '../../functions/nearest.ts';
import type { CommandRun } from '../commands.ts';
import type { Invocation, Terminal } from '../terminal.ts';
import { readContext } from './context.ts';
import { editSecrets } from './edit.ts';
import { listAll } from './list.ts';
import { rotateAll } from './rotate.ts';
import { setSecret } from './set.ts';

type Action = (args: readonly string[], invocation: Invocation, terminal: Terminal) => Promise<void>;

const ACTIONS: Readonly<Record<string, Action>> = {
  keygen: async (args, _, { out }) => {
    expectAtMost(0, args);
    out.line(randomBytes(32).toString('base64'));
  },
  set: async (args, invocation, terminal) => {
    expectAtMost(2, args);
    const context = await readContext(invocation, args[1], terminal);
    await setSecret(args[0], context, functionOf(invocation), terminal);
  },
  list: async (args, invocation, terminal) => {
    expectAtMost(1, args);
    await listAll(await readContext(invocation, args[0], terminal), invocation.flags.json === true, terminal);
  },
  rotate: async (args, invocation, terminal) => {
    expectAtMost(1, args);
    await rotateAll(await readContext(invocation, args[0], terminal), terminal);
  },
  edit: async (args, invocation, terminal) => {
    expectAtMost(1, args);
    await editSecrets(await readContext(invocation, args[0], terminal), functionOf(invocation), terminal);
  },
};

/** `fastfn secrets <action>`: encrypted values of fn.env.json. */
export const secrets: CommandRun = async (invocation, terminal) => {
  const [name = '', ...args] = invocation.args;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) throw unknownAction(name);
  await action(args, invocation, terminal);
  return ExitCode.ok;
};

function functionOf({ flags }: Invocation): string | undefined {
  return flags.function as string | undefined;
}

/** What is too many is not repeated: it may be the value of a secret. */
function expectAtMost(count: number, args: readonly string[]): void {
  if (args.length > count) throw new FastfnError('USAGE', 'too many arguments', { hint: 'See fastfn help secrets.' });
}

function unknownAction(name: string): FastfnError {
  return new FastfnError('USAGE', `unknown action "${name}"${suggest(name, Object.keys(ACTIONS))}`, {
    hint: `One of ${Object.keys(ACTIONS).join(', ')}.`,
  });
}
