import { join } from 'node:path';
import { RUNTIMES } from '../functions/types.ts';
import type { ProjectConfig } from '../project/types.ts';
import type { LogRecord } from './events.ts';
import { LogFile } from './log-file.ts';
import { Redactor } from './redaction.ts';

export interface LogStore {
  /**
   * Keeps a line, unless it is below `logs.level`, and returns it as it may be shown: without secrets. Never waits.
   */
  write(record: LogRecord): LogRecord;
  /** Values that must not appear in lines of this function (`<runtime>/<name>@<version>`) or of the platform (F107). */
  setSecrets(functionKey: string, values: readonly string[]): void;
  /** Writes what is left. */
  close(): Promise<void>;
}

const LEVELS: readonly LogRecord['level'][] = ['debug', 'info', 'warn', 'error'];
const MAX_MESSAGE_BYTES = 16_384; // P116
const BYTES_PER_MB = 1024 * 1024;

/** What functions print goes to runtime.log, what the platform has to say to error.log (P117). */
export function createLogStore({ logs }: { readonly logs: ProjectConfig['logs'] }): LogStore {
  const redactor = new Redactor();
  const open = (name: string) =>
    new LogFile({
      path: join(logs.dir, name),
      maxBytes: logs.maxSizeMb * BYTES_PER_MB,
      keep: logs.keep,
      describeDropped: (count) => JSON.stringify(droppedRecord(count)),
    });
  const runtimeLog = open('runtime.log');
  const errorLog = open('error.log');
  const least = LEVELS.indexOf(logs.level);
  return {
    write(record) {
      const shown = redactor.redact(record);
      if (LEVELS.indexOf(shown.level) >= least) {
        const file = isRuntime(shown.source) ? runtimeLog : errorLog;
        for (const piece of split(shown)) file.append(JSON.stringify(piece));
      }
      return shown;
    },
    setSecrets: (functionKey, values) => redactor.setSecrets(functionKey, values),
    async close() {
      await Promise.all([runtimeLog.close(), errorLog.close()]);
    },
  };
}

/** One line of text for people (P116). */
export function formatRecord(record: LogRecord): string {
  const parts = [record.time, `[${record.source}]`];
  if (record.level === 'error' || record.level === 'warn') parts.push(`[${record.level}]`);
  if (record.function !== null) {
    parts.push(record.stream === null ? `[fn:${record.function}]` : `[fn:${record.function} ${record.stream}]`);
    parts.push(`[req:${record.requestId ?? '-'}]`);
  }
  parts.push(record.message);
  if (record.fields?.continued === true) parts.push('[continued]');
  return parts.join(' ');
}

function isRuntime(source: LogRecord['source']): boolean {
  return (RUNTIMES as readonly string[]).includes(source);
}

/** Cuts a message above 16 KiB into pieces; all but the last say that they continue (P116). */
function split(record: LogRecord): readonly LogRecord[] {
  if (record.message.length * 3 <= MAX_MESSAGE_BYTES) return [record]; // a UTF-16 unit is at most three bytes
  const bytes = Buffer.from(record.message);
  const pieces: LogRecord[] = [];
  let start = 0;
  while (bytes.length - start > MAX_MESSAGE_BYTES) {
    const end = characterStart(bytes, start + MAX_MESSAGE_BYTES);
    pieces.push({
      ...record,
      message: bytes.toString('utf8', start, end),
      fields: { ...record.fields, continued: true },
    });
    start = end;
  }
  pieces.push({ ...record, message: bytes.toString('utf8', start) });
  return pieces;
}

/** The nearest offset at or before `offset` where a UTF-8 character begins. */
function characterStart(bytes: Buffer, offset: number): number {
  let at = offset;
  while ((bytes[at]! & 0xc0) === 0x80) at -= 1;
  return at;
}

function droppedRecord(count: number): LogRecord {
  const message = `${count} lines dropped`;
  const time = new Date().toISOString();
  return { time, level: 'warn', source: 'supervisor', function: null, stream: null, requestId: null, message };
}
