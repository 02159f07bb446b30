import { basename } from 'node:path';
import { FastfnError } from '../errors.ts';
import type { ProjectConfig } from '../project/types.ts';

/** What is deployed, whatever runs it (P299). */
export interface DeployPlan {
  /** A label of RFC 1123 that begins with a letter, with room for our suffixes. */
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  /** Settings and other variables of the container; no secrets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Names of the variables whose values come from secrets, as files. */
  readonly secrets: readonly string[];
  /** How long running requests get after a stop. */
  readonly drainSeconds: number;
  /** How long a start may take. */
  readonly readySeconds: number;
  /** What runs the schedules and the queue, in one copy beside the replicas: null where the project switches both off. */
  readonly scheduler: { readonly schedules: boolean; readonly jobs: boolean } | null;
}

export interface DeployOptions {
  /** `--name`; else the project folder's. */
  readonly name: string | undefined;
  /** `--image`; else the name with `:latest`. */
  readonly image: string | undefined;
  /** `--replicas` */
  readonly replicas: string | undefined;
}

/** What an image of `fastfn build` is to those who run it. */
export const CONTAINER = {
  port: 8080,
  uid: 10001,
  /** Sockets, logs and state; each replica has its own. */
  state: '/var/lib/fastfn',
  secrets: '/run/secrets/fastfn',
} as const;

const DEFAULT_REPLICAS = 2;
const MAX_REPLICAS = 1000;

/** 63 letters make a label (RFC 1123); `-scheduler` is the longest suffix. */
const MAX_NAME = 50;

/** What the command line and the project ask for. Throws USAGE for what no system would take. */
export function planDeployment(
  config: Pick<ProjectConfig, 'projectDir' | 'settings' | 'drainTimeoutSeconds' | 'readyTimeoutSeconds'>,
  options: DeployOptions,
  { variables, secrets }: Pick<DeployPlan, 'variables' | 'secrets'>,
): DeployPlan {
  const name = options.name === undefined ? nameOf(config.projectDir) : requireName(options.name);
  const schedules = config.settings['scheduler.enabled']?.value !== false;
  const jobs = config.settings['jobs.enabled']?.value !== false;
  return {
    name,
    image: requireImage(options.image ?? `${name}:latest`),
    replicas: options.replicas === undefined ? DEFAULT_REPLICAS : readCount(options.replicas),
    variables,
    secrets,
    drainSeconds: config.drainTimeoutSeconds,
    readySeconds: config.readyTimeoutSeconds,
    scheduler: schedules || jobs ? { schedules, jobs } : null,
  };
}

/** The variables that decide who runs schedules and jobs: exactly one copy does (P299). */
export function schedulerVariables(scheduler: DeployPlan['scheduler']): Record<string, string> {
  return {
    FN_SCHEDULER_ENABLED: scheduler?.schedules ? '1' : '0',
    FN_JOBS_ENABLED: scheduler?.jobs ? '1' : '0',
  };
}

/** `<NAME>_FILE` for each secret. */
export function secretVariables({ secrets }: DeployPlan): Record<string, string> {
  return Object.fromEntries(secrets.map((name) => [`${name}_FILE`, `${CONTAINER.secrets}/${name}`]));
}

function nameOf(projectDir: string): string {
  const words = basename(projectDir)
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const joined = words.filter((word) => word !== '').join('-');
  const begun = /^[a-z]/.test(joined) ? joined : `fastfn-${joined}`;
  return begun.slice(0, MAX_NAME).replace(/-$/, '');
}

function requireName(given: string): string {
  if (given.length <= MAX_NAME && /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/.test(given)) return given;
  throw new FastfnError('USAGE', `--name: ${JSON.stringify(given)} is not a name for a service`, {
    hint: `Use up to ${MAX_NAME} lower-case letters, digits and hyphens, beginning with a letter.`,
  });
}

function requireImage(given: string): string {
  if (/^[a-z0-9][\w.:@/-]*$/i.test(given)) return given;
  throw new FastfnError('USAGE', `--image: ${JSON.stringify(given)} is not the name of an image`, {
    hint: 'Use one like registry.example.com/shop:1.2.',
  });
}

function readCount(given: string): number {
  const count = /^\d+$/.test(given) ? Number(given) : 0;
  if (count >= 1 && count <= MAX_REPLICAS) return count;
  throw new FastfnError(
    'USAGE',
    `--replicas: must be a number from 1 to ${MAX_REPLICAS}, not ${JSON.stringify(given)}`,
  );
}
