import { join } from 'node:path';
import { readEnvFile } from '../../functions/env-file.ts';
import { findEnvFiles, listSecrets, type StoredSecret } from '../../functions/env-secrets.ts';
import type { Terminal } from '../terminal.ts';
import type { SecretsContext } from './context.ts';

interface ListedSecret extends StoredSecret {
  readonly file: string;
}

/** `fastfn secrets list`: which secrets there are and how each is stored, never a value. */
export async function listAll({ config, keyring }: SecretsContext, asJson: boolean, terminal: Terminal): Promise<void> {
  const found: ListedSecret[] = [];
  for (const file of await findEnvFiles(config.functionsRoot)) {
    const { content, problem } = await readEnvFile(join(config.functionsRoot, file));
    if (problem !== null) terminal.err.line(`warning: ${file}: ${problem}`);
    found.push(...listSecrets(content, file, keyring).map((secret) => ({ file, ...secret })));
  }
  terminal.out.text(asJson ? `${JSON.stringify(found.map(toJson), null, 2)}\n` : asLines(found));
}

function toJson({ file, name, storage, keyId, problem }: ListedSecret): object {
  return { file, name, storage, key_id: keyId, problem };
}

function asLines(found: readonly ListedSecret[]): string {
  if (found.length === 0) return 'no secrets\n';
  const width = (column: (secret: ListedSecret) => string) => Math.max(...found.map((secret) => column(secret).length));
  const [files, names] = [width(({ file }) => file), width(({ name }) => name)];
  const lines = found.map(
    (secret) => `${secret.file.padEnd(files)}  ${secret.name.padEnd(names)}  ${describe(secret)}\n`,
  );
  return lines.join('');
}

function describe({ storage, keyId, problem }: StoredSecret): string {
  if (storage === 'environment') return 'from the environment';
  if (storage === 'plain') return 'not encrypted';
  return problem === null ? `encrypted with the key ${keyId}` : `unreadable: ${problem}`;
}
