import { join } from 'node:path';
import { FastfnError } from '../../errors.ts';
import { readEnvFile, writeEnvFile } from '../../functions/env-file.ts';
import { findEnvFiles, rotateSecrets } from '../../functions/env-secrets.ts';
import type { Terminal } from '../terminal.ts';
import { requireKey, type SecretsContext } from './context.ts';

/**
 * `fastfn secrets rotate`: encrypts all values with the first key again. Each file changes in one step, and values that use
 * the key already are left alone, so a run that was interrupted is simply run again.
 */
export async function rotateAll(context: SecretsContext, terminal: Terminal): Promise<void> {
  requireKey(context);
  const { config, keyring } = context;
  const failures: string[] = [];
  let total = 0;
  for (const file of await findEnvFiles(config.functionsRoot)) {
    const path = join(config.functionsRoot, file);
    const { content, problem } = await readEnvFile(path);
    const rotated = problem === null ? rotateSecrets(content, file, keyring) : { problems: [problem] };
    if ('problems' in rotated) {
      failures.push(...rotated.problems.map((reason) => `${file}: ${reason}`));
    } else if (rotated.count > 0) {
      await writeEnvFile(path, rotated.content);
      terminal.out.line(`${file}: ${countOf(rotated.count)} re-encrypted with the key ${keyring[0]!.id}`);
      total += rotated.count;
    }
  }
  if (failures.length > 0) {
    throw new FastfnError('SECRET_UNREADABLE', failures.join('\n'), {
      hint: 'These files are as they were. Pass the key that they need with --old-key-file and rotate again.',
    });
  }
  if (total === 0) terminal.out.line(`nothing to do: all encrypted values use the key ${keyring[0]!.id}`);
}

function countOf(count: number): string {
  return count === 1 ? '1 value' : `${count} values`;
}
