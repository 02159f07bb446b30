import type { LogEntry, LogLine, LogSource } from '../admin/log-query.ts';
import type { LogRecord } from './events.ts';
import { formatRecord } from './logs.ts';
import { withoutRoot } from './source-place.ts';

/** Reads one stored line; null for one that was cut off, or is not ours. Paths below the functions root are relative (P163). */
export function parseLogLine(text: string, source: LogSource, functionsRoot: string): LogLine | null {
  const stored = parseObject(withoutRoot(text, functionsRoot));
  if (stored === null) return null;
  const line = source === 'access' ? accessLine(stored) : recordLine(stored as unknown as LogRecord);
  return line && { ...line, stored: text };
}

type ShownLine = Pick<LogLine, 'text' | 'entry'>;

function recordLine(record: LogRecord): ShownLine | null {
  if (typeof record.message !== 'string' || typeof record.source !== 'string') return null;
  const { requestId, ...others } = record;
  return { text: formatRecord(record), entry: { ...others, request_id: requestId } as LogEntry };
}

/** A request in the words of the terminal (P119), with its time and id. */
function accessLine(stored: Record<string, unknown>): ShownLine | null {
  const { time, id, method, path, status, ms, function: key } = stored;
  if (typeof method !== 'string' || typeof status !== 'number') return null;
  const [runtime, name] = splitKey(key);
  const text = [time, method, path, status, `${ms}ms`, ...(name === null ? [] : [`[fn:${name}]`]), `[req:${id}]`];
  const entry = {
    ...stored,
    time: String(time),
    level: status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info',
    source: runtime ?? 'gateway',
    function: name,
    stream: null,
    request_id: typeof id === 'string' ? id : null,
  };
  return { text: text.join(' '), entry };
}

/** `node/hello@default` in its parts. */
function splitKey(key: unknown): readonly [string, string] | readonly [null, null] {
  if (typeof key !== 'string' || !key.includes('/')) return [null, null];
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
