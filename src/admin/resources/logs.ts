import { PassThrough, type Readable } from 'node:stream';
import * as z from 'zod';
import { forTerminal } from '../../terminal-text.ts';
import { type AdminContext, type AdminRequest, endpoint } from '../endpoint.ts';
import { LOG_LEVELS, LOG_SOURCES, type LogLine, type LogQuery } from '../log-query.ts';
import type { Platform } from '../platform.ts';
import { TargetFilter } from '../target.ts';

const DEFAULT_LINES = 200;
const MAX_LINES = 2000;
/** Proxies end what is silent for a minute; this is what a person takes for dead. */
const HEARTBEAT_MS = 15_000;

const LogsQuery = TargetFilter.extend({
  file: z.enum(LOG_SOURCES, { error: 'invalid file' }).default('error'),
  lines: z
    .string({ error: 'invalid lines' })
    .transform((text) => Number.parseInt(text, 10))
    .transform((lines) => (Number.isNaN(lines) ? DEFAULT_LINES : Math.min(MAX_LINES, Math.max(1, lines))))
    .default(DEFAULT_LINES),
  format: z.enum(['text', 'json'], { error: 'invalid format' }).default('text'),
  stream: z.enum(['all', 'stdout', 'stderr'], { error: 'invalid stream' }).default('all'),
  request_id: z
    .string({ error: 'invalid request_id' })
    .regex(/^[A-Za-z0-9._-]{0,128}$/, { error: 'invalid request_id' })
    .optional(),
  level: z.union([z.literal(''), z.enum(LOG_LEVELS)], { error: 'invalid level' }).optional(),
  follow: z.enum(['1', '0', 'true', 'false', ''], { error: 'invalid follow' }).optional(),
});
type LogsQuery = z.output<typeof LogsQuery>;

/** P189. */
export const logEndpoints = [
  endpoint({
    method: 'GET',
    path: '/_fn/logs',
    access: 'read',
    summary: 'Last lines of a log, or those that come as server-sent events',
    query: LogsQuery,
    handle: readLogs,
  }),
];

async function readLogs({ query, reply }: AdminRequest<LogsQuery>, { platform }: AdminContext) {
  const { file, format, follow } = query;
  if (follow === '1' || follow === 'true') {
    // The second header keeps nginx from gathering what is to be seen at once.
    reply.headers({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    if (reply.request.method === 'HEAD') return reply.send(''); // nobody would read the stream, so nothing would end it
    return reply.send(followLog(platform, query, format === 'json' ? jsonEvent : textEvent));
  }
  const lines = await platform.readLog(file, logQuery(query));
  if (format === 'text') {
    return reply.type('text/plain; charset=utf-8').send(lines.map((line) => `${asText(line)}\n`).join(''));
  }
  return {
    file,
    lines: query.lines,
    runtime: query.runtime ?? null,
    fn: query.fn ?? null,
    version: query.version ?? null,
    stream: query.stream,
    data: lines.map(asText),
    entries: lines.map(({ entry }) => entry),
  };
}

function logQuery({ lines, runtime, fn, version, stream, request_id: requestId, level }: LogsQuery): LogQuery {
  return {
    lines,
    runtime,
    fn,
    version,
    stream: stream === 'all' ? undefined : stream,
    requestId: requestId || undefined,
    level: level || undefined,
  };
}

/** A stream of events: the last lines, then each that comes, until the client leaves or the stack drains. */
function followLog(platform: Platform, query: LogsQuery, toEvent: (line: LogLine) => string): Readable {
  const events = new PassThrough();
  const gone = new AbortController();
  events.on('close', () => gone.abort());
  events.on('error', () => {});
  const heartbeat = setInterval(() => events.write(': heartbeat\n\n'), HEARTBEAT_MS);
  const send = async (lines: readonly LogLine[]) => {
    for (const line of lines) if (!events.write(toEvent(line))) await drained(events, gone.signal);
  };
  events.write(': following\n\n'); // the head goes out at once, also before a first line
  platform
    .followLog(query.file, logQuery(query), send, gone.signal)
    .catch(() => {}) // the log cannot be read any more: the stream ends, and the client may ask again
    .finally(() => {
      clearInterval(heartbeat);
      events.end();
    });
  return events;
}

function drained(events: PassThrough, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    events.once('drain', resolve);
    gone.addEventListener('abort', () => resolve(), { once: true });
  });
}

function textEvent(line: LogLine): string {
  return `data: ${asText(line)}\n\n`;
}

/** One line for people, who may read it at a terminal. */
function asText({ text }: LogLine): string {
  return forTerminal(text, false);
}

function jsonEvent({ entry }: LogLine): string {
  return `data: ${JSON.stringify(entry)}\n\n`;
}
