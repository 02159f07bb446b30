import { availableParallelism } from 'node:os';
import { ExitCode, FastfnError } from '../errors.ts';
import { suggest } from '../functions/nearest.ts';
import { defaultOf, type Setting } from '../project/setting.ts';
import { ALL_SETTINGS } from '../project/settings.ts';
import {
  COMMANDS,
  type CommandDefinition,
  type CommandRun,
  type Flag,
  GLOBAL_FLAGS,
  globalFlagsOf,
} from './commands.ts';

/** `fastfn help [command]` (P22). */
export const help: CommandRun = async ({ args }, { out }) => {
  out.text(`${args[0] === undefined ? describeProgram() : describeCommand(findCommand(args[0]))}\n`);
  return ExitCode.ok;
};

function findCommand(name: string): CommandDefinition {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command) return command;
  const known = COMMANDS.map((candidate) => candidate.name);
  throw new FastfnError('USAGE', `unknown command "${name}"${suggest(name, known)}`);
}

export function describeProgram(): string {
  return [
    'FastFN serves a folder of functions over HTTP.',
    '',
    'Usage: fastfn <command> [flags]',
    '',
    ...section(
      'Commands',
      COMMANDS.map(({ name, argument, summary }) => [join(name, argument), summary]),
    ),
    ...section('Flags of every command', GLOBAL_FLAGS.map(describeFlag)),
    ...examples(['fastfn dev --native examples/hello', 'fastfn help dev']),
  ].join('\n');
}

export function describeCommand(command: CommandDefinition): string {
  return [
    `${command.summary}.`,
    '',
    `Usage: fastfn ${join(command.name, command.argument)} [flags]`,
    '',
    ...section('Flags', command.flags.map(describeFlag)),
    ...section('Flags of every command', globalFlagsOf(command).map(describeFlag)),
    ...examples(command.examples),
  ].join('\n');
}

/** A flag and what it does, with its default and its variables. */
export function describeFlag(flag: Flag): [notation: string, text: string] {
  if (flag.setting === undefined) return [flag.notation, flag.help];
  const setting = ALL_SETTINGS[flag.setting]!;
  const facts = [`default: ${describeDefault(setting)}`, ...setting.env];
  return [flag.notation, `${flag.help} (${facts.join('; ')})`];
}

/** A default in words; computed ones say so themselves. */
export function describeDefault(setting: Setting<unknown>): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  const value = defaultOf(setting, { command: 'dev', isTerminal: true, cpus: availableParallelism() });
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',');
  return String(value);
}

function join(name: string, argument: string | undefined): string {
  return argument === undefined ? name : `${name} ${argument}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([left]) => left.length));
  return [`${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`), ''];
}

function examples(lines: readonly string[]): string[] {
  return ['Examples:', ...lines.map((line) => `  ${line}`)];
}
