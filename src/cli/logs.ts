import { setTimeout as delay } from 'node:timers/promises';
import { LOG_LEVELS, LOG_SOURCES, type LogLine, type LogQuery, type LogSource } from '../admin/log-query.ts';
import { type FoundStack, findStack, isStillRunning } from '../control/stacks.ts';
import { ExitCode, FastfnError } from '../errors.ts';
import { suggest } from '../functions/nearest.ts';
import type { ProjectConfig } from '../project/types.ts';
import { LogAccess } from '../stack/log-access.ts';
import { escapeControls, forTerminal } from '../terminal-text.ts';
import type { CommandRun } from './commands.ts';
import { noStack } from './find-stack.ts';
import { loadInvokedProject } from './load-project.ts';
import { wantsColour } from './output.ts';
import type { Invocation, Terminal } from './terminal.ts';

const DEFAULT_LINES = 200;
const MAX_LINES = 100_000;
const MAX_BYTES = 1024 * 1024 * 1024; // all that is kept by default is less: three logs of four files of 20 MiB
const LOOK_MS = 200; // how soon the end of a stack is noticed
const STREAMS = ['stdout', 'stderr', 'all'] as const;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Where lines come from, and until when. */
interface Origin {
  readonly logs: LogAccess;
  /** Resolves when nothing more will be written; null: nothing is being written. */
  readonly ended: Promise<void> | null;
}

/** `fastfn logs [dir]` (P13, P30): the kept lines of a stack, then those that it writes, until it ends. */
export const logs: CommandRun = async (invocation, terminal) => {
  const { flags } = invocation;
  if (flags.native && flags.docker) throw new FastfnError('USAGE', '--native and --docker exclude each other');
  const sources = readChoice(flags.file, '--file', [...LOG_SOURCES, 'all'] as const) ?? 'all';
  const query = readQuery(flags);
  const config = await loadInvokedProject('dev', invocation, terminal);
  const follows = flags.follow !== false;
  const stop = new AbortController();
  const origin = await findOrigin(config, invocation, stop.signal);
  if (follows && origin.ended === null) throw noStack(config, invocation.args[0], ' --no-follow shows the kept logs.');
  const keepsColours = wantsColour(terminal.out, terminal.env);
  const show = ({ text, stored }: LogLine) => (flags.json ? escapeControls(stored) : forTerminal(text, keepsColours));
  const print = async (lines: readonly LogLine[]) => {
    terminal.out.text(lines.map((line) => `${show(line)}\n`).join(''));
    await terminal.out.drained();
  };
  const tail = new Tail(origin.logs, sources === 'all' ? LOG_SOURCES : [sources], query);
  await print(await tail.last());
  if (!follows || origin.ended === null) return ExitCode.ok;
  return untilInterrupted(stop, terminal, () => tail.follow(print, stop.signal, origin.ended!));
};

/** One or several logs as one. */
class Tail {
  readonly #logs: LogAccess;
  readonly #sources: readonly LogSource[];
  readonly #query: LogQuery;
  #ends: readonly Awaited<ReturnType<LogAccess['last']>>['end'][] = [];

  constructor(logs: LogAccess, sources: readonly LogSource[], query: LogQuery) {
    this.#logs = logs;
    this.#sources = sources;
    this.#query = query;
  }

