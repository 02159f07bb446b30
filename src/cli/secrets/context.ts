import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FastfnError } from '../../errors.ts';
import { readFunctions } from '../../functions/discovery.ts';
import { type EnvFile, readEnvFile } from '../../functions/env-file.ts';
import { secretFileOf } from '../../functions/env-secrets.ts';
import { isInside } from '../../functions/files.ts';
import { ENV_FILE } from '../../functions/platform-files.ts';
import { readSecretFile } from '../../project/secret-file.ts';
import type { ProjectConfig } from '../../project/types.ts';
import { type Keyring, keyringOf, parseKeyring } from '../../secrets/keyring.ts';
import { loadInvokedProject, workingDirectory } from '../load-project.ts';
import type { Invocation, Terminal } from '../terminal.ts';

const NO_KEY_HINT =
  'Set FN_SECRETS_KEY or FN_SECRETS_KEY_FILE, or pass --key-file. `fastfn secrets keygen` makes a key.';

/** What every action of `fastfn secrets` works with. */
export interface SecretsContext {
  readonly config: ProjectConfig;
  /** The first key encrypts; empty where none is configured. */
  readonly keyring: Keyring;
}

/** Reads the project and its keys: `--key-file` over FN_SECRETS_KEY, `--old-key-file` behind them. */
export async function readContext(
  invocation: Invocation,
  dir: string | undefined,
  terminal: Terminal,
): Promise<SecretsContext> {
  const { flags } = invocation;
  const args = dir === undefined ? [] : [dir];
  const config = await loadInvokedProject('dev', { ...invocation, args }, terminal);
  const cwd = await workingDirectory(flags.cwd as string | undefined, terminal.cwd);
  const given = await readKeyFile('--key-file', flags['key-file'] as string | undefined, cwd);
  const old = await readKeyFile('--old-key-file', flags['old-key-file'] as string | undefined, cwd);
  return { config, keyring: [...(given ?? keyringOf(config.secretsKey)), ...(old ?? [])] };
}

/** Throws where no key is configured. */
export function requireKey({ keyring }: SecretsContext): void {
  if (keyring.length === 0)
    throw new FastfnError('CONFIG_INVALID', 'there is no key to encrypt with', { hint: NO_KEY_HINT });
}

async function readKeyFile(flag: string, path: string | undefined, cwd: string): Promise<Keyring | undefined> {
  if (path === undefined) return undefined;
  const content = await readSecretFile(resolve(cwd, path));
  const parsed = 'problem' in content ? content : parseKeyring(content.value);
  if ('problem' in parsed) throw new FastfnError('CONFIG_INVALID', `${flag}: ${parsed.problem}`);
  return parsed.keys;
}

/** The fn.env.json of a function. */
export interface Target extends EnvFile {
  /** Absolute. */
  readonly path: string;
  /** Relative to the functions root, with `/`: what encrypted values are bound to. */
  readonly file: string;
}

/** Finds the fn.env.json of `--function`, a folder, file or name of a function; without it that of the functions root. */
export async function findTarget({ config }: SecretsContext, named: string | undefined): Promise<Target> {
  const folder = await realpath(named === undefined ? config.functionsRoot : await findFolder(config, named));
  if (!isInside(folder, config.functionsRoot))
    throw unknownFunction(named ?? folder, 'lies outside the functions folder');
  const path = join(folder, ENV_FILE);
  const target = {
    ...(await readEnvFile(path)),
    path,
    file: secretFileOf(config.functionsRoot, folder),
  };
  if (target.problem !== null) throw new FastfnError('FUNCTION_CONFIG_INVALID', `${target.file}: ${target.problem}`);
  return target;
}

async function findFolder(config: ProjectConfig, named: string): Promise<string> {
  const path = resolve(config.functionsRoot, named);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) return path;
  if (found?.isFile() && basename(path) !== ENV_FILE) return dirname(path);
  const { functions } = await readFunctions(config);
  const definition = functions.find(({ name, key }) => name === named || key === named);
  if (definition === undefined) throw unknownFunction(named, 'is no function, and no folder of functions');
  return definition.dir;
}

function unknownFunction(named: string, problem: string): FastfnError {
  return new FastfnError('USAGE', `--function: ${named} ${problem}`, {
    hint: 'Give a folder below the functions folder, or the name of a function.',
  });
}
