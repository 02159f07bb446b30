import { RUNTIMES } from '../functions/types.ts';
import { parseKeyring } from '../secrets/keyring.ts';
import { ADMIN_GROUPS } from './admin-settings.ts';
import { DOCKER_SETTINGS } from './docker-settings.ts';
import { type DomainTarget, domains } from './domains.ts';
import {
  boolean,
  cidrProblem,
  host,
  integer,
  type Kind,
  list,
  mapOf,
  namesOf,
  oneOf,
  orAuto,
  quote,
  seconds,
  splitList,
  text,
} from './kinds.ts';
import { LATER_GROUPS } from './later-settings.ts';
import { optional, type Setting, setting } from './setting.ts';
import type { BinaryKey } from './types.ts';

const BINARIES = [
  'openresty',
  'nginx',
  'docker',
  'python',
  'node',
  'npm',
  'php',
  'composer',
  'cargo',
  'go',
] as const satisfies readonly BinaryKey[];

const isFolderName = (entry: string) => !/[/\\]|^\.\.$/.test(entry);

/** A path among the names is an error in fastfn.json and ignored in the variable (F20). */
const folderNames: Kind<readonly string[]> = {
  ...list('folder names', (entry) => (isFolderName(entry) ? null : `${quote(entry)} is not a plain folder name`)),
  fromText: (value) => ({ value: splitList(value).filter(isFolderName) }),
};

const variableNames = list('variable names', (entry) =>
  /^[A-Za-z_]\w*$/.test(entry) ? null : `${quote(entry)} is not a variable name`,
);

const SERVER = {
  native: setting(boolean, false, 'Use nginx and the languages of this machine instead of Docker', {
    flag: '--native',
  }),
  host: setting(host, '127.0.0.1', 'Address to listen on', {
    inFile: true,
    flag: '--host <address>',
    env: ['FN_HOST'],
  }),
  port: setting(integer(0, 65535), 8080, 'Port to listen on; 0 takes any free one', {
    inFile: true,
    flag: '--port <number>',
    env: ['FN_HOST_PORT', 'FN_PORT'],
  }),
  'trusted-proxies': setting(
    list('address blocks', cidrProblem),
    [],
    'The only peers whose X-Forwarded-* and Forwarded count',
    {
      inFile: true,
      env: ['FN_TRUSTED_PROXY_CIDRS'],
    },
  ),
  'nginx-workers': setting(
    orAuto(integer(1, 256)),
    ({ command, cpus }) => (command === 'dev' ? Math.min(2, cpus) : 'auto'),
    'nginx worker processes',
    { env: ['FN_NGINX_WORKERS'], defaultText: 'dev: min(2, CPUs); run: auto' },
  ),
  'ready-timeout-seconds': setting(integer(1, 3600), 60, 'How long a start may take', { env: ['FN_READY_TIMEOUT_S'] }),
  'drain-timeout-seconds': setting(
    integer(0, 3600),
    ({ command }) => (command === 'dev' ? 3 : 15),
    'How long running requests may take after a stop',
    {
      env: ['FN_DRAIN_TIMEOUT_S'],
      defaultText: 'dev: 3; run: 15',
    },
  ),
  'dev-errors': setting(boolean, false, 'Stack traces in error answers to local clients (dev only)', {
    env: ['FN_DEV_ERRORS'],
  }),
};

const FUNCTIONS = {
  'functions-dir': setting(text(), '.', 'Folder of functions, relative to fastfn.json', {
    inFile: true,
    env: ['FN_FUNCTIONS_ROOT'],
  }),
  runtimes: setting(namesOf(RUNTIMES), ['node', 'python', 'php', 'lua'], 'Languages whose files become functions', {
    inFile: true,
    flag: '--runtimes <names>',
    env: ['FN_RUNTIMES'],
  }),
  'allow-missing-runtimes': setting(boolean, false, 'Start although a language in use is not installed', {
    flag: '--allow-missing-runtimes',
  }),
  'runtime-daemons': setting(
    mapOf(RUNTIMES, integer(1, 64)),
    { node: 1, python: 4, php: 4 },
    'Most worker processes per function of a language',
    {
      inFile: true,
      env: ['FN_RUNTIME_DAEMONS'],
      defaultText: 'node=1,python=4,php=4',
    },
  ),
  'runtime-binaries': setting(mapOf(BINARIES, text()), {}, 'Programs to use instead of those in PATH', {
    inFile: true,
    defaultText: 'lookup in PATH',
  }),
  'force-url': setting(boolean, false, 'Policy routes may take mapped URLs', {
    inFile: true,
    flag: '--force-url',
    env: ['FN_FORCE_URL'],
  }),
  'zero-config-ignore-dirs': setting(folderNames, [], 'More folder names that are never scanned', {
    inFile: true,
    env: ['FN_ZERO_CONFIG_IGNORE_DIRS'],
  }),
  'namespace-depth': setting(integer(1, 5), 3, 'Folder levels of a name below a folder named like a language', {
    env: ['FN_NAMESPACE_DEPTH'],
  }),
};

