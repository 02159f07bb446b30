import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { FastfnError } from '../errors.ts';
import { RUNTIMES, type Runtime } from '../functions/types.ts';
import { adminConfig, adminNotes, loginProblems } from './admin-config.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { parseMount } from './docker-settings.ts';
import { type Environment, readEnvironment, remarkOnVariables } from './environment.ts';
import { variablesForFunctions } from './from-env.ts';
import { findPlaces } from './places.ts';
import { type FlagValues, type Resolution, resolveSettings } from './resolve.ts';
import { BINARY_VARIABLES, SETTINGS, type SettingValues } from './settings.ts';
import type { BinaryKey, DockerConfig, ProjectConfig } from './types.ts';

export interface ProjectInput {
  readonly command: 'dev' | 'run';
  /** The DIR argument. */
  readonly dir?: string | undefined;
  /** `--config` */
  readonly configFile?: string | undefined;
  /** `--env-file`, in order */
  readonly envFiles?: readonly string[] | undefined;
  readonly flags: FlagValues;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Whether people read the output: decides the default of `logs.format` only. */
  readonly isTerminal?: boolean;
}

/**
 * Reads everything the platform was told (P32-P38) into one frozen value. Throws a ConfigError that lists all
 * problems, or DIRECTORY_MISSING.
 */
export async function loadProject(input: ProjectInput): Promise<ProjectConfig> {
  const file = await readConfigFile(input.cwd, input.configFile);
  const projectDir = file.path === null ? input.cwd : dirname(file.path);
  const environment = await readEnvironment({
    command: input.command,
    projectDir,
    cwd: input.cwd,
    files: input.envFiles ?? [],
    real: input.env,
  });
  const context = {
    command: input.command,
    isTerminal: input.isTerminal ?? false,
    cpus: availableParallelism(),
    cwd: input.cwd,
  };
  const resolution = await resolveSettings(context, input.flags, environment, file);
  const problems = [...file.problems, ...resolution.problems, ...loginProblems(resolution.values)];
  if (problems.length > 0) throw new ConfigError(problems);
  const functionsRoot = await findFunctionsRoot(input, projectDir, resolution, file);
  return deepFreeze(await assemble({ input, projectDir, functionsRoot, environment, file, resolution }));
}

/** DIR, else `functions-dir` (relative to its file), else the project's folder (P24). */
async function findFunctionsRoot(
  input: ProjectInput,
  projectDir: string,
  { values, settings }: Resolution,
  file: ConfigFile,
): Promise<string> {
  const given = input.dir ?? values['functions-dir'];
  const source = settings['functions-dir']?.source;
  const base = input.dir === undefined && source === 'fastfn.json' ? projectDir : input.cwd;
  const place = input.dir === undefined && source === 'fastfn.json' ? `${file.name}: functions-dir: ` : '';
  const path = resolve(base, given);
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) {
    const problem = found ? 'is not a directory' : 'does not exist';
    throw new FastfnError('DIRECTORY_MISSING', `${place}${given} ${problem}`, {
      hint: `Give an existing folder of functions; looked for ${path}.`,
    });
  }
  return realpath(path);
}

interface Parts {
  readonly input: ProjectInput;
  readonly projectDir: string;
  readonly functionsRoot: string;
  readonly environment: Environment;
  readonly file: ConfigFile;
  readonly resolution: Resolution;
}

async function assemble({
  input,
  projectDir,
  functionsRoot,
  environment,
  file,
  resolution,
}: Parts): Promise<ProjectConfig> {
  const { values } = resolution;
  const projectId = createHash('sha256').update(functionsRoot).digest('hex').slice(0, 10);
  const places = await findPlaces(values, { functionsRoot, projectId, cwd: input.cwd, env: input.env });
  const binaries = findBinaries(values, environment, projectDir, input.cwd);
  return {
    command: input.command,
    mode: values.native ? 'native' : 'docker',
    projectDir,
    functionsRoot,
    projectId,
    host: values.host,
    port: values.port,
    forceUrl: values['force-url'],
    hotReload: values['hot-reload'],
    pollMs: pollInterval(values),
    reloadDebounceMs: values['hot-reload-debounce-ms'],
    runtimes: values.runtimes,
    allowMissingRuntimes: values['allow-missing-runtimes'],
    binaries,
    daemons: daemonsPerRuntime(values),
    trustedProxies: values['trusted-proxies'],
    nginxWorkers: values['nginx-workers'],
    readyTimeoutSeconds: values['ready-timeout-seconds'],
    drainTimeoutSeconds: values['drain-timeout-seconds'],
    healthIntervalSeconds: values['health-interval-seconds'],
    devErrors: input.command === 'dev' && values['dev-errors'],
    limits: limits(values),
    workers: workers(values),
    logs: logs(values, places.logDir),
    quiet: values.quiet,
    dependencies: dependencies(values),
    ignoreDirs: values['zero-config-ignore-dirs'],
    namespaceDepth: values['namespace-depth'],
    admin: adminConfig(values),
    openapi: {
      includeInternal: values['openapi-include-internal'],
      title: values['openapi-title'],
      version: values['openapi-version'],
    },
    publicBaseUrl: values['public-base-url'],
    docker: docker(values, projectDir),
    stateDir: places.stateDir,
    storeDir: places.storeDir,
    runDir: places.runDir,
    fromEnv: await variablesForFunctions(environment, input.cwd),
    secretsKey: values['secrets-key'],
    settings: { ...resolution.settings, ...describeBinaries(binaries, resolution, environment) },
    notes: notes(file, resolution, environment),
  };
}

