import type { ProjectConfig } from '../project/types.ts';
import { type Output, wantsColour } from './output.ts';
import type { Terminal } from './terminal.ts';

/** How a part of a line is meant; a terminal gives each a colour, plain text none. */
export type Style = 'plain' | 'dim' | 'strong' | 'good' | 'warning' | 'bad';
export type Paint = (style: Style, text: string) => string;

export const withoutColour: Paint = (_style, text) => text;

/** What decides how the same facts look: the reader's terminal and wishes. */
export interface View {
  readonly paint: Paint;
  /** Symbols outside ASCII may be used. */
  readonly isUnicode: boolean;
  /** Stacks and full log lines instead of what fits (`--verbose`). */
  readonly isVerbose: boolean;
  /** Where the files lie that errors point at. */
  readonly functionsRoot: string;
  /** Width that lines should keep to where they can; a pipe has none, and gets 100. */
  columns(): number;
}

const PIPE_COLUMNS = 100;

/** The view for what is written to `output`. */
export async function createView(config: ProjectConfig, output: Output, { env }: Terminal): Promise<View> {
  return {
    paint: wantsColour(output, env) ? (await import('./paint.ts')).paint : withoutColour,
    isUnicode: speaksUnicode(env),
    isVerbose: config.logs.level === 'debug',
    functionsRoot: config.functionsRoot,
    columns: () => output.size?.columns ?? PIPE_COLUMNS,
  };
}

/** The locale says what the terminal can show, in the order of precedence of POSIX (XBD 8.2); the Linux console has few glyphs. */
export function speaksUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) && env.TERM !== 'linux';
}
