import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectConfig } from '../project/types.ts';
import { readHostSettings } from './host-settings.ts';
import { INSIDE } from './paths.ts';

/**
 * What of this machine the tools and workers in the container need as they would without it: registries and how to reach them,
 * time zone and language, and the variables that workers may see. May hold credentials.
 */
export interface Surroundings {
  readonly variables: Readonly<Record<string, string>>;
  /** Content of an .npmrc. */
  readonly npmrc: string;
  /** PEM of certificate authorities that the image does not know. */
  readonly authorities: string;
}

const LOCALE = /^(TZ|LANG|LC_\w+)$/;
/** What the image keeps of its own. */
const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
const BUNDLE_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'PIP_CERT'];

/** On the host. */
export function readSurroundings({ workers }: ProjectConfig, env: NodeJS.ProcessEnv): Surroundings {
  const { proxies, pip, npmrc, authorities } = readHostSettings(env);
  const isWanted = (name: string) => LOCALE.test(name) || workers.envAllow.includes(name);
  const own = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && isWanted(entry[0]),
  );
  return { variables: { ...proxies, ...pip, ...Object.fromEntries(own) }, npmrc, authorities };
}

/** In the container: makes them those of this process, and keeps what is worth keeping between starts in the store's volume. */
export async function adoptSurroundings(
  { variables, npmrc, authorities }: Surroundings,
  storeDir: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const npmrcFile = join(INSIDE.run, 'npmrc');
  await writeFile(npmrcFile, npmrc, { mode: 0o600 });
  Object.assign(env, variables, {
    NPM_CONFIG_USERCONFIG: npmrcFile,
    XDG_CACHE_HOME: join(storeDir, 'cache'), // among others what the programs of the image were found to be
    NPM_CONFIG_CACHE: join(storeDir, 'cache/npm'),
    PIP_CACHE_DIR: join(storeDir, 'cache/pip'),
    COMPOSER_CACHE_DIR: join(storeDir, 'cache/composer'),
  });
  if (authorities === '') return;
  const bundle = join(INSIDE.run, 'ca.pem');
  await writeFile(bundle, `${await readFile(SYSTEM_BUNDLE, 'utf8').catch(() => '')}\n${authorities}`, { mode: 0o644 });
  for (const name of BUNDLE_VARIABLES) env[name] = bundle;
}