const RELOAD = {
  'hot-reload': setting(boolean, ({ command }) => command === 'dev', 'Watch the folder and reload what changed', {
    inFile: true,
    flag: { dev: '--watch', run: '--hot-reload' },
    env: ['FN_HOT_RELOAD'],
    defaultText: 'dev: on; run: off',
  }),
  poll: optional(
    integer(20, 3_600_000),
    'Rescan every so many milliseconds (500 without a number) instead of waiting for file events',
    {
      flag: { dev: '--poll [ms]' },
      flagDefault: 500,
    },
  ),
  'hot-reload-watchdog': setting(orAuto(boolean), 'auto', '0: no file events, rescan every FN_HOT_RELOAD_INTERVAL', {
    env: ['FN_HOT_RELOAD_WATCHDOG'],
  }),
  'hot-reload-interval': setting(seconds(0.1), 2, 'Seconds between rescans without file events', {
    env: ['FN_HOT_RELOAD_INTERVAL'],
  }),
  'hot-reload-debounce-ms': setting(integer(0, 10_000), 20, 'Quiet time before a reload', {
    env: ['FN_HOT_RELOAD_DEBOUNCE_MS'],
  }),
};

const LIMITS = {
  'limits.timeout-ms': setting(integer(1), 2500, 'Default deadline of a handler', {
    inFile: true,
    env: ['FN_DEFAULT_TIMEOUT_MS'],
  }),
  'limits.max-concurrency': setting(integer(0), 1024, 'Default bound of executions at once; 0 = none', {
    inFile: true,
    env: ['FN_DEFAULT_MAX_CONCURRENCY'],
  }),
  'limits.max-body-bytes': setting(integer(1), 1_048_576, 'Default bound of a request body', {
    inFile: true,
    env: ['FN_DEFAULT_MAX_BODY_BYTES'],
  }),
  'limits.body-ceiling-bytes': setting(integer(1), 1_073_741_824, 'No function may allow a larger body', {
    inFile: true,
    env: ['FN_MAX_BODY_BYTES'],
  }),
  'limits.max-query-args': setting(integer(1000), 1000, 'Most arguments of a query', {
    inFile: true,
    env: ['FN_MAX_QUERY_ARGS'],
  }),
  'limits.max-headers': setting(integer(200), 200, 'Most headers of a request', {
    inFile: true,
    env: ['FN_MAX_HEADERS'],
  }),
};

const WORKERS = {
  'workers.spares': setting(
    integer(0, 64),
    ({ command }) => (command === 'dev' ? 1 : 2),
    'Pre-booted processes per language in use',
    {
      inFile: true,
      env: ['FN_WORKER_SPARES'],
      defaultText: 'dev: 1; run: 2',
    },
  ),
  'workers.idle-ttl-seconds': setting(integer(0), 300, 'An idle worker ends after this time', {
    inFile: true,
    env: ['FN_WORKER_IDLE_TTL_S'],
  }),
  'workers.max-requests': setting(integer(0), 0, 'A worker is replaced after so many requests; 0 = never', {
    inFile: true,
    env: ['FN_WORKER_MAX_REQUESTS'],
  }),
  'workers.max-rss-mb': setting(integer(0), 512, 'A worker that uses more memory is replaced; 0 = never', {
    inFile: true,
    env: ['FN_WORKER_MAX_RSS_MB'],
  }),
  'workers.boot-timeout-ms': setting(integer(0), 10_000, 'How long a worker may take to start', {
    inFile: true,
    env: ['FN_WORKER_BOOT_TIMEOUT_MS'],
  }),
  'worker-env-allow': setting(variableNames, [], 'Variables of this machine that every worker gets', {
    env: ['FN_WORKER_ENV_ALLOW'],
  }),
  'health-interval-seconds': setting(integer(1, 3600), 2, 'Seconds between checks of idle workers', {
    env: ['FN_HEALTH_INTERVAL'],
  }),
};

const LOGS = {
  'logs.format': setting(
    oneOf('text', 'json'),
    ({ command, isTerminal }) => (command === 'run' && !isTerminal ? 'json' : 'text'),
    'How events are shown',
    {
      inFile: true,
      flag: '--log-format <text|json>',
      env: ['FN_LOG_FORMAT'],
      defaultText: 'text; run without a terminal: json',
    },
  ),
  'logs.level': setting(oneOf('debug', 'info', 'warn', 'error'), 'info', 'Least severe line that is shown and kept', {
    inFile: true,
    flag: '--log-level <debug|info|warn|error>',
    env: ['FN_LOG_LEVEL'],
  }),
  'logs.max-size-mb': setting(integer(1), 20, 'A log file is rotated at this size', { inFile: true }),
  'logs.keep': setting(integer(0, 1000), 3, 'Rotated files that are kept', { inFile: true }),
  'log-dir': optional(text(), 'Folder of the log files', { env: ['FN_LOG_DIR'], defaultText: '<state dir>/logs' }),
  'dev-verbose-logs': setting(boolean, false, 'Same as --log-level debug', {
    flag: '-v, --verbose',
    env: ['FN_DEV_VERBOSE_LOGS'],
  }),
  quiet: setting(boolean, false, 'Show errors only; the ready line stays', { flag: '-q, --quiet' }),
};

