import type { LogRecord } from '../stack/events.ts';
import { withoutRoot } from '../stack/source-place.ts';
import { describeError, MAX_MESSAGE_LINES } from './error-report.ts';
import { readErrorText } from './error-text.ts';
import { describeLog } from './render-plain.ts';
import type { View } from './view.ts';

/** A function that prints errors without end is no single error. */
const MAX_ERROR_LINES = 60;
/** Reading the code for each of a thousand errors a second would take the supervisor from its work. */
const MAX_FRAMES_PER_SECOND = 10;
const HINT = 'save the mended file and the next request runs it; --verbose shows the stack';

/**
 * Log lines for somebody who watches: function and text, without the time and the ids that `fastfn logs` has; the lines of
 * one error together, as what it says and the code it points at.
 */
export class LiveLog {
  readonly #view: View;
  #error: LogRecord[] = [];
  #frames = { since: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(view: View) {
    this.#view = view;
  }

  /** Whether lines are held back that may belong together with the next. */
  get isHolding(): boolean {
    return this.#error.length > 0;
  }

  /** The lines to show now. */
  take(record: LogRecord): string[] {
    if (this.#view.isVerbose) return this.#describeFully(record);
    const isError = record.level === 'error' && record.stream === 'stderr';
    const isContinued = isError && this.#error.length < MAX_ERROR_LINES && isSameError(this.#error[0], record);
    const before = isContinued ? [] : this.flush();
    if (!isError) return [...before, ...this.#describe(record)];
    this.#error.push(record);
    return before;
  }

  /** What was held back. */
  flush(): string[] {
    const records = this.#error;
    this.#error = [];
    const [first] = records;
    if (first === undefined) return [];
    const text = textOfAll(records);
    const error = this.#mayFrame() ? readErrorText(text, this.#view.functionsRoot) : null;
    if (error?.place === undefined) return records.flatMap(this.#describe);
    const others = records.slice(0, Math.max(0, error.message.length - MAX_MESSAGE_LINES));
    const facts = {
      subject: speakerOf(first),
      severity: 'error',
      text: textOfAll(records.slice(others.length)),
    } as const;
    return [...others.flatMap(this.#describe), ...describeError({ ...facts, hint: HINT }, this.#view)];
  }

  #mayFrame(): boolean {
    const now = performance.now();
    if (now - this.#frames.since > 1000) this.#frames = { since: now, count: 0 };
    this.#frames.count += 1;
    return this.#frames.count <= MAX_FRAMES_PER_SECOND;
  }

  #describeFully(record: LogRecord): string[] {
    const { paint } = this.#view;
    const stack = textOf(record) === record.message ? [] : textOf(record).split('\n');
    return [describeLog(record, paint), ...stack.map((line) => paint('dim', `  ${line}`))];
  }

  readonly #describe = (record: LogRecord): string[] => {
    const { paint, isUnicode, functionsRoot } = this.#view;
    const style = record.level === 'error' ? 'bad' : record.level === 'warn' ? 'warning' : 'plain';
    const speaker = paint('dim', `${speakerOf(record)} ${isUnicode ? '│' : '|'}`);
    return withoutRoot(record.message, functionsRoot)
      .split('\n')
      .map((line) => `${speaker} ${paint(style, line)}`);
  };
}

/** What a function that does not load says comes with its stack, which names the line. */
function textOf({ message, fields }: LogRecord): string {
  const stack = fields?.stack;
  return typeof stack === 'string' && stack.length > message.length ? stack : message;
}

function textOfAll(records: readonly LogRecord[]): string {
  return records.map(textOf).join('\n');
}

function speakerOf(record: LogRecord): string {
  return record.function?.replace(/@default$/, '') ?? record.source;
}

function isSameError(first: LogRecord | undefined, next: LogRecord): boolean {
  if (next.message.startsWith('Traceback ')) return false; // Python begins one
  return first?.function === next.function && first.requestId === next.requestId;
}
