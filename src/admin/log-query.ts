/** The platform's logs (P117). */
export const LOG_SOURCES = ['error', 'access', 'runtime'] as const;
export type LogSource = (typeof LOG_SOURCES)[number];

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Which lines of a log are asked for (P189); what is undefined does not matter. */
export interface LogQuery {
  /** At most so many, the newest. */
  readonly lines: number;
  readonly runtime?: string | undefined;
  /** A function's name, or a single file's without its extension. */
  readonly fn?: string | undefined;
  readonly version?: string | undefined;
  readonly stream?: 'stdout' | 'stderr' | undefined;
  readonly requestId?: string | undefined;
  readonly level?: (typeof LOG_LEVELS)[number] | undefined;
  /** The least severe. */
  readonly leastLevel?: (typeof LOG_LEVELS)[number] | undefined;
  /** Epoch milliseconds of the oldest. */
  readonly since?: number | undefined;
}

/** One stored line: as text for people (P116), and as an object with keys as the API spells them. */
export interface LogLine {
  readonly text: string;
  readonly entry: LogEntry;
  /** As it lies in the file. */
  readonly stored: string;
}

export interface LogEntry extends Readonly<Record<string, unknown>> {
  readonly time: string;
  readonly level: string;
  /** Language, or part of the platform, that the line is of. */
  readonly source: string;
  /** `<name>@<version>`, null for lines of no function. */
  readonly function: string | null;
  readonly stream: string | null;
  readonly request_id: string | null;
}

/** Whether a line is one of those that are asked for. */
export function matches(entry: LogEntry, query: LogQuery): boolean {
  const { runtime, fn, version, stream, requestId, level, leastLevel, since } = query;
  if (runtime !== undefined && entry.source !== runtime) return false;
  if (stream !== undefined && entry.stream !== stream) return false;
  if (requestId !== undefined && entry.request_id !== requestId) return false;
  if (level !== undefined && entry.level !== level) return false;
  if (leastLevel !== undefined && severity(entry.level) < severity(leastLevel)) return false;
  if (since !== undefined && !(Date.parse(entry.time) >= since)) return false;
  if (fn === undefined && version === undefined) return true;
  const at = entry.function?.lastIndexOf('@') ?? -1;
  if (at === -1) return false;
  const name = entry.function!.slice(0, at);
  if (version !== undefined && entry.function!.slice(at + 1) !== version) return false;
  return fn === undefined || name === fn || name.replace(/\.[a-z]+$/, '') === fn;
}

function severity(level: string): number {
  return (LOG_LEVELS as readonly string[]).indexOf(level);
}
