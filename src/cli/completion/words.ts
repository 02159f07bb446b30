import { COMMANDS, type CommandDefinition, type Flag, GLOBAL_FLAGS, globalFlagsOf } from '../commands.ts';

/** What may follow a flag, or stand in the place of an argument. */
export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'anything' };

/** A flag as shells complete it. */
export interface CompletedFlag {
  /** Its letter without the dash, if it has one. */
  readonly letter: string | null;
  /** Its long name without dashes. */
  readonly name: string;
  readonly help: string;
  /** null: it is a switch. */
  readonly value: Candidates | null;
}

/** A command as shells complete it. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
  readonly argument: Candidates;
}

/** The table of commands in the form that completions are made from (P21). */
export const COMPLETED: readonly CompletedCommand[] = COMMANDS.map((command) => ({
  name: command.name,
  summary: command.summary,
  flags: [...command.flags, ...globalFlagsOf(command)].map(describeFlag),
  argument: argumentOf(command),
}));

/** Flags that may stand before a command's name. */
export const GLOBAL: readonly CompletedFlag[] = GLOBAL_FLAGS.map(describeFlag);

function describeFlag({ notation, help }: Flag): CompletedFlag {
  const [, letter = null, name, placeholder] = /^(?:-(\w), )?--([a-z-]+)(?: [<[](.+)[>\]])?$/.exec(notation)!;
  return { letter, name: name!, help, value: placeholder === undefined ? null : candidates(placeholder) };
}

function argumentOf({ name, argument }: CommandDefinition): Candidates {
  if (name === 'deploy') return { kind: 'words', words: ['systemd', 'kubernetes'] };
  if (name === 'help') return { kind: 'words', words: COMMANDS.map((command) => command.name) };
  return candidates(/^[<[]([^>\]]+)/.exec(argument ?? '')?.[1] ?? '');
}

function candidates(placeholder: string): Candidates {
  if (placeholder.includes('|')) return { kind: 'words', words: placeholder.split('|') };
  if (placeholder === 'file') return { kind: 'files' };
  return { kind: placeholder === 'dir' ? 'folders' : 'anything' };
}
