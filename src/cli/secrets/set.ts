import { FastfnError } from '../../errors.ts';
import { findEntryProblem } from '../../functions/env.ts';
import { HIDDEN, mergeEnv, writeEnvFile } from '../../functions/env-file.ts';
import { sealerFor } from '../../functions/env-secrets.ts';
import { isObject } from '../../functions/json-value.ts';
import type { Terminal } from '../terminal.ts';
import { findTarget, requireKey, type SecretsContext } from './context.ts';
import { readValue } from './read-value.ts';

/** `fastfn secrets set KEY`: the value comes from standard input, never from the command line, which others can read. */
export async function setSecret(
  name: string | undefined,
  context: SecretsContext,
  named: string | undefined,
  terminal: Terminal,
): Promise<void> {
  if (name === undefined) throw new FastfnError('USAGE', 'set needs the name of a variable: fastfn secrets set KEY');
  if (findEntryProblem(name, '') !== undefined) {
    throw new FastfnError('USAGE', 'set needs the name of a variable, and nothing but its name', {
      hint: 'The value is read from standard input.',
    });
  }
  requireKey(context);
  const target = await findTarget(context, named);
  const value = await readValue(name, terminal);
  if (value === HIDDEN) throw new FastfnError('USAGE', `${HIDDEN} stands for a stored value and cannot be one`);
  const body = { [name]: { value, is_secret: true } };
  const merge = mergeEnv(target.content, body, sealerFor(context.keyring, target.file));
  if ('problems' in merge) {
    throw new FastfnError(
      'FUNCTION_CONFIG_INVALID',
      merge.problems.map((problem) => `${target.file}: ${problem}`).join('\n'),
    );
  }
  await writeEnvFile(target.path, merge.content);
  terminal.out.line(`${target.file}: ${name} is set, encrypted with the key ${context.keyring[0]!.id}`);
  const entry = merge.content[name];
  const source = isObject(entry) ? entry.from_env : undefined;
  if (typeof source === 'string')
    terminal.err.line(`note: where ${source} is set in the environment, it wins over this value`);
}
