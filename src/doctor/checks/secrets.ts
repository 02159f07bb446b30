import { chmod, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { isSecretEntry } from '../../functions/env.ts';
import { isObject, readJsonObject } from '../../functions/json-value.ts';
import { ENV_FILE } from '../../functions/platform-files.ts';
import { isSealed } from '../../secrets/seal.ts';
import { type Check, type DoctorContext, type Finding, type Project, withProject } from '../check.ts';
import { findTracked } from '../git-index.ts';

const OPEN_TO_OTHERS = 0o077;
const PRIVATE = 0o600; // F148
const VARIABLE_FILES = ['.env', '.env.local'];

/** Who can read the files of secrets (P280). */
export const secretsCheck: Check = {
  id: 'project.secrets',
  run: withProject(checkSecrets),
  fix: closeEnvFiles,
};

async function checkSecrets({ config, files }: Project): Promise<Finding> {
  const { env } = await files;
  const variableFiles = VARIABLE_FILES.map((name) => join(config.projectDir, name));
  const [open, tracked] = await Promise.all([
    findOpen([...env, ...variableFiles]),
    findTracked(config.projectDir, [...env, ...variableFiles]).then(withPlainSecrets),
  ]);
  const troubled = [...new Set([...open.keys(), ...tracked])].sort();
  if (troubled.length === 0) return { status: 'OK', message: 'no file of secrets can be read by others' };
  const details = troubled.map((file): [string, string] => [
    relative(config.projectDir, file),
    [
      ...(open.has(file) ? [`others may read it (mode ${open.get(file)})`] : []),
      ...(tracked.includes(file) ? ['git tracks it'] : []),
    ].join('; '),
  ]);
  const hint = [
    ...(open.size > 0 ? [`chmod 600 ${[...open.keys()].map(quote).join(' ')}`] : []),
    ...(tracked.length > 0 ? [`git rm --cached ${tracked.map(quote).join(' ')}, and add to .gitignore`] : []),
  ].join('; ');
  const message = `${count(troubled.length)} of secrets can be read by others`;
  return { status: 'WARN', message, hint, details: Object.fromEntries(details) };
}

/** `.env` is left as it is: it belongs to other programs too (P287). */
async function closeEnvFiles({ project }: DoctorContext): Promise<string | null> {
  if (project === null) return null;
  const open = [...(await findOpen((await project.files).env)).keys()];
  await Promise.all(open.map((file) => chmod(file, PRIVATE)));
  return open.length === 0 ? null : `closed to others: ${open.join(', ')}`;
}

/** Files that others may read or write, with their modes. */
async function findOpen(files: readonly string[]): Promise<Map<string, string>> {
  const modes = await Promise.all(
    files.map(async (file) => [file, (await stat(file).catch(() => null))?.mode ?? 0] as const),
  );
  const open = modes.filter(([, mode]) => (mode & OPEN_TO_OTHERS) !== 0);
  return new Map(open.map(([file, mode]) => [file, (mode & 0o777).toString(8)]));
}

/** Encrypted values are made to be committed: a fn.env.json whose secrets are all encrypted is left out. */
async function withPlainSecrets(files: ReadonlySet<string>): Promise<string[]> {
  const plain: string[] = [];
  for (const file of files) if (basename(file) !== ENV_FILE || !(await isEncrypted(file))) plain.push(file);
  return plain;
}

async function isEncrypted(file: string): Promise<boolean> {
  const json = readJsonObject(await readFile(file, 'utf8').catch(() => ''));
  if ('problem' in json) return false;
  const entries = Object.entries(json.value);
  const storedIn = (entry: unknown) => (isObject(entry) ? entry.value : entry);
  const isPlain = ([name, entry]: [string, unknown]) =>
    storedIn(entry) != null && isSecretEntry(name, entry) && !isSealed(storedIn(entry));
  return entries.some(([, entry]) => isSealed(storedIn(entry))) && !entries.some(isPlain);
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

function count(number: number): string {
  return `${number} ${number === 1 ? 'file' : 'files'}`;
}
