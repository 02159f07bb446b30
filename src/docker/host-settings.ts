import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { homeOf } from '../home.ts';

/**
 * What this machine knows about reaching package registries. Builds and installs in containers need it; it may hold
 * credentials, so no image keeps any of it.
 */
export interface HostSettings {
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, each in both cases. */
  readonly proxies: Readonly<Record<string, string>>;
  /** Content of an .npmrc: registries, credentials, proxies. */
  readonly npmrc: string;
  /** PIP_* variables: indexes, trusted hosts, proxy. */
  readonly pip: Readonly<Record<string, string>>;
  /** PEM of the certificate authorities that this machine trusts beyond the ones every Node knows. */
  readonly authorities: string;
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Variables that name a bundle of certificate authorities. */
const BUNDLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'PIP_CERT'] as const;

export function readHostSettings(env: NodeJS.ProcessEnv): HostSettings {
  const npm = readNpmSettings(env);
  const pip = readPipSettings(env);
  const bundles = [...BUNDLES.map((name) => env[name]), npm.get('cafile'), pip.get('cert')];
  npm.delete('cafile');
  pip.delete('cert');
  return {
    proxies: readProxies(env),
    npmrc: [...npm].map(([key, value]) => `${key}=${value}\n`).join(''),
    pip: Object.fromEntries([...pip].map(([key, value]) => [`PIP_${key.toUpperCase().replaceAll('-', '_')}`, value])),
    authorities: readAuthorities(bundles.filter((path) => path !== undefined && path !== '') as string[]),
  };
}

/** Whether a proxy or registry is on this machine itself, where only the host's own network reaches it. */
export function usesLoopback({ proxies, npmrc, pip }: HostSettings): boolean {
  const reached = Object.entries({ ...proxies, ...pip }).filter(([name]) => name.toUpperCase() !== 'NO_PROXY');
  return /\/\/(?:[^/@\s]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/\s]|$)/.test(
    [...reached.map(([, value]) => value), npmrc].join('\n'),
  );
}

function readProxies(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of PROXIES) {
    const value = env[name.toLowerCase()] || env[name];
    if (value) Object.assign(found, { [name]: value, [name.toLowerCase()]: value });
  }
  return found;
}

// --------------------------------------------------------------------------------------------------------------- npm

/** Settings that say where packages come from; everything else of an .npmrc is about this machine. */
const NPM_KEY =
  /^(?:registry|@[^:]+:registry|\/\/.+|proxy|https-proxy|noproxy|strict-ssl|cafile|ca(?:\[\])?|always-auth)$/;

/** npm's own order: its variables, the user's file, the global one. */
function readNpmSettings(env: NodeJS.ProcessEnv): Map<string, string> {
  const variable = (name: string) => env[`npm_config_${name}`] || env[`NPM_CONFIG_${name.toUpperCase()}`];
  const globalFile =
    variable('globalconfig') || join(variable('prefix') || dirname(dirname(process.execPath)), 'etc/npmrc');
  const userFile = variable('userconfig') || join(homeOf(env), '.npmrc');
  const settings = new Map<string, string>();
  for (const file of [globalFile, userFile]) {
    for (const { key, value } of readIni(file)) if (NPM_KEY.test(key)) settings.set(key, expand(value, env));
  }
  for (const [name, value] of Object.entries(env)) {
    const key = /^npm_config_(.+)$/i.exec(name)?.[1];
    if (key === undefined || !value) continue;
    const plain = key.startsWith('//') || key.startsWith('@') ? key : key.toLowerCase().replaceAll('_', '-');
    if (NPM_KEY.test(plain)) settings.set(plain, value);
  }
  return settings;
}

/** npm replaces `${NAME}` by the variable, and leaves it where there is none. */
function expand(value: string, env: NodeJS.ProcessEnv): string {
  return value.replace(/\$\{([^}]+)\}/g, (text, name: string) => env[name] ?? text);
}

// --------------------------------------------------------------------------------------------------------------- pip

const PIP_KEYS = ['index-url', 'extra-index-url', 'trusted-host', 'proxy', 'cert', 'timeout', 'retries'];

/** pip's own order: its variables, then the files from the user's to the system's. */
function readPipSettings(env: NodeJS.ProcessEnv): Map<string, string> {
  const home = homeOf(env);
  const files = [
    '/etc/pip.conf',
    join(home, '.pip/pip.conf'),
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'pip/pip.conf'),
    ...(env.PIP_CONFIG_FILE ? [env.PIP_CONFIG_FILE] : []),
  ];
  const settings = new Map<string, string>();
  for (const { section, key, value } of files.flatMap(readIni)) {
    if (/^(global|install)$/.test(section) && PIP_KEYS.includes(key)) settings.set(key, value);
  }
  for (const key of PIP_KEYS) {
    const value = env[`PIP_${key.toUpperCase().replaceAll('-', '_')}`];
    if (value) settings.set(key, value);
  }
  return settings;
}

// --------------------------------------------------------------------------------------------------------- files

interface IniEntry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** The entries of an ini file, in order; an indented line continues the value before it. None where there is no file. */
function readIni(path: string): IniEntry[] {
  const entries: { section: string; key: string; value: string }[] = [];
  let section = '';
  for (const line of readText(path).split(/\r?\n/)) {
    const last = entries.at(-1);
    const header = /^\[(.+)\]\s*$/.exec(line)?.[1];
    const [, key, value] = /^([^\s#;=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (header !== undefined) section = header;
    else if (key !== undefined) entries.push({ section, key, value: (value ?? '').replace(/^"(.*)"$/, '$1') });
    else if (last && /^\s+\S/.test(line)) last.value = `${last.value} ${line.trim()}`.trim();
  }
  return entries;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Certificates of the bundles that are not among Node's own: the user's, and the few in which systems differ. */
function readAuthorities(bundles: readonly string[]): string {
  const bare = (pem: string) => pem.replace(/\s/g, '');
  const known = new Set(rootCertificates.map(bare));
  const found = new Map<string, string>();
  for (const pem of bundles.flatMap((path) => readText(path).match(CERTIFICATE) ?? [])) {
    if (!known.has(bare(pem))) found.set(bare(pem), pem);
  }
  return [...found.values()].map((pem) => `${pem}\n`).join('');
}
