import type { ExitCode } from '../errors.ts';
import { flagOf } from '../project/setting.ts';
import { ALL_SETTINGS } from '../project/settings.ts';
import type { Invocation, Terminal } from './terminal.ts';

/** A flag of the command line: one of the table of settings, or one of a command alone. */
export interface Flag {
  /** In commander's notation, like `-q, --quiet` or `--port <number>`; `<a|b>` lists the words that are accepted. */
  readonly notation: string;
  readonly help: string;
  /** Name in the table of settings. */
  readonly setting?: string;
  /** May be given several times. */
  readonly isRepeatable?: boolean;
}

export type CommandRun = (invocation: Invocation, terminal: Terminal) => Promise<ExitCode>;

export interface CommandDefinition {
  readonly name: string;
  /** Positional arguments in commander's notation; `a|b` in place of a name lists the words that are accepted. */
  readonly argument?: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Command lines that work, for help and the reference. */
  readonly examples: readonly string[];
  /** Loads the code only when the command is called. */
  load(): Promise<CommandRun>;
}

const GLOBAL_SETTINGS = ['logs.format', 'logs.level', 'quiet', 'dev-verbose-logs'];

/** Flags of every command, accepted before and after its name (P2). */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { notation: '--config <file>', help: 'Configuration to read instead of ./fastfn.json' },
  { notation: '--cwd <dir>', help: 'Work as if started in this folder' },
  { notation: '--env-file <file>', help: 'More variables, over those of .env; may be repeated', isRepeatable: true },
  ...GLOBAL_SETTINGS.map((name) => settingFlag(name, 'dev')!),
  { notation: '-h, --help', help: 'Show what a command does and its flags' },
  { notation: '--version', help: 'Show the version' },
];

const JSON_FLAG: Flag = { notation: '--json', help: 'Print one JSON document' };
const STRICT_FLAG: Flag = { notation: '--strict', help: 'Warnings count as failures' };

/** Flags of `doctor domains` and `check domains` (P16). */
const DOMAIN_FLAGS: readonly Flag[] = [
  {
    notation: '--domain <name>',
    help: 'domains: a public name to check, or several with commas, instead of those of fastfn.json; may be repeated',
    isRepeatable: true,
  },
  { notation: '--expected-target <target>', help: 'domains: address or name that they have to lead to' },
  { notation: '--enforce-https [bool]', help: 'domains: plain HTTP has to lead to HTTPS (default: on)' },
  { notation: '--timeout <time>', help: 'domains: time for each probe (default: 8s)' },
];

/** Flags of `fastfn build` that a later version understands (P298). */
export const UNAVAILABLE_BUILD_FLAGS: readonly Flag[] = [
  { notation: '--platform <name>', help: 'Not available in this version: the image is for the platform of the daemon' },
  { notation: '--push', help: 'Not available in this version: use docker push' },
  { notation: '--sbom', help: 'Not available in this version' },
];

