import type { ProjectConfig } from '../project/types.ts';
import type { LogRecord, StackEvent } from '../stack/events.ts';
import { wantsColour } from './output.ts';
import { describeEvent, describeReady, type Paint, withoutColour } from './render-plain.ts';
import type { Terminal } from './terminal.ts';

export type Renderer = (event: StackEvent) => void;

const LEVELS: readonly LogRecord['level'][] = ['debug', 'info', 'warn', 'error'];

/**
 * Shows what a stack tells: the ready line on standard output, everything else on standard error; as text, or as one
 * JSON object per line with `--log-format json` (P25, P116, P119).
 */
export async function createRenderer(config: ProjectConfig, { out, err, env }: Terminal): Promise<Renderer> {
  const isShown = filterFor(config);
  if (config.logs.format === 'json') {
    return (event) => {
      if (event.type === 'ready') out.line(JSON.stringify(asJson(event)));
      else if (isShown(event)) err.line(JSON.stringify(asJson(event)));
    };
  }
  const paint: Paint = wantsColour(err, env) ? (await import('./paint.ts')).paint : withoutColour;
  return (event) => {
    if (event.type === 'ready') out.line(describeReady(event));
    else if (isShown(event)) for (const line of describeEvent(event, paint)) err.line(line);
  };
}

/** `--quiet` leaves errors; `run` keeps requests in the access log only (P27); `--log-level` bounds log lines. */
function filterFor({ command, quiet, logs }: ProjectConfig): (event: StackEvent) => boolean {
  const least = LEVELS.indexOf(quiet ? 'error' : logs.level);
  return (event) => {
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