/** Milliseconds between rescans, null when the system reports changes. */
function pollInterval(values: SettingValues): number | null {
  if (values.poll !== null) return values.poll;
  return values['hot-reload-watchdog'] === false ? Math.round(values['hot-reload-interval'] * 1000) : null;
}

function daemonsPerRuntime(values: SettingValues): Record<Runtime, number> {
  const defaults = SETTINGS['runtime-daemons'].default as Partial<Record<Runtime, number>>;
  const daemons = { ...defaults, ...values['runtime-daemons'] };
  return Object.fromEntries(RUNTIMES.map((runtime) => [runtime, daemons[runtime] ?? 1])) as Record<Runtime, number>;
}

/** `runtime-binaries` under FN_*_BIN; a relative path counts from the place that names it. */
function findBinaries(
  values: SettingValues,
  environment: Environment,
  projectDir: string,
  cwd: string,
): Partial<Record<BinaryKey, string>> {
  const locate = (program: string, base: string) => (program.includes('/') ? resolve(base, program) : program);
  const binaries: Partial<Record<BinaryKey, string>> = {};
  for (const [key, program] of Object.entries(values['runtime-binaries']))
    binaries[key as BinaryKey] = locate(program, projectDir);
  for (const [name, key] of BINARY_VARIABLES) {
    const variable = environment.get(name);
    if (variable) binaries[key] = locate(variable.value, cwd);
  }
  return binaries;
}

function describeBinaries(
  binaries: ProjectConfig['binaries'],
  { settings }: Resolution,
  environment: Environment,
): ProjectConfig['settings'] {
  const variable = [...BINARY_VARIABLES.keys()]
    .map((name) => environment.get(name))
    .find((found) => found !== undefined);
  const source = variable?.source ?? settings['runtime-binaries']?.source ?? 'default';
  return { 'runtime-binaries': { value: binaries, source } };
}

function limits(values: SettingValues): ProjectConfig['limits'] {
  return {
    timeoutMs: values['limits.timeout-ms'],
    maxConcurrency: values['limits.max-concurrency'],
    maxBodyBytes: values['limits.max-body-bytes'],
    bodyCeilingBytes: values['limits.body-ceiling-bytes'],
    maxQueryArgs: values['limits.max-query-args'],
    maxHeaders: values['limits.max-headers'],
  };
}

function workers(values: SettingValues): ProjectConfig['workers'] {
  return {
    spares: values['workers.spares'],
    idleTtlSeconds: values['workers.idle-ttl-seconds'],
    maxRequests: values['workers.max-requests'],
    maxRssMb: values['workers.max-rss-mb'],
    bootTimeoutMs: values['workers.boot-timeout-ms'],
    envAllow: values['worker-env-allow'],
  };
}

function logs(values: SettingValues, dir: string): ProjectConfig['logs'] {
  return {
    format: values['logs.format'],
    level: values['dev-verbose-logs'] ? 'debug' : values['logs.level'],
    dir,
    maxSizeMb: values['logs.max-size-mb'],
    keep: values['logs.keep'],
  };
}

function dependencies(values: SettingValues): ProjectConfig['dependencies'] {
  return {
    autoPython: values['dependencies.auto-python'],
    autoNode: values['dependencies.auto-node'],
    autoPhp: values['dependencies.auto-php'],
    preinstallPython: values['preinstall-python'],
    preinstallNode: values['preinstall-node'],
    concurrency: values['dependencies.concurrency'],
    timeoutSeconds: values['dependencies.timeout-seconds'],
  };
}

/** Mounts come from fastfn.json alone, so their paths count from its folder. */
function docker(values: SettingValues, projectDir: string): DockerConfig {
  return {
    image: values['docker.image'],
    baseImage: values['docker.base-image'],
    user: values['docker.user'],
    runAsRoot: values['docker-run-as-root'],
    memoryBytes: values['docker.memory'],
    cpus: values['docker.cpus'],
    mounts: values['docker.mounts']
      .map(parseMount)
      .map((mount) => ({ ...mount, source: resolve(projectDir, mount.source) })),
  };
}

function notes(file: ConfigFile, resolution: Resolution, environment: Environment): string[] {
  const lua =
    resolution.values['runtime-daemons'].lua === undefined
      ? []
      : ['runtime-daemons: lua runs inside nginx, its number is ignored'];
  return [
    ...file.notes,
    ...resolution.notes,
    ...lua,
    ...adminNotes(resolution.values),
    ...remarkOnVariables(Object.keys(environment.all())),
  ];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