/** Every command of this version, in the order of help. */
export const COMMANDS: readonly CommandDefinition[] = [
  {
    name: 'dev',
    argument: '[dir]',
    summary: 'Serve a folder of functions and reload what changes',
    flags: [...serveFlags('dev'), { notation: '--open', help: 'Open the address in a browser' }],
    examples: ['fastfn dev --native examples/hello', 'fastfn dev --native examples/hello --port 3000'],
    load: async () => (await import('./dev.ts')).dev,
  },
  {
    name: 'run',
    argument: '[dir]',
    summary: 'Serve a folder of functions with production defaults',
    flags: serveFlags('run'),
    examples: ['fastfn run --native examples/hello', 'fastfn run --native examples/hello --dry-run'],
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'init',
    argument: '<name>',
    summary: 'Create a folder with a first function',
    flags: [
      { notation: '-t, --template <node|ts|python|php|lua>', help: 'Language of the function (default: node)' },
      { notation: '--force', help: 'Put the files of the template into a folder that is not empty; others stay' },
      JSON_FLAG,
    ],
    examples: ['fastfn init demo', 'fastfn init api/hello --template python'],
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'routes',
    argument: '[dir]',
    summary: 'List the routes of a folder, and which of them are in conflict',
    flags: [
      JSON_FLAG,
      { notation: '--live', help: 'Ask the running stack instead of reading the folder' },
      { notation: '--conflicts', help: 'Show conflicts only' },
    ],
    examples: ['fastfn routes examples/hello', 'fastfn routes examples/hello --json'],
    load: async () => (await import('./routes.ts')).routes,
  },
  {
    name: 'invoke',
    argument: '<target>',
    summary: 'Call a function of the running stack: a path like /hello, a name, or a key like node/hello@default',
    flags: [
      { notation: '-X, --method <method>', help: 'HTTP method (default: GET, with a body POST)' },
      { notation: '-d, --data <data>', help: 'Body; @FILE reads a file, - standard input' },
      { notation: '-H, --header <name:value>', help: 'Request header; may be repeated', isRepeatable: true },
      { notation: '-q, --query <name=value>', help: 'Query argument; may be repeated', isRepeatable: true },
      { notation: '-p, --param <name=value>', help: 'Path parameter; may be repeated', isRepeatable: true },
      { notation: '--context <json>', help: 'Object that the handler finds as event.context.user' },
      { notation: '--runtime <node|python|php|lua>', help: 'Language, where functions of several share a name' },
      { notation: '--fn-version <label>', help: 'Version of the function' },
      settingFlag('port', 'dev')!,
      { notation: '-i, --include', help: 'Print status and headers before the body' },
      JSON_FLAG,
    ],
    examples: ['fastfn invoke /hello -q name=Ada', 'fastfn invoke report --json'],
    load: async () => (await import('./invoke.ts')).invoke,
  },
  {
    name: 'logs',
    argument: '[dir]',
    summary: 'Show what the running stack logs, or what the last one has left',
    flags: [
      { notation: '--follow', help: 'Go on with the lines that come, until the stack ends (default: on)' },
      { notation: '--lines <number>', help: 'Kept lines to begin with, 0 to 100000 (default: 200)' },
      { notation: '--file <error|access|runtime|all>', help: 'Which log (default: all)' },
      { notation: '--function <key>', help: 'Lines of one function: its name, or its key as routes shows it' },
      { notation: '--request <id>', help: 'Lines of one request' },
      { notation: '--stream <stdout|stderr|all>', help: 'What functions printed where (default: all)' },
      { notation: '--level <debug|info|warn|error>', help: 'Least severe' },
      { notation: '--since <time>', help: 'Not older than 10m, 2h or 1d, or than a time like 2026-01-31T12:00:00Z' },
      { notation: '--native', help: 'Of the stack of this machine only' },
      { notation: '--docker', help: 'Of the container only' },
      { notation: '--json', help: 'Print the lines as they are stored, a JSON document each' },
    ],
    examples: ['fastfn logs --no-follow --lines 20', 'fastfn logs --no-follow --file access --json'],
    load: async () => (await import('./logs.ts')).logs,
  },
  {
    name: 'test',
    argument: '[dir]',
    summary: 'Run the fn.test_events.json of every function in a stack of their own',
    flags: [{ notation: '--format <text|json|junit>', help: 'Form of the report (default: text)' }, JSON_FLAG],
    examples: ['fastfn test examples/hello', 'fastfn test examples/hello --format junit'],
    load: async () => (await import('./test.ts')).test,
  },
  {
    name: 'docs',
    argument: '[dir]',
    summary: 'Open the page that describes the running stack',
    flags: [{ notation: '--print', help: 'Print its address only' }],
    examples: ['fastfn docs', 'fastfn docs --print'],
    load: async () => (await import('./docs.ts')).docs,
  },
  {
    name: 'build',
    argument: '[dir]',
    summary: 'Make a Docker image that serves a folder of functions by itself',
    flags: [
      { notation: '-t, --tag <name>', help: "Name of the image (default: the project folder's)" },
      JSON_FLAG,
      ...UNAVAILABLE_BUILD_FLAGS,
    ],
    examples: ['fastfn build examples/hello -t hello:1', 'docker run --rm -p 127.0.0.1:8080:8080 hello:1'],
    load: async () => (await import('./build.ts')).build,
  },
  {
    name: 'doctor',
    argument: '[domains]',
    summary: 'Check this machine and this project, and repair what is safe to repair; with "domains", public names',
    flags: [
      JSON_FLAG,
      {
        notation: '--fix',
        help: 'Repair: write a missing fastfn.json, close fn.env.json to others, remove what dead stacks left, install missing system packages',
      },
      { notation: '--yes', help: 'Do not ask before installing' },
      STRICT_FLAG,
      { notation: '--mode <mode>', help: 'What has to work: native, docker or auto, either of them (default: auto)' },
      ...DOMAIN_FLAGS,
    ],
    examples: ['fastfn doctor', 'fastfn doctor --fix --yes'],
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'check',
    argument: '[dir]',
    summary: 'Check the files of a project only: no network, no daemon, no other process',
    flags: [JSON_FLAG, STRICT_FLAG, ...DOMAIN_FLAGS],
    examples: ['fastfn check examples/hello', 'fastfn check --json'],
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'secrets',
    argument: '<set|list|edit|rotate|keygen> [args...]',
    summary: 'Keep secrets of functions encrypted: set KEY [dir], list [dir], edit [dir], rotate [dir], keygen',
    flags: [
      {
        notation: '--function <name>',
        help: 'Function or folder whose fn.env.json is meant (set, edit; default: the root)',
      },
      { notation: '--key-file <file>', help: 'Key to encrypt and decrypt with, instead of FN_SECRETS_KEY' },
      { notation: '--old-key-file <file>', help: 'Key that values are still encrypted with (rotate)' },
      JSON_FLAG,
    ],
    examples: ['fastfn secrets keygen', 'fastfn secrets list examples/auth'],
    load: async () => (await import('./secrets/main.ts')).secrets,
  },
  {
    name: 'deploy',
    argument: '<systemd|kubernetes> [dir]',
    summary:
      'Print a unit with which systemd serves the folder, or manifests with which Kubernetes serves an image of it',
    flags: [
      { notation: '--user <name>', help: 'systemd: user that it runs as (default: who asks; for root: fastfn)' },
      { notation: '--name <name>', help: 'kubernetes: what the objects are called (default: as the project folder)' },
      { notation: '--image <name>', help: 'kubernetes: what the pods run (default: <name>:latest)' },
      {
        notation: '--replicas <number>',
        help: 'kubernetes: fewest pods, 1 to 1000; load makes it four times as many (default: 2)',
      },
      { notation: '--host <name>', help: 'kubernetes: public name, for which an Ingress is added' },
    ],
    examples: [
      'fastfn deploy systemd examples/hello --user www-data',
      'fastfn deploy kubernetes examples/hello --image registry.example.com/hello:1',
    ],
    load: async () => (await import('./deploy/main.ts')).deploy,
  },
  {
    name: 'completion',
    argument: '<bash|zsh|fish>',
    summary: 'Print a script that completes command lines',
    flags: [],
    examples: ['fastfn completion bash', 'fastfn completion fish'],
    load: async () => (await import('./completion/main.ts')).completion,
  },
  {
    name: 'version',
    summary: 'Show the version',
    flags: [JSON_FLAG],
    examples: ['fastfn version', 'fastfn version --json'],
    load: async () => (await import('./show-version.ts')).showVersion,
  },
  {
    name: 'help',
    argument: '[command]',
    summary: 'Show what a command does and its flags',
    flags: [],
    examples: ['fastfn help', 'fastfn help dev'],
    load: async () => (await import('./help.ts')).help,
  },
];

