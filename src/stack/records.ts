import type { LinkMessage } from '../gateway/link-server.ts';
import type { WorkerLogLine } from '../workers/types.ts';
import type { LogRecord } from './events.ts';

const NGINX_LINE = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+:(?: \*\d+)? (.*)$/;
const NGINX_LEVELS: Readonly<Record<string, LogRecord['level']>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
};

/** A worker's line as it is stored (P116): `node/hello@default` speaks as `hello@default`. */
export function recordOf(line: WorkerLogLine): LogRecord {
  return {
    time: new Date().toISOString(),
    level: line.level,
    source: line.runtime,
    function: line.functionKey === null ? null : nameOf(line.functionKey),
    stream: line.stream,
    requestId: line.requestId,
    message: line.message,
    ...(line.fields && { fields: line.fields }),
  };
}

/** A line that a Lua function printed, or the reason why it failed. */
export function recordOfLua(message: Extract<LinkMessage, { type: 'log' }>): LogRecord {
  const { stream, level, message: text } = message;
  const requestId = message.request_id ?? null;
  return recordOf({ runtime: 'lua', functionKey: message.function, requestId, stream, level, message: text });
}

/** What clients do wrong and what is no news: answered with a status, and in the access log. */
const NOISE =
  /a client request body is buffered|client intended to send too large|client sent (?:invalid|too)|signal process started/;

/** What nginx quotes of the request behind a line; a query may hold a credential (F135). */
const QUOTED_QUERY = /\b(request|subrequest|upstream|referrer): "([^"?]*)\?[^\s"]*/g;

/** A line of nginx's error log (P90), without query strings; null for noise. */
export function recordOfNginx(line: string): LogRecord | null {
  if (NOISE.test(line)) return null;
  const match = NGINX_LINE.exec(line);
  return {
    time: new Date().toISOString(),
    level: match ? (NGINX_LEVELS[match[1] ?? ''] ?? 'error') : 'error',
    source: 'gateway',
    function: null,
    stream: null,
    requestId: /\brequest: (req-[\w-]+)/.exec(line)?.[1] ?? null,
    message: (match?.[2] ?? line).replace(QUOTED_QUERY, '$1: "$2'),
  };
}

/** A line of the supervisor itself. */
export function supervisorRecord(level: LogRecord['level'], message: string): LogRecord {
  return {
    time: new Date().toISOString(),
    level,
    source: 'supervisor',
    function: null,
    stream: null,
    requestId: null,
    message,
  };
}

function nameOf(functionKey: string): string {
  return functionKey.slice(functionKey.indexOf('/') + 1);
}
