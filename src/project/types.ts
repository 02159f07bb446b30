import type { Runtime } from '../functions/types.ts';

/** Where a setting's value came from (P32). */
export type SettingSource = 'flag' | 'environment' | 'env-file' | 'fastfn.json' | 'default';

export type BinaryKey =
  | 'openresty'
  | 'nginx'
  | 'docker'
  | 'python'
  | 'node'
  | 'npm'
  | 'php'
  | 'composer'
  | 'cargo'
  | 'go';

/**
 * Everything the platform was told, validated once and frozen (P32-P38). Paths are absolute; units are in the names.
 * `dev` and `run` defaults (P27) are already applied.
 */
export interface ProjectConfig {
  readonly command: 'dev' | 'run';
  readonly mode: 'native' | 'docker';
  /** Folder of fastfn.json, else the working directory. */
  readonly projectDir: string;
  /** The scanned folder, after realpath. */
  readonly functionsRoot: string;
  /** First 10 hex digits of SHA-256(functionsRoot). */
  readonly projectId: string;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly forceUrl: boolean;
  readonly hotReload: boolean;
  /** Poll instead of file events, milliseconds; null = events. */
  readonly pollMs: number | null;
  /** Quiet time before a reload (FN_HOT_RELOAD_DEBOUNCE_MS). */
  readonly reloadDebounceMs: number;
  readonly runtimes: readonly Runtime[];
  readonly allowMissingRuntimes: boolean;
  /** FN_*_BIN and `runtime-binaries`: only what was set. */
  readonly binaries: Readonly<Partial<Record<BinaryKey, string>>>;
  /** Most worker processes per function of a runtime (P109). */
  readonly daemons: Readonly<Record<Runtime, number>>;
  readonly trustedProxies: readonly string[];
  readonly limits: {
    readonly timeoutMs: number;
    readonly maxConcurrency: number;
    readonly maxBodyBytes: number;
    readonly bodyCeilingBytes: number;
    readonly maxQueryArgs: number;
    readonly maxHeaders: number;
  };
  readonly workers: {
    readonly spares: number;
    readonly idleTtlSeconds: number;
    readonly maxRequests: number;
    readonly maxRssMb: number;
    readonly bootTimeoutMs: number;
    /** Names of host variables that every worker gets (FN_WORKER_ENV_ALLOW). */
    readonly envAllow: readonly string[];
  };
  readonly nginxWorkers: number | 'auto';
  readonly readyTimeoutSeconds: number;
  readonly drainTimeoutSeconds: number;
  readonly healthIntervalSeconds: number;
  readonly devErrors: boolean;
  readonly logs: {
    readonly format: 'text' | 'json';
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly dir: string;
    readonly maxSizeMb: number;
    readonly keep: number;
  };
  readonly quiet: boolean;
  readonly dependencies: {
    readonly autoPython: boolean;
    readonly autoNode: boolean;
    readonly autoPhp: boolean;
    readonly preinstallPython: boolean;
    readonly preinstallNode: boolean;
    readonly concurrency: number;
    readonly timeoutSeconds: number;
  };
  readonly ignoreDirs: readonly string[];
  readonly namespaceDepth: number;
  readonly admin: AdminConfig;
  readonly openapi: {
    readonly includeInternal: boolean;
    readonly title: string;
    readonly version: string;
  };
  /** Address of this service as its users see it, without a final slash; null = that of the request (P234). */
  readonly publicBaseUrl: string | null;
  readonly docker: DockerConfig;
  readonly stateDir: string;
  readonly storeDir: string;
  /** FN_RUN_DIR; null = chosen by P72 once the port is known. */
  readonly runDir: string | null;
  /** What `from_env` of fn.env.json may read: real environment over `.env` files over files that `*_FILE` names (P33, F147). */
  readonly fromEnv: Readonly<Record<string, string>>;
  /** FN_SECRETS_KEY: one or more keys for encrypted values of fn.env.json; never shown. */
  readonly secretsKey: string | null;
  /** Value and source of every setting, for --dry-run and health; secrets masked. */
  readonly settings: Readonly<Record<string, { readonly value: unknown; readonly source: SettingSource }>>;
  /** One-time notes for the terminal: unknown FN_* names, deprecated spellings. */
  readonly notes: readonly string[];
}

/** What is special about Docker mode (section 2.2). */
export interface DockerConfig {
  /** Ready image; null = the stack image is built. */
  readonly image: string | null;
  readonly baseImage: string | null;
  /** `uid[:gid]`; null = chosen by P63. */
  readonly user: string | null;
  readonly runAsRoot: boolean;
  /** null = no limit. */
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  /** Beside the functions root; paths of the host are absolute. */
  readonly mounts: readonly DockerMount[];
}

export interface DockerMount {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** Who may administer the platform (section 5.1): flags, credentials and limits of `/_fn/*` and `/console`. */
export interface AdminConfig {
  /** `FN_CONSOLE_API_ENABLED` and `FN_ADMIN_API_ENABLED`: both must be on. */
  readonly api: boolean;
  readonly docs: boolean;
  readonly ui: boolean;
  readonly write: boolean;
  readonly localOnly: boolean;
  /** Host patterns, exact or `*.name`, that may count as local beside loopback names (P131). */
  readonly allowedHosts: readonly string[];
  readonly token: string | null;
  readonly login: {
    readonly enabled: boolean;
    /** The login guards `/_fn/*` too (P148). */
    readonly api: boolean;
    readonly username: string | null;
    readonly passwordHash: string | null;
    readonly password: string | null;
    readonly sessionSecret: string | null;
    readonly sessionTtlSeconds: number;
  };
  /** Per client address, for callers that are not local (P160); a `max` of 0 = no limit. */
  readonly rateLimits: {
    readonly requests: RateWindow;
    readonly writes: RateWindow;
    /** Failed logins and wrong tokens. */
    readonly failures: RateWindow;
  };
}

export interface RateWindow {
  readonly max: number;
  readonly windowSeconds: number;
}
