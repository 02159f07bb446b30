import { join } from 'node:path';
import { FastfnError } from '../errors.ts';
import { isSecretEntry } from '../functions/env.ts';
import { readEnvFile } from '../functions/env-file.ts';
import { findEnvFiles } from '../functions/env-secrets.ts';
import { isObject } from '../functions/json-value.ts';
import { type Environment, SECRET_VARIABLES } from '../project/environment.ts';
import { readSecretFile } from '../project/secret-file.ts';
import { ALL_SETTINGS } from '../project/settings.ts';
import type { ProjectConfig } from '../project/types.ts';
import { type Keyring, keyringOf } from '../secrets/keyring.ts';
import { isSealed, openValue } from '../secrets/seal.ts';

/** The variables of a deployed container. */
export interface DeployedVariables {
  readonly plain: Readonly<Record<string, string>>;
  /** By name, sorted; null where no value is known here. */
  readonly secrets: ReadonlyMap<string, string | null>;
}

/** Settings about this machine, and those that a deployment decides itself. */
const NOT_DEPLOYED =
  /^(?:native|host|port|poll|functions-dir|state-dir|store-dir|run-dir|socket-base-dir|log-dir|runtime-binaries|runtime-log-file|native-session-file|hot-reload.*|docker.*|scheduler\.enabled|jobs\.enabled)$/;

/**
 * What a deployed container needs of this environment: settings that are set here, and what the functions' fn.env.json take
 * from the environment or keep as a secret, which an image never holds (P298). What fastfn.json says is in the image.
 */
export async function readVariables(config: ProjectConfig, environment: Environment): Promise<DeployedVariables> {
  const plain: Record<string, string> = {};
  const secrets = new Map<string, string | null>();
  for (const [name, setting] of Object.entries(ALL_SETTINGS)) {
    if (NOT_DEPLOYED.test(name)) continue;
    for (const variable of setting.env) {
      const value = setting.secret ? await readSecret(environment, variable) : environment.get(variable)?.value;
      if (value === undefined) continue;
      if (setting.secret) secrets.set(variable, value);
      else plain[variable] = value;
    }
  }
  const found = await readReferences(config);
  for (const variable of found.plain) {
    const value = environment.get(variable)?.value;
    if (value !== undefined) plain[variable] = value;
  }
  for (const [variable, stored] of found.secrets) {
    const value = (await readSecret(environment, variable)) ?? onlyValue(variable, stored);
    secrets.set(variable, value ?? null);
  }
  return { plain, secrets: new Map([...secrets].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** A secret of this environment: the variable, else the file that `<NAME>_FILE` names. */
async function readSecret(environment: Environment, name: string): Promise<string | undefined> {
  const given = environment.get(name)?.value;
  const file = environment.get(`${name}_FILE`)?.value;
  if (given !== undefined || file === undefined) return given;
  const parsed = await readSecretFile(file);
  if ('problem' in parsed) throw new FastfnError('CONFIG_INVALID', `${name}_FILE: ${parsed.problem}`);
  return parsed.value;
}

/** What the functions' files name: variables, and for secrets the values that are stored, by file. */
interface References {
  readonly plain: Set<string>;
  readonly secrets: Map<string, Map<string, string>>;
}

async function readReferences(config: ProjectConfig): Promise<References> {
  const references: References = { plain: new Set(), secrets: new Map() };
  const keyring = keyringOf(config.secretsKey);
  for (const file of await findEnvFiles(config.functionsRoot)) {
    const { content, problem } = await readEnvFile(join(config.functionsRoot, file));
    if (problem !== null) throw new FastfnError('FUNCTION_CONFIG_INVALID', `${file}: ${problem}`);
    for (const [name, entry] of Object.entries(content)) collect(references, keyring, file, name, entry);
  }
  return references;
}

function collect({ plain, secrets }: References, keyring: Keyring, file: string, name: string, entry: unknown): void {
  const { value, from_env: source } = isObject(entry) ? entry : { value: entry };
  const variable = typeof source === 'string' ? source : name;
  if (SECRET_VARIABLES.has(variable)) return; // no function's business (P39)
  if (!isSecretEntry(name, entry)) {
    if (typeof source === 'string') plain.add(variable);
    return;
  }
  const stored = secrets.get(variable) ?? new Map<string, string>();
  secrets.set(variable, stored);
  if (value == null) return;
  const opened = isSealed(value) ? openValue(keyring, { file, name }, value) : { value: String(value) };
  if ('problem' in opened) throw new FastfnError('SECRET_UNREADABLE', `${file}: ${name} ${opened.problem}`);
  stored.set(file, opened.value);
}

/** In an image, functions share one environment: values that differ by folder need one decision. */
function onlyValue(variable: string, stored: ReadonlyMap<string, string>): string | undefined {
  const values = new Set(stored.values());
  if (values.size <= 1) return [...values][0];
  const files = [...stored.keys()].join(' and ');
  throw new FastfnError('CONFIG_INVALID', `${variable} has different values in ${files}, and a container has one`, {
    hint: `Give one of them another name, or set ${variable} in the environment of this command.`,
  });
}
