import { join } from 'node:path';
import { FastfnError } from '../errors.ts';
import { isSecretEntry } from '../functions/env.ts';
import { readEnvFile } from '../functions/env-file.ts';
import { findEnvFiles } from '../functions/env-secrets.ts';
import { isObject } from '../functions/json-value.ts';
import { type Environment, SECRET_VARIABLES } from '../project/environment.ts';
import { ALL_SETTINGS } from '../project/settings.ts';
import type { ProjectConfig } from '../project/types.ts';

/** The variables of a deployed container. */
export interface DeployedVariables {
  readonly plain: Readonly<Record<string, string>>;
  /** Names, sorted. */
  readonly secrets: readonly string[];
}

/** Settings about this machine, and those that a deployment decides itself. */
const NOT_DEPLOYED =
  /^(?:native|host|port|poll|functions-dir|state-dir|store-dir|run-dir|socket-base-dir|log-dir|runtime-binaries|runtime-log-file|native-session-file|hot-reload.*|docker.*|scheduler\.enabled|jobs\.enabled|scheduler-state-path|jobs-dir)$/;

/**
 * What a deployed container needs of this environment: settings that are set here, and what the functions' fn.env.json take
 * from the environment or keep as a secret, which an image never holds (P298). What fastfn.json says is in the image.
 */
export async function readVariables(config: ProjectConfig, environment: Environment): Promise<DeployedVariables> {
  const found: Found = { plain: {}, secrets: new Set() };
  for (const [name, setting] of Object.entries(ALL_SETTINGS)) {
    if (NOT_DEPLOYED.test(name)) continue;
    for (const variable of setting.env) addSetting(found, environment, variable, setting.secret === true);
  }
  for (const file of await findEnvFiles(config.functionsRoot)) {
    const { content, problem } = await readEnvFile(join(config.functionsRoot, file));
    if (problem !== null) throw new FastfnError('FUNCTION_CONFIG_INVALID', `${file}: ${problem}`);
    for (const [name, entry] of Object.entries(content)) addReference(found, environment, name, entry);
  }
  return { plain: found.plain, secrets: [...found.secrets].sort() };
}

interface Found {
  readonly plain: Record<string, string>;
  readonly secrets: Set<string>;
}

function addSetting({ plain, secrets }: Found, environment: Environment, variable: string, isSecret: boolean): void {
  const value = environment.get(variable)?.value;
  if (!isSecret && value !== undefined) plain[variable] = value;
  if (isSecret && (value ?? environment.get(`${variable}_FILE`)) !== undefined) secrets.add(variable);
}

/** The image takes a secret from the variable that `from_env` names, else from one of the key's own name. */
function addReference({ plain, secrets }: Found, environment: Environment, name: string, entry: unknown): void {
  const source = isObject(entry) ? entry.from_env : undefined;
  const variable = typeof source === 'string' ? source : name;
  if (SECRET_VARIABLES.has(variable)) return; // no function's business (P39)
  if (!/^[A-Za-z_]\w*$/.test(variable)) {
    throw new FastfnError(
      'CONFIG_INVALID',
      `${name}: ${JSON.stringify(variable)} is not a name that a container takes`,
    );
  }
  if (isSecretEntry(name, entry)) {
    secrets.add(variable);
    return;
  }
  const value = typeof source === 'string' ? environment.get(source)?.value : undefined;
  if (value !== undefined) plain[variable] = value;
}
