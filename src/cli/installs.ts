import { lastLines } from '../dependencies/tool-log.ts';
import type { StackEvent } from '../stack/events.ts';
import { listNames } from './render-plain.ts';

export type InstallEvent = Extract<StackEvent, { type: 'install' }>;

/** An install that is under way. */
export interface RunningInstall {
  /** `pip for a, b`. */
  readonly title: string;
  /** What its tool said last. */
  lastLine: string;
}

/** A person reads no faster, and a tool that is silent costs two file reads a second. */
const LOOK_MS = 500;

/** The installs that are under way, and what their tools say meanwhile. */
export class RunningInstalls {
  readonly #onChange: () => void;
  /** By log file: one per set of packages. */
  readonly #running = new Map<string, RunningInstall>();
  #timer: NodeJS.Timeout | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get all(): readonly RunningInstall[] {
    return [...this.#running.values()];
  }

  /** The install that this event is about, where its start was seen. */
  take(event: InstallEvent): RunningInstall | undefined {
    const { logFile, state } = event;
    if (logFile === undefined) return undefined;
    if (state === 'started') this.#running.set(logFile, { title: titleOf(event), lastLine: '' });
    const install = this.#running.get(logFile);
    if (state !== 'started') this.#running.delete(logFile);
    this.#look();
    return install;
  }

  close(): void {
    this.#running.clear();
    this.#look();
  }

  #look(): void {
    if (this.#running.size > 0) {
      this.#timer ??= setInterval(() => this.#read(), LOOK_MS);
      return;
    }
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }

  #read(): void {
    for (const [logFile, install] of this.#running) {
      install.lastLine = lastLineOf(logFile) ?? install.lastLine;
    }
    this.#onChange();
  }
}

function titleOf({ tool, functions }: InstallEvent): string {
  return functions.length === 0 ? tool : `${tool} for ${listNames(functions)}`;
}

/** Commands that the log quotes are not the tool's words. */
function lastLineOf(logFile: string): string | undefined {
  try {
    return lastLines(logFile)
      .findLast((line) => !line.startsWith('$ '))
      ?.trim();
  } catch {
    return undefined; // not there yet
  }
}
