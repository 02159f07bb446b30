import { FastfnError } from '../../errors.ts';
import { findEntryProblem } from '../../functions/env.ts';
import { readEnvFile, writeEnvFile } from '../../functions/env-file.ts';
import { openSecrets, sealSecrets } from '../../functions/env-secrets.ts';
import { type JsonObject, readJsonObject } from '../../functions/json-value.ts';
import type { Terminal } from '../terminal.ts';
import { findTarget, requireKey, type SecretsContext, type Target } from './context.ts';
import { editText } from './editor.ts';

const UNCHANGED = 'Nothing was changed.';

/** `fastfn secrets edit`: a fn.env.json in plain text in the user's editor; its secrets are encrypted when it is saved. */
export async function editSecrets(
  context: SecretsContext,
  named: string | undefined,
  terminal: Terminal,
): Promise<void> {
  requireKey(context);
  const { keyring } = context;
  const target = await findTarget(context, named);
  const opened = openSecrets(target.content, target.file, keyring);
  if ('problems' in opened) throw failure('SECRET_UNREADABLE', target, opened.problems);
  const before = `${JSON.stringify(opened.content, null, 2)}\n`;
  const after = await editText(before, terminal);
  if (after === before) {
    terminal.out.line(`${target.file}: nothing changed`);
    return;
  }
  const edited = parse(after, target);
  if ((await readEnvFile(target.path)).etag !== target.etag) {
    throw failure('EDIT_FAILED', target, ['was changed by someone else while it was edited']);
  }
  await writeEnvFile(target.path, sealSecrets(edited, target.content, target.file, keyring));
  terminal.out.line(`${target.file}: saved, secrets encrypted with the key ${keyring[0]!.id}`);
}

function parse(text: string, target: Target): JsonObject {
  const json = readJsonObject(text);
  if ('problem' in json) throw failure('FUNCTION_CONFIG_INVALID', target, [json.problem]);
  const problems = Object.entries(json.value).flatMap(([name, entry]) => findEntryProblem(name, entry) ?? []);
  if (problems.length > 0) throw failure('FUNCTION_CONFIG_INVALID', target, problems);
  return json.value;
}

function failure(
  code: 'SECRET_UNREADABLE' | 'FUNCTION_CONFIG_INVALID' | 'EDIT_FAILED',
  { file }: Target,
  problems: readonly string[],
): FastfnError {
  return new FastfnError(code, problems.map((problem) => `${file}: ${problem}`).join('\n'), { hint: UNCHANGED });
}
