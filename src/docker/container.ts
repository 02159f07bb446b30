import type { ContainerCreateOptions, MountSettings } from 'dockerode';
import type { ProjectConfig } from '../project/types.ts';
import { version } from '../version.ts';
import { containerName, LABEL } from './names.ts';
import { INSIDE, STORE_VOLUME } from './paths.ts';

/** What of this run goes into the container beside the configuration. */
export interface ContainerInput {
  readonly config: ProjectConfig;
  readonly image: string;
  /** `uid:gid` (P63). */
  readonly user: string;
  /** Label of the process that owns the container. */
  readonly owner: string;
  /** Random, another for each start. */
  readonly run: string;
  /** The published port; 0 only where nothing is started. */
  readonly port: number;
  /** Absolute paths of the `.env*` files inside mounted folders. */
  readonly envFiles: readonly string[];
}

/** The hidden command that runs the stack in the container. */
const COMMAND = 'inside';
/** What a process needs that serves as root for other users (P61). */
const ROOT_CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID'];
const PIDS_LIMIT = 4096;
const OPEN_FILES = 65_536;

/** The container of a stack (P61-P64); everything that is secret reaches it over standard input instead (P65). Pure. */
export function containerSpec(input: ContainerInput): ContainerCreateOptions {
  const { config, image, user } = input;
  const port = `${INSIDE.port}/tcp`;
  return {
    name: containerName(config),
    Image: image,
    Cmd: [COMMAND],
    Env: [`HOME=${INSIDE.temp}`],
    User: user,
    WorkingDir: config.projectDir === config.functionsRoot ? config.functionsRoot : INSIDE.temp,
    Labels: labels(input),
    ExposedPorts: { [port]: {} },
    Healthcheck: { Test: ['NONE'] }, // the stack says itself when it is ready, and when it ends
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: {
      AutoRemove: true,
      Init: true,
      NetworkMode: containerName(config),
      PortBindings: { [port]: [{ HostIp: publishedAddress(config.host), HostPort: String(input.port) }] },
      ExtraHosts: ['host.docker.internal:host-gateway'],
      CapDrop: ['ALL'],
      CapAdd: isRoot(user) ? ROOT_CAPABILITIES : [],
      SecurityOpt: ['no-new-privileges:true'],
      ReadonlyRootfs: true,
      Tmpfs: temporaryFolders(user),
      Mounts: mounts(input),
      PidsLimit: PIDS_LIMIT,
      Ulimits: [{ Name: 'nofile', Soft: OPEN_FILES, Hard: OPEN_FILES }],
      LogConfig: { Type: 'none', Config: {} }, // its output is this process's, and the log files are on the host
      ...(config.docker.memoryBytes !== null && {
        Memory: config.docker.memoryBytes,
        MemorySwap: config.docker.memoryBytes,
      }),
      ...(config.docker.cpus !== null && { NanoCpus: Math.round(config.docker.cpus * 1e9) }),
    },
  };
}

/** Labels of the container and of its network (P61). */
export function labels({
  config,
  owner,
  run,
}: Pick<ContainerInput, 'config' | 'owner' | 'run'>): Record<string, string> {
  return { [LABEL.project]: config.projectId, [LABEL.owner]: owner, [LABEL.version]: version, [LABEL.run]: run };
}

/** Whether the container may write the functions (P62). */
export function mayWriteFunctions({ command, admin }: ProjectConfig): boolean {
  return command === 'dev' || admin.write;
}

function publishedAddress(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host;
}

function isRoot(user: string): boolean {
  return /^0+(:|$)/.test(user);
}

/** The run folder is the user's alone; packages may be built in the other one, so programs in it may run. */
function temporaryFolders(user: string): Record<string, string> {
  const [uid, gid = uid] = user.split(':');
  return {
    [INSIDE.run]: `rw,nosuid,nodev,noexec,mode=0700,uid=${uid},gid=${gid}`,
    [INSIDE.temp]: 'rw,nosuid,nodev,exec,mode=1777',
  };
}

/**
 * P62. Folders keep their path, so that what logs and stacks name can be opened on the host. The functions root comes first: what
 * lies inside it covers it.
 */
function mounts({ config, envFiles }: ContainerInput): MountSettings[] {
  return [
    bind(config.functionsRoot, config.functionsRoot, !mayWriteFunctions(config)),
    bind(config.stateDir, config.stateDir, false),
    ...(isBelow(config.logs.dir, config.stateDir) ? [] : [bind(config.logs.dir, config.logs.dir, false)]),
    ...envFiles.map((file) => bind('/dev/null', file, true)),
    { Type: 'volume', Source: STORE_VOLUME, Target: INSIDE.store },
    ...config.docker.mounts.map(({ source, target, isReadOnly }) => bind(source, target, isReadOnly)),
  ];
}

function bind(source: string, target: string, isReadOnly: boolean): MountSettings {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: isReadOnly,
    BindOptions: { Propagation: 'rprivate' },
  };
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
