import type { ProjectConfig } from '../project/types.ts';
import type { LogRecord, StackEvent } from '../stack/events.ts';
import { forTerminal } from '../terminal-text.ts';
import { describeEvent, describeReady } from './render-plain.ts';
import type { Terminal } from './terminal.ts';
import { createView, withoutColour } from './view.ts';

/** Shows what a stack tells. */
export interface Renderer {
  show(event: StackEvent): void;
  /** Shows text that is no event, on standard error. */
  line(text: string): void;
  /** Shows what is still held back and leaves the terminal as it was; harmless twice. */
  close(): Promise<void>;
}

/** What keys ask of a stack (docs/dev.md). */
export interface KeyActions {
  reload(): void;
  open(): void;
}

const LEVELS: readonly LogRecord['level'][] = ['debug', 'info', 'warn', 'error'];

/**
 * Shows what a stack tells: the ready line on standard output, everything else on standard error; as a live view at a
 * terminal that can, as text, or as one JSON object per line with `--log-format json` (P25, P116, P119).
 */
export async function createRenderer(config: ProjectConfig, terminal: Terminal, keys: KeyActions): Promise<Renderer> {
  const isShown = filterFor(config);
  if (config.logs.format === 'json') return jsonRenderer(isShown, terminal);
  const { isInteractive } = await import('./interactive.ts');
  if (!isInteractive(config, terminal)) return plainRenderer(isShown, config, terminal);
  const { createLiveRenderer } = await import('./live.ts');
  return createLiveRenderer({ isShown, config, terminal, keys });
}

function jsonRenderer(isShown: (event: StackEvent) => boolean, { out, err }: Terminal): Renderer {
  const show = (event: StackEvent) => {
    if (event.type === 'ready') out.line(JSON.stringify(asJson(event)));
    else if (isShown(event)) err.line(JSON.stringify(asJson(event)));
  };
  return { show, line: (text) => err.line(text), close: async () => {} };
}

async function plainRenderer(
  isShown: (event: StackEvent) => boolean,
  config: ProjectConfig,
  terminal: Terminal,
): Promise<Renderer> {
  const { out, err } = terminal;
  const view = await createView(config, err, terminal);
  // Not only at a terminal: what is piped to a file, or kept by a container's engine, is read at one later.
  const write = (line: string) => err.line(forTerminal(line, view.paint !== withoutColour));
  const show = (event: StackEvent) => {
    if (event.type === 'ready') out.line(describeReady(event));
    else if (isShown(event)) describeEvent(event, view).forEach(write);
  };
  return { show, line: (text) => err.line(text), close: async () => {} };
}

/**
 * `--quiet` leaves errors; `run` keeps requests in the access log only (P27); `--log-level` bounds log lines. Steps of the
 * start are for the list at a terminal.
 */
function filterFor({ command, quiet, logs }: ProjectConfig): (event: StackEvent) => boolean {
  const least = LEVELS.indexOf(quiet ? 'error' : logs.level);
  return (event) => {
    if (event.type === 'progress' || event.type === 'discovered') return false;
    if (event.type === 'log') return LEVELS.indexOf(event.record.level) >= least;
    if (event.type === 'problem') return !quiet || event.severity === 'error';
    if (event.type === 'install') return !quiet || event.state === 'failed';
    if (event.type === 'request' || event.type === 'requests-omitted') return !quiet && command === 'dev';
    return !quiet;
  };
}

/** `{"event": …}` with the members of the event, times to a tenth; those of a log record stand beside it. */
function asJson(event: StackEvent): Record<string, unknown> {
  const { type, ...members } = event;
  if ('record' in members) return { event: type, ...members.record };
  const ms = 'ms' in members && members.ms !== undefined ? { ms: Math.round(members.ms * 10) / 10 } : {};
  return { event: type, ...members, ...ms };
}
