import { join } from 'node:path';
import { type LogLine, type LogQuery, type LogSource, matches } from '../admin/log-query.ts';
import type { ProjectConfig } from '../project/types.ts';
import { followLines } from './log-follower.ts';
import { parseLogLine } from './log-lines.ts';
import { type LastLines, type LogPosition, readLast } from './log-reader.ts';

/** A stack's stored logs, for its administration (P189) and its owner's command line (P30). */
export class LogAccess {
  readonly #config: Pick<ProjectConfig, 'logs' | 'functionsRoot'>;
  readonly #maxAnswerBytes: number | undefined;

  constructor(config: Pick<ProjectConfig, 'logs' | 'functionsRoot'>, maxAnswerBytes?: number) {
    this.#config = config;
    this.#maxAnswerBytes = maxAnswerBytes;
  }

  async read(source: LogSource, query: LogQuery): Promise<readonly LogLine[]> {
    return (await this.last(source, query)).lines;
  }

  /** The last lines, then those that come. */
  async follow(
    source: LogSource,
    query: LogQuery,
    onLines: (lines: readonly LogLine[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { lines, end } = await this.last(source, query);
    await onLines(lines);
    await this.followFrom(source, end, query, onLines, signal);
  }

  last(source: LogSource, query: LogQuery): Promise<LastLines<LogLine>> {
    const accept = this.#acceptor(source, query);
    return readLast(this.#path(source), this.#config.logs.keep, query.lines, accept, this.#maxAnswerBytes);
  }

  async followFrom(
    source: LogSource,
    from: LogPosition,
    query: LogQuery,
    onLines: (lines: readonly LogLine[]) => Promise<void>,
    signal: AbortSignal,
    finished?: AbortSignal,
  ): Promise<void> {
    const accept = this.#acceptor(source, query);
    const onText = (texts: readonly string[]) => onLines(texts.flatMap((text) => accept(text) ?? []));
    await followLines(this.#path(source), from, onText, signal, finished);
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
