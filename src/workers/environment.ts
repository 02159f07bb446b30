/** Host variables that every worker may see, beside LC_* (F132). */
const HOST_NAMES = [
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
];

/** The platform's own settings and secrets: not even when they are on the user's list (P39). */
const NEVER = /^(FN|FASTFN|DOCKER)_/;

export interface WorkerEnvironment {
  /** Names the user allowed beside the list (FN_WORKER_ENV_ALLOW). */
  readonly allow: readonly string[];
  readonly functionsRoot: string;
  /** `http://127.0.0.1:<port>` of this gateway. */
  readonly internalBase: string;
  /** The worker's own folder for temporary and cached files (P39). */
  readonly tempDir: string;
  /** The worker runs as another user than the supervisor, who cannot read the supervisor's home. */
  readonly isOtherUser: boolean;
}

/**
 * Takes secrets out of the host's environment once they are read, so that no program that is started later inherits them: nginx,
 * package tools, compilers. What workers are to have by F132 stays.
 */
export function forgetSecrets(host: NodeJS.ProcessEnv, secrets: Iterable<string>, allow: readonly string[]): void {
  for (const name of secrets) if (!HOST_NAMES.includes(name) && !allow.includes(name)) delete host[name];
}

/** What a worker process starts with (F132, P39): allowed host variables and our own; a function's values come with LOAD. */
export function workerEnvironment(host: NodeJS.ProcessEnv, worker: WorkerEnvironment): Record<string, string> {
  const env: Record<string, string> = {};
  const allowed = worker.allow.filter((name) => !NEVER.test(name));
  const names = [...HOST_NAMES, ...allowed, ...Object.keys(host).filter((name) => name.startsWith('LC_'))];
  for (const name of names) {
    const value = host[name];
    if (value !== undefined) env[name] = value;
  }
  env.TMPDIR = worker.tempDir;
  env.XDG_CACHE_HOME = worker.tempDir;
  if (worker.isOtherUser) env.HOME = worker.tempDir;
  env.FN_FUNCTIONS_ROOT = worker.functionsRoot;
  env.FASTFN_INTERNAL_BASE = worker.internalBase;
  return env;
}