const DEPENDENCIES = {
  'dependencies.auto-python': setting(boolean, true, 'Install from requirements.txt', {
    inFile: true,
    env: ['FN_AUTO_REQUIREMENTS'],
  }),
  'dependencies.auto-node': setting(boolean, true, 'Install from package.json', {
    inFile: true,
    env: ['FN_AUTO_NODE_DEPS'],
  }),
  'dependencies.auto-php': setting(boolean, true, 'Install from composer.json', {
    inFile: true,
    env: ['FN_AUTO_PHP_DEPS'],
  }),
  'preinstall-python': setting(boolean, true, 'Install at start instead of at first use', {
    env: ['FN_PREINSTALL_PY_DEPS_ON_START'],
  }),
  'preinstall-node': setting(boolean, true, 'Install at start instead of at first use', {
    env: ['FN_PREINSTALL_NODE_DEPS_ON_START'],
  }),
  'dependencies.concurrency': setting(integer(1, 64), 4, 'Installs at once', {
    inFile: true,
    env: ['FN_PREINSTALL_NODE_DEPS_CONCURRENCY'],
  }),
  'dependencies.timeout-seconds': setting(integer(1, 86_400), 300, 'How long one install may take', { inFile: true }),
};

/** Given as text, checked here and read again where they are used: what is parsed is not for freezing or showing. */
const secretKeys: Kind<string> = {
  label: 'keys of 32 bytes, base64 or hex',
  fromText: (value) => {
    const parsed = parseKeyring(value);
    return 'problem' in parsed ? parsed : { value };
  },
  fromJson: () => ({ problem: 'is a secret' }),
};

const SECRETS = {
  'secrets-key': optional(
    secretKeys,
    'Key of the encrypted values in fn.env.json; with several, separated by commas, the first encrypts',
    { env: ['FN_SECRETS_KEY'], secret: true },
  ),
};

const PLACES = {
  'state-dir': optional(text(), 'Folder of durable state', {
    env: ['FN_STATE_DIR'],
    defaultText: '<functions root>/.fastfn, if not writable $XDG_STATE_HOME/fastfn/<project id>',
  }),
  'store-dir': optional(text(), 'Installed dependencies, shared by projects', {
    env: ['FN_STORE_DIR'],
    defaultText: '$XDG_CACHE_HOME/fastfn, without a writable home <state dir>/store',
  }),
  'run-dir': optional(text(), 'Sockets and process ids', {
    env: ['FN_RUN_DIR'],
    defaultText: '$XDG_RUNTIME_DIR or the temporary folder + fastfn-<uid>/<project id>-<port>',
  }),
  'socket-base-dir': optional(text(), 'Old name of the folder above FN_RUN_DIR', { env: ['FN_SOCKET_BASE_DIR'] }),
};

const DOMAINS = {
  domains: setting<readonly DomainTarget[]>(domains, [], 'Names that `fastfn doctor domains` checks', { inFile: true }),
};

/** The settings that steer this version. */
export const SETTINGS = {
  ...SERVER,
  ...FUNCTIONS,
  ...RELOAD,
  ...LIMITS,
  ...WORKERS,
  ...LOGS,
  ...DEPENDENCIES,
  ...SECRETS,
  ...PLACES,
  ...DOCKER_SETTINGS,
  ...DOMAINS,
  ...ADMIN_GROUPS['Admin API and console'],
  ...ADMIN_GROUPS['OpenAPI and documentation'],
};

type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type SettingName = keyof typeof SETTINGS;
export type SettingValues = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

/** Every setting once, in the order of the reference: parsing, --help, --dry-run and docs/reference come from here. */
export const SETTING_GROUPS: Readonly<Record<string, Readonly<Record<string, Setting<unknown>>>>> = {
  Server: SERVER,
  Functions: FUNCTIONS,
  'Hot reload': RELOAD,
  Limits: LIMITS,
  Workers: WORKERS,
  Logs: LOGS,
  Dependencies: DEPENDENCIES,
  Secrets: SECRETS,
  Places: PLACES,
  Docker: DOCKER_SETTINGS,
  Domains: DOMAINS,
  ...ADMIN_GROUPS,
  ...LATER_GROUPS,
};

export const ALL_SETTINGS: Readonly<Record<string, Setting<unknown>>> = Object.assign(
  {},
  ...Object.values(SETTING_GROUPS),
);

/** Variables that name one program each; they override that key of `runtime-binaries`. */
export const BINARY_VARIABLES: ReadonlyMap<string, BinaryKey> = new Map(
  BINARIES.filter((key) => key !== 'docker').map((key) => [`FN_${key.toUpperCase()}_BIN`, key]),
);
