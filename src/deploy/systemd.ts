import { pathToFileURL } from 'node:url';
import type { ProjectConfig } from '../project/types.ts';

export interface UnitInput {
  readonly config: Pick<
    ProjectConfig,
    'functionsRoot' | 'projectDir' | 'port' | 'drainTimeoutSeconds' | 'readyTimeoutSeconds'
  >;
  /** Of the unit, and of its folders below /run, /var/lib and /var/cache. */
  readonly name: string;
  readonly user: string;
  /** Absolute paths: the interpreter and the program. */
  readonly program: readonly string[];
  /** Flags of `run`. */
  readonly flags: readonly string[];
  /** A file that explains. */
  readonly manual: string;
}

/** More than what is drained: nginx and the workers end after it (P104). */
const STOP_RESERVE_SECONDS = 10;
/** Before readiness counts: discovery, spares, nginx. */
const START_RESERVE_SECONDS = 30;
const FIRST_OPEN_PORT = 1024;

/**
 * A unit that serves a folder (P302). It may write below its functions root, where installs leave links, and its own state,
 * runtime and cache folders; it sees no other home folder's content changed, no device, no other user's process.
 */
export function systemdUnit({ config, name, user, program, flags, manual }: UnitInput): string {
  const { functionsRoot, projectDir, drainTimeoutSeconds, readyTimeoutSeconds } = config;
  const capability = config.port > 0 && config.port < FIRST_OPEN_PORT ? 'CAP_NET_BIND_SERVICE' : '';
  return `# Save as /etc/systemd/system/${name}.service
[Unit]
Description=FastFN serving ${specifiers(functionsRoot)}
Documentation=${specifiers(pathToFileURL(manual).href)}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=all
ExecStart=${[...program, 'run', '--native', ...flags, functionsRoot].map(argument).join(' ')}
WorkingDirectory=${specifiers(projectDir)}
ExecReload=kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
RestartPreventExitStatus=2 3
KillMode=mixed
TimeoutStartSec=${readyTimeoutSeconds + START_RESERVE_SECONDS}
TimeoutStopSec=${drainTimeoutSeconds + STOP_RESERVE_SECONDS}
LimitNOFILE=65536

User=${user}
RuntimeDirectory=${name}
RuntimeDirectoryMode=0700
StateDirectory=${name}
StateDirectoryMode=0700
CacheDirectory=${name}
Environment=FN_RUN_DIR=%t/${name}/run FN_STATE_DIR=%S/${name} FN_STORE_DIR=%C/${name}/store XDG_CACHE_HOME=%C/${name}
EnvironmentFile=-/etc/${name}.env

UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
ProtectSystem=strict
ReadWritePaths=${path(functionsRoot)}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.unit(5): a percent sign begins a specifier. */
function specifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

/** systemd.syntax(7): one word of a list of paths. */
function path(text: string): string {
  return quoteIfNeeded(specifiers(text));
}

/** systemd.service(5): one word of a command line, where a dollar sign begins a variable. */
function argument(text: string): string {
  return quoteIfNeeded(specifiers(text).replaceAll('$', '$$$$'));
}

function quoteIfNeeded(text: string): string {
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
