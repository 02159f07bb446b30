import { Command, type CommanderError, Option } from 'commander';
import { ExitCode, FastfnError } from '../errors.ts';
import { suggest } from '../functions/nearest.ts';
import {
  COMMANDS,
  type CommandDefinition,
  type Flag,
  GLOBAL_FLAGS,
  globalFlagsOf,
  INTERNAL_COMMANDS,
  longName,
} from './commands.ts';
import { describeCommand, describeProgram } from './help.ts';
import type { Invocation, Terminal } from './terminal.ts';
import { describeVersion } from './version.ts';

/** Parses a command line and runs what it names. Mistakes are thrown as USAGE errors (P2). */
export async function execute(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { command, invocation } = parse(argv);
  if (invocation.flags.version) return print(describeVersion(invocation.flags.json === true), terminal);
  if (invocation.flags.help) return print(command ? describeCommand(command) : describeProgram(), terminal);
  if (command === undefined) {
    terminal.err.line(describeProgram());
    return ExitCode.usage;
  }
  requireArguments(command, invocation);
  const run = await command.load();
  return run(invocation, terminal);
}

function print(text: string, terminal: Terminal): ExitCode {
  terminal.out.text(`${text}\n`);
  return ExitCode.ok;
}

function parse(argv: readonly string[]): { command: CommandDefinition | undefined; invocation: Invocation } {
  let command: CommandDefinition | undefined;
  let args: readonly string[] = [];
  const program = silent(new Command('fastfn'), GLOBAL_FLAGS);
  // What follows a command's name is the command's: it may use a letter of a global flag for something else.
  program.enablePositionalOptions().action(() => undefined);
  for (const definition of [...COMMANDS, ...INTERNAL_COMMANDS]) {
    const sub = silent(program.command(definition.name), [...definition.flags, ...globalFlagsOf(definition)]);
    if (definition.argument) sub.arguments(definition.argument.replace(/<([\w|]+)>/g, '[$1]')); // --help needs none
    sub.action(() => {
      command = definition;
      args = sub.args;
    });
  }
  program.parse(argv, { from: 'user' });
  const sub = program.commands.find((candidate) => candidate.name() === command?.name);
  const flags = [...GLOBAL_FLAGS, ...(command?.flags ?? [])];
  return { command, invocation: { args, ...collect(flags, merge(program.opts(), sub?.opts() ?? {})) } };
}

type Values = Readonly<Record<string, string | boolean | readonly string[]>>;

/** Flags before and after the command's name: the later one counts, repeated ones add up. */
function merge(before: Values, after: Values): Values {
  const lists = Object.entries(before).filter(([name, value]) => Array.isArray(value) && Array.isArray(after[name]));
  const added = lists.map(([name, value]) => [name, [...(value as string[]), ...(after[name] as string[])]]);
  return { ...before, ...after, ...Object.fromEntries(added) };
}

/** A commander command that prints nothing and never exits; every switch also has a `--no-` form (P2). */
function silent(command: Command, flags: readonly Flag[]): Command {
  command.helpOption(false).helpCommand(false).showSuggestionAfterError(false);
  command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  command.exitOverride((error) => {
    throw usageError(error, command);
  });
  for (const flag of flags) {
    const option = new Option(flag.notation);
    if (flag.isRepeatable) option.argParser((value: string, earlier: string[] = []) => [...earlier, value]);
    command.addOption(option);
    if (!option.required) command.addOption(new Option(`--no-${longName(flag)}`));
  }
  return command;
}

function requireArguments({ name, argument = '' }: CommandDefinition, { args }: Invocation): void {
  const missing = [...argument.matchAll(/<([\w|]+)>/g)][args.length]?.[1];
  if (missing === undefined) return;
  throw new FastfnError('USAGE', `missing argument <${missing}>`, { hint: `See "fastfn help ${name}".` });
}

/** Splits commander's values into those of settings and those of the command. */
function collect(flags: readonly Flag[], values: Values): Omit<Invocation, 'args'> {
  const settings: Record<string, string | boolean> = {};
  const own: Record<string, string | boolean | readonly string[]> = {};
  for (const flag of flags) {
    const value = values[new Option(flag.notation).attributeName()];
    if (value === undefined) continue;
    if (flag.setting === undefined) own[longName(flag)] = value;
    else settings[flag.setting] = value as string | boolean;
  }
  return { settings, flags: own };
}

/** Commander's complaint about a command's arguments in one line, with the nearest known name. */
function usageError(error: CommanderError, command: Command): FastfnError {
  const named = /'([^']+)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') {
    const known = command.options.map((option) => option.long!);
    return unknown('flag', named.split('=', 1)[0]!, known);
  }
  const isTopLevel = command.parent === null;
  if (error.code === 'commander.excessArguments' && isTopLevel && !isCommand(command.args[0]!)) {
    return unknown(
      'command',
      command.args[0]!,
      COMMANDS.map(({ name }) => name),
    );
  }
  return new FastfnError('USAGE', error.message.replace(/^error: /, ''));
}

function isCommand(name: string): boolean {
  return COMMANDS.some((command) => command.name === name);
}

function unknown(what: string, given: string, known: readonly string[]): FastfnError {
  return new FastfnError('USAGE', `unknown ${what} "${given}"${suggest(given, known)}`);
}
