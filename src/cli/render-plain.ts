import type { LogRecord, StackEvent } from '../stack/events.ts';
import { describeError } from './error-report.ts';
import type { Paint, View } from './view.ts';

/** With what failed, the log's name and the next step: 12 lines at most. */
const MAX_TAIL_LINES = 9;

/** What is shown for an event: whole lines, without line ends; nothing for what only a live view shows. */
export function describeEvent(event: StackEvent, view: View): string[] {
  const { paint } = view;
  switch (event.type) {
    case 'ready':
      return [describeReady(event)];
    case 'log':
      return [describeLog(event.record, paint)];
    case 'request':
      return [describeRequest(event, paint)];
    case 'requests-omitted':
      return [paint('dim', `(more requests than can be shown: ${event.bytes} bytes are in the access log only)`)];
    case 'reloaded':
      return [`reloaded ${listNames(event.functions)} in ${Math.round(event.ms)}ms`];
    case 'problem':
      return describeProblem(event, view);
    case 'install':
      return describeInstall(event, paint);
    case 'progress':
    case 'discovered':
      return [];
    case 'note':
      return [`note: ${event.message}`];
    case 'stopping':
      return [`stopping, running requests have ${event.graceSeconds}s (once more to stop at once)`];
  }
}

/** The ready line (P25): the only line of a stack on standard output. */
export function describeReady(event: Extract<StackEvent, { type: 'ready' }>): string {
  const facts = [
    event.mode,
    count(event.functions, 'function'),
    count(event.routes, 'route'),
    `${(event.ms / 1000).toFixed(2)}s`,
  ];
  return `FastFN ready at ${event.url} (${facts.join(', ')})`;
}

function describeRequest(event: Extract<StackEvent, { type: 'request' }>, paint: Paint): string {
  const style = event.status >= 500 ? 'bad' : event.status >= 400 ? 'warning' : 'good';
  const facts = [
    event.method,
    event.path,
    paint(style, String(event.status)),
    paint('dim', `${Math.round(event.ms)}ms`),
  ];
  return [...facts, ...(event.functionKey === null ? [] : [paint('dim', shortName(event.functionKey))])].join(' ');
}

/** The line of P116. A record of the platform itself names neither function nor request. */
export function describeLog(record: LogRecord, paint: Paint): string {
  const tags = [`[${record.source}]`];
  if (record.level === 'warn' || record.level === 'error') tags.push(`[${record.level}]`);
  if (record.function !== null) {
    tags.push(
      `[fn:${record.function}${record.stream === null ? '' : ` ${record.stream}`}]`,
      `[req:${record.requestId ?? '-'}]`,
    );
  }
  const style = record.level === 'error' ? 'bad' : record.level === 'warn' ? 'warning' : 'plain';
  return `${paint('dim', `${record.time} ${tags.join(' ')}`)} ${paint(style, record.message)}`;
}

/** Where the problem names a line, with the code around it. */
function describeProblem(
  { path, message, ...problem }: Extract<StackEvent, { type: 'problem' }>,
  view: View,
): string[] {
  return describeError({ ...problem, subject: path, text: message }, view);
}

function describeInstall(event: Extract<StackEvent, { type: 'install' }>, paint: Paint): string[] {
  const names = listNames(event.functions);
  if (event.state === 'started') return [`installing dependencies of ${names} (${event.tool})`];
  const after = event.ms === undefined ? '' : ` in ${(event.ms / 1000).toFixed(1)}s`;
  if (event.state === 'done') return [`installed dependencies of ${names} (${event.tool})${after}`];
  return [
    `${paint('bad', 'error:')} ${names}: dependencies failed to install (${event.reason ?? event.tool})`,
    ...(event.tail ?? []).slice(-MAX_TAIL_LINES).map((line) => `  ${line}`),
    ...(event.logFile === undefined ? [] : [`  log: ${event.logFile}`]),
    `  hint: ${event.lastGood ? 'the last good version keeps serving; ' : ''}edit the manifest and save to try again`,
  ];
}

export function listNames(keys: readonly string[]): string {
  const shown = keys.slice(0, 5).map(shortName);
  return keys.length > shown.length ? `${shown.join(', ')} and ${keys.length - shown.length} more` : shown.join(', ');
}

/** `node/hello@default` is `hello` to its author; a version is kept. */
export function shortName(key: string): string {
  return key.replace(/^[a-z]+\//, '').replace(/@default$/, '');
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