/** Commands that only FastFN itself uses; help does not show them. */
export const INTERNAL_COMMANDS: readonly CommandDefinition[] = [
  {
    name: 'inside',
    summary: 'Serve in a container for the FastFN that started it',
    flags: [],
    examples: [],
    load: async () => (await import('./inside.ts')).inside,
  },
  {
    name: 'install-packages',
    argument: '<dir>',
    summary: 'Install what functions need, in the container of a build',
    flags: [],
    examples: [],
    load: async () => (await import('./install-packages.ts')).installPackages,
  },
];

function serveFlags(command: 'dev' | 'run'): Flag[] {
  const settings = Object.keys(ALL_SETTINGS).filter((name) => !GLOBAL_SETTINGS.includes(name));
  return [
    ...settings.map((name) => settingFlag(name, command)).filter((flag) => flag !== undefined),
    { notation: '--build', help: 'Build the Docker image again' },
    { notation: '--dry-run', help: 'Print what would be used, as JSON, and start nothing' },
  ];
}

function settingFlag(name: string, command: 'dev' | 'run'): Flag | undefined {
  const setting = ALL_SETTINGS[name]!;
  const notation = flagOf(setting, command);
  return notation === undefined ? undefined : { notation, help: setting.help, setting: name };
}

/** The global flags as a command has them: without the letters that it uses for something else. */
export function globalFlagsOf({ flags }: CommandDefinition): readonly Flag[] {
  const taken = new Set(flags.map(shortName).filter((letter) => letter !== undefined));
  return GLOBAL_FLAGS.map((flag) => {
    const letter = shortName(flag);
    return letter === undefined || !taken.has(letter) ? flag : { ...flag, notation: flag.notation.slice(4) };
  });
}

/** The letter of a flag like `-q, --quiet`. */
function shortName({ notation }: Flag): string | undefined {
  return /^-(\w), /.exec(notation)?.[1];
}

/** The long name of a flag, without dashes and value. */
export function longName(flag: Flag): string {
  return /--([a-z-]+)/.exec(flag.notation)![1]!;
}
