import { COMMANDS, type CommandDefinition, type Flag, GLOBAL_FLAGS } from '../../src/cli/commands.ts';
import { describeFlag } from '../../src/cli/help.ts';
import { code, page, table } from './markdown.ts';

export const EXIT_CODES = [
  ['0', 'Done; also a stack that SIGTERM ended after a clean drain'],
  ['1', 'It ran and failed: port in use, already running, a check that failed'],
  ['2', 'Wrong usage or configuration'],
  ['3', 'Something this machine must have is missing or does not work'],
  ['130', 'Ended by SIGINT (Ctrl+C)'],
];

export const SIGNALS =
  'The first SIGINT or SIGTERM lets running requests finish within the drain time; a second one ends everything at once. SIGHUP reloads functions and their configuration when standard input is not a terminal, else it acts like SIGTERM.';

/** docs/reference/cli.md */
export function cliReference(): string {
  return page(
    'Command line',
    'Generated from the table in `src/cli/commands.ts`. Results go to standard output, everything else to standard error. Every flag without a value has a `--no-` form.',
    '## Flags of every command',
    flagTable(GLOBAL_FLAGS),
    ...COMMANDS.map(describe),
    '## Exit codes',
    table(['Code', 'Meaning'], EXIT_CODES),
    '## Signals',
    SIGNALS,
  );
}

function describe(command: CommandDefinition): string {
  const usage = ['fastfn', command.name, command.argument].filter((word) => word !== undefined).join(' ');
  return [
    `## ${code(usage)}`,
    `${command.summary}.`,
    ...(command.flags.length === 0 ? [] : [flagTable(command.flags)]),
    `\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function flagTable(flags: readonly Flag[]): string {
  return table(
    ['Flag', 'Meaning'],
    flags.map(describeFlag).map(([notation, text]) => [code(notation), text]),
  );
}
