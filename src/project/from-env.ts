import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Environment, SECRET_VARIABLES } from './environment.ts';
import { readSecretFile } from './secret-file.ts';

const FILE_SUFFIX = '_FILE';

/**
 * What `from_env` of fn.env.json may name (F147): every variable, and NAME where NAME_FILE names a file, as orchestrators
 * give secrets. The platform's own secrets are no function's business (P39).
 */
export async function variablesForFunctions(environment: Environment, cwd: string): Promise<Record<string, string>> {
  const variables = Object.entries(environment.all()).filter(([name]) => !SECRET_VARIABLES.has(name));
  const given = Object.fromEntries(variables);
  const files = variables.filter(([name, path]) => name.endsWith(FILE_SUFFIX) && path !== '');
  const read = await Promise.all(
    files.map(
      async ([name, path]) => [name.slice(0, -FILE_SUFFIX.length), await readFileOf(resolve(cwd, path))] as const,
    ),
  );
  const found = read.filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !SECRET_VARIABLES.has(entry[0]),
  );
  return { ...Object.fromEntries(found), ...given };
}

/** Variables called like this have many uses: what is no small file of text is not meant for a function. */
async function readFileOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) return undefined; // a pipe would be empty for the one it is meant for
  const parsed = await readSecretFile(path);
  return 'problem' in parsed ? undefined : parsed.value;
}
