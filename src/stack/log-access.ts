import { join } from 'node:path';
import { type LogLine, type LogQuery, type LogSource, matches } from '../admin/log-query.ts';
import type { ProjectConfig } from '../project/types.ts';
import { followLines } from './log-follower.ts';
import { parseLogLine } from './log-lines.ts';
import { type LastLines, readLast } from './log-reader.ts';

/** The stack's stored logs, for its administration (P189). */
export class LogAccess {
  readonly #config: Pick<ProjectConfig, 'logs' | 'functionsRoot'>;

  constructor(config: Pick<ProjectConfig, 'logs' | 'functionsRoot'>) {
    this.#config = config;
  }

  async read(source: LogSource, query: LogQuery): Promise<readonly LogLine[]> {
    return (await this.#last(source, query)).lines;
  }

  async follow(
    source: LogSource,
    query: LogQuery,
    onLines: (lines: readonly LogLine[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { lines, end } = await this.#last(source, query);
    await onLines(lines);
    const accept = this.#acceptor(source, query);
    const onText = (texts: readonly string[]) => onLines(texts.flatMap((text) => accept(text) ?? []));
    await followLines(this.#path(source), end, onText, signal);
  }

  #last(source: LogSource, query: LogQuery): Promise<LastLines<LogLine>> {
    return readLast(this.#path(source), this.#config.logs.keep, query.lines, this.#acceptor(source, query));
  }

  #path(source: LogSource): string {
    return join(this.#config.logs.dir, `${source}.log`);
  }

  /** Most lines of another request or function need not be parsed to be passed over. */
  #acceptor(source: LogSource, query: LogQuery): (text: string) => LogLine | null {
    const words = [query.requestId, query.fn].filter((word) => word !== undefined);
    return (text) => {
      if (words.some((word) => !text.includes(word))) return null;
      const line = parseLogLine(text, source, this.#config.functionsRoot);
      return line !== null && matches(line.entry, query) ? line : null;
    };
  }
}
