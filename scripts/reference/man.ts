import { COMMANDS, type CommandDefinition, type Flag, GLOBAL_FLAGS } from '../../src/cli/commands.ts';
import { describeFlag } from '../../src/cli/help.ts';
import { version } from '../../src/version.ts';
import { EXIT_CODES, SIGNALS } from './cli.ts';

/** docs/reference/fastfn.1: the page that `man fastfn` shows, in the macros of man(7). */
export function manPage(): string {
  return `${[
    '.\\" Generated from the table in src/cli/commands.ts.',
    `.TH FASTFN 1 "" "FastFN ${version}" "User Commands"`,
    '.SH NAME',
    'fastfn \\- serve a folder of functions over HTTP',
    '.SH SYNOPSIS',
    '.B fastfn',
    '.I command',
    '[\\fIflags\\fR]',
    '.SH DESCRIPTION',
    'A folder of functions becomes an HTTP service: nginx in front, one worker process per function behind.',
    'Results go to standard output, everything else to standard error.',
    'Every flag without a value has a \\fB\\-\\-no\\-\\fR form.',
    '.SH COMMANDS',
    ...COMMANDS.flatMap(describe),
    '.SH FLAGS OF EVERY COMMAND',
    ...GLOBAL_FLAGS.flatMap(tagged),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, text(meaning!)]),
    '.SH SIGNALS',
    text(SIGNALS),
    '.SH FILES',
    '.TP',
    '.I fastfn.json',
    'Settings of a project, in the working directory.',
    '.TP',
    '.I fn.config.json',
    'Configuration of one function, or of a folder and all below it.',
    '.TP',
    '.I fn.env.json',
    'Environment of one function.',
    '.TP',
    '.I fn.test_events.json',
    'Events that \\fBfastfn test\\fR sends, and what it expects of the answers.',
  ].join('\n')}\n`;
}

function describe({ name, argument, summary, flags, examples }: CommandDefinition): string[] {
  const usage = `.SS fastfn ${name}${argument === undefined ? '' : ` ${text(argument)}`}`;
  return [
    usage,
    `${text(summary)}.`,
    ...flags.flatMap(tagged),
    '.PP',
    '.nf',
    ...examples.map((line) => `.B ${text(line)}`),
    '.fi',
  ];
}

function tagged(flag: Flag): string[] {
  const [notation, help] = describeFlag(flag);
  return ['.TP', `.B ${text(notation)}`, text(help)];
}

/** Hyphens as they are typed, and nothing that troff would take for a request. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
