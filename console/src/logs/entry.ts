/** A stored line: of a function or the platform, or of the access log (P89, P116). */
export interface LogEntry {
  readonly time: string;
  readonly level?: string;
  readonly source?: string;
  readonly function?: string | null;
  readonly stream?: string | null;
  readonly message?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly ms?: number;
}

export function timeOf({ time }: LogEntry): string {
  return time.slice(11, 23).replace(/Z|[+-]\d\d:?$/, '');
}

export function levelOf({ level, status = 0 }: LogEntry): string {
  return level ?? (status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info');
}

/** The line without its time. */
export function lineText(entry: LogEntry): string {
  if (entry.message === undefined) {
    return `${entry.method} ${entry.path} ${entry.status} ${entry.ms} ms${entry.function ? ` [${entry.function}]` : ''}`;
  }
  const speaker = entry.function ?? entry.source ?? '';
  return `[${speaker}${entry.stream ? ` ${entry.stream}` : ''}] ${entry.message}`;
}