  /** The last lines of all, by time. */
  async last(): Promise<readonly LogLine[]> {
    const parts = await Promise.all(this.#sources.map((source) => this.#logs.last(source, this.#query)));
    this.#ends = parts.map(({ end }) => end);
    if (parts.length === 1) return parts[0]!.lines;
    const timed = parts.flatMap(({ lines }) => lines.map((line) => ({ line, time: Date.parse(line.entry.time) })));
    const newest = timed.sort((a, b) => a.time - b.time).slice(-this.#query.lines);
    return newest.map(({ line }) => line);
  }

  /** The lines that come after those, until the end of what writes them, or the signal. */
  async follow(
    print: (lines: readonly LogLine[]) => Promise<void>,
    signal: AbortSignal,
    ended: Promise<void>,
  ): Promise<void> {
    const finished = new AbortController();
    void ended.then(() => finished.abort());
    await Promise.all(
      this.#sources.map((source, index) =>
        this.#logs.followFrom(source, this.#ends[index]!, this.#query, print, signal, finished.signal),
      ),
    );
  }
}

/** The running stack's logs, or those that a former one has kept (P30). */
async function findOrigin(config: ProjectConfig, { args, flags }: Invocation, signal: AbortSignal): Promise<Origin> {
  const mode = flags.native ? 'native' : flags.docker ? 'docker' : undefined;
  const stack = await findStack({ config, isExact: args[0] !== undefined, mode });
  if (stack === null) return { logs: accessLogs(config, config.logs.dir, config.functionsRoot), ended: null };
  return { logs: accessLogs(config, stack.logDir, stack.functionsRoot), ended: untilGone(stack, signal) };
}

function accessLogs(config: ProjectConfig, dir: string, functionsRoot: string): LogAccess {
  return new LogAccess({ logs: { ...config.logs, dir }, functionsRoot }, MAX_BYTES);
}

async function untilGone(stack: FoundStack, signal: AbortSignal): Promise<void> {
  while (isStillRunning(stack) && !signal.aborted) await delay(LOOK_MS, undefined, { signal }).catch(() => {});
}

/** Runs the work until it is done, Ctrl+C, or nobody reads any more. */
async function untilInterrupted(
  stop: AbortController,
  { out }: Terminal,
  work: () => Promise<void>,
): Promise<ExitCode> {
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
    stop.abort();
  };
  process.once('SIGINT', interrupt);
  if (out.closed.aborted) stop.abort();
  else out.closed.addEventListener('abort', () => stop.abort(), { once: true });
  await work();
  process.off('SIGINT', interrupt);
  return isInterrupted ? ExitCode.interrupted : ExitCode.ok;
}

function readQuery({ lines, function: key, request, stream, level, since }: Invocation['flags']): LogQuery {
  const chosen = readChoice(stream, '--stream', STREAMS);
  return {
    lines: lines === undefined ? DEFAULT_LINES : readLines(lines as string),
    ...(key !== undefined && readKey(key as string)),
    stream: chosen === 'all' ? undefined : chosen,
    requestId: request as string | undefined,
    leastLevel: readChoice(level, '--level', LOG_LEVELS),
    since: since === undefined ? undefined : readSince(since as string),
  };
}

function readChoice<T extends string>(
  given: Invocation['flags'][string],
  flag: string,
  known: readonly T[],
): T | undefined {
  if (given === undefined || known.includes(given as T)) return given as T | undefined;
  throw new FastfnError('USAGE', `${flag}: unknown value "${given}"${suggest(String(given), known)}`, {
    hint: `One of ${known.join(', ')}.`,
  });
}

function readLines(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= MAX_LINES) return Number(text);
  throw new FastfnError('USAGE', `--lines: "${text}" is not a number from 0 to ${MAX_LINES}`);
}

/** A key like `node/hello@default`, or a name with or without a version. */
function readKey(key: string): Pick<LogQuery, 'runtime' | 'fn' | 'version'> {
  const parts = /^(?:(node|python|php|lua)\/)?(.+?)(?:@([^@]+))?$/.exec(key);
  if (parts?.[1] !== undefined && parts[3] !== undefined) return { runtime: parts[1], fn: parts[2], version: parts[3] };
  const at = key.lastIndexOf('@');
  return at <= 0 ? { fn: key } : { fn: key.slice(0, at), version: key.slice(at + 1) };
}

/** Epoch milliseconds of `10m` ago, or of a time as RFC 3339 has it. */
function readSince(text: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return Date.now() - Number(count) * UNIT_MS[unit!]!;
  const time = /^\d{4}-\d\d-\d\d([T ]|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new FastfnError(
    'USAGE',
    `--since: "${text}" is neither a duration like 10m nor a time like 2026-01-31T12:00:00Z`,
  );
}
