import type { ProjectConfig } from '../project/types.ts';
import type { StackEvent } from '../stack/events.ts';
import { forTerminal } from '../terminal-text.ts';
import { RunningInstalls } from './installs.ts';
import { LiveArea } from './live-area.ts';
import { describeFooter, type FooterFacts } from './live-footer.ts';
import { Keys } from './live-keys.ts';
import { LiveLog } from './live-log.ts';
import type { TerminalSize } from './output.ts';
import type { KeyActions, Renderer } from './render.ts';
import { describeEvent, describeReady } from './render-plain.ts';
import type { StartList } from './start-list.ts';
import type { Terminal } from './terminal.ts';
import { createView, type View, withoutColour } from './view.ts';

type ReadyEvent = Extract<StackEvent, { type: 'ready' }>;

/** Below this a list has no room for its progress. */
const MIN_LIST = { columns: 30, rows: 12 } as const;
/** The lines of one error come at once; a gap of this length ends it. */
const ERROR_GAP_MS = 40;

export interface LiveOptions {
  isShown(event: StackEvent): boolean;
  readonly config: ProjectConfig;
  readonly terminal: Terminal;
  readonly keys: KeyActions;
}

/** The start as a list, then lines above a few that stay: address, counts, keys (P119). */
export async function createLiveRenderer(options: LiveOptions): Promise<Renderer> {
  const { config, terminal } = options;
  const view = await createView(config, terminal.err, terminal);
  const { size } = terminal.err;
  const hasRoom = size !== undefined && size.columns >= MIN_LIST.columns && size.rows >= MIN_LIST.rows;
  return new LiveRenderer(options, view, hasRoom ? (await import('./start-list.ts')).StartList : null);
}

class LiveRenderer implements Renderer {
  readonly #options: LiveOptions;
  readonly #view: View;
  readonly #area: LiveArea;
  readonly #log: LiveLog;
  readonly #installs = new RunningInstalls(() => this.#area.refresh());
  readonly #keys: Keys | null;
  /** While the stack starts. */
  #list: StartList | null;
  #beginning: Promise<void> | null = null;
  #isEnding = false;
  #errorTimer: NodeJS.Timeout | null = null;
  #facts: Omit<FooterFacts, 'installs' | 'hasKeys'> = {
    url: '',
    routes: 0,
    routesByRuntime: {},
    requests: null,
    hasMoreRequests: false,
    failures: 0,
    reloads: 0,
    areLinesShown: true,
  };

  constructor(options: LiveOptions, view: View, List: typeof StartList | null) {
    this.#options = options;
    this.#view = view;
    this.#log = new LiveLog(view);
    const { terminal, config } = options;
    if (config.command === 'dev') this.#facts = { ...this.#facts, requests: 0 };
    this.#area = new LiveArea({ output: terminal.err, describe: (size) => this.#bottom(size) });
    this.#keys = terminal.hasTerminalInput ? this.#createKeys() : null;
    this.#list = List && new List(view, () => this.#area.refresh());
    this.#area.isShown = List !== null;
  }

  show(event: StackEvent): void {
    this.#count(event);
    if (event.type === 'install') this.#installs.take(event);
    this.#list?.show(event);
    if (event.type === 'ready') this.#beginning = this.#begin(event);
    else if (event.type === 'stopping') this.#end();
    if (event.type !== 'ready') this.#print(this.#describe(event));
  }

  line(text: string): void {
    this.#print(text.split('\n'));
  }

  async close(): Promise<void> {
    this.#end();
    await this.#beginning;
    await this.#endList('given up');
    this.#print(this.#log.flush());
    this.#area.close();
  }

  async #begin(event: ReadyEvent): Promise<void> {
    await this.#endList('ready');
    this.#area.isShown = false;
    this.#options.terminal.out.line(describeReady(event));
    if (this.#isEnding) return;
    this.#area.isShown = true;
    this.#keys?.open();
  }

  /** The list becomes lines like all others. */
  async #endList(outcome: 'ready' | 'given up'): Promise<void> {
    const list = this.#list;
    await list?.end(outcome);
    this.#list = null;
    this.#print(list?.lines ?? []);
  }

  /** Lines only from now on, and the terminal as it was. */
  #end(): void {
    this.#isEnding = true;
    clearTimeout(this.#errorTimer ?? undefined);
    this.#installs.close();
    this.#keys?.close();
    this.#area.isShown = false;
  }

  #print(lines: readonly string[]): void {
    const hasColour = this.#view.paint !== withoutColour;
    this.#area.print(lines.map((line) => forTerminal(line, hasColour)));
  }

  #describe(event: StackEvent): string[] {
    const { areLinesShown } = this.#facts;
    const isShown = this.#options.isShown(event) && !isSeenElsewhere(event) && (areLinesShown || !isRoutine(event));
    if (!isShown) return [];
    if (event.type !== 'log') return [...this.#log.flush(), ...describeEvent(event, this.#view)];
    const lines = this.#log.take(event.record);
    clearTimeout(this.#errorTimer ?? undefined);
    if (this.#log.isHolding) this.#errorTimer = setTimeout(() => this.#print(this.#log.flush()), ERROR_GAP_MS);
    return lines;
  }

  #count(event: StackEvent): void {
    const facts = this.#facts;
    if (event.type === 'ready') this.#facts = { ...facts, url: event.url };
    else if (event.type === 'discovered')
      this.#facts = { ...facts, routes: event.routes, routesByRuntime: event.routesByRuntime };
    else if (event.type === 'reloaded') this.#facts = { ...facts, reloads: facts.reloads + 1 };
    else if (event.type === 'requests-omitted') this.#facts = { ...facts, hasMoreRequests: true };
    else if (event.type === 'request') {
      const failures = facts.failures + (event.status >= 500 ? 1 : 0);
      this.#facts = { ...facts, requests: (facts.requests ?? 0) + 1, failures };
    } else return;
    this.#area.refresh();
  }

  #bottom(size: TerminalSize): readonly string[] {
    if (this.#list !== null) return this.#list.lines.slice(0, size.rows - 1);
    const installs = this.#installs.all.map(({ title, lastLine }) => `installing ${title}  ${lastLine}`.trimEnd());
    const facts = { ...this.#facts, installs, hasKeys: this.#keys !== null };
    return describeFooter(facts, this.#view, size);
  }

  #createKeys(): Keys {
    return new Keys({
      input: process.stdin,
      onKey: (key) => this.#pressed(key),
      onSuspend: () => {
        this.#area.isShown = false;
      },
      onResume: () => {
        this.#area.isShown = true;
      },
    });
  }

  #pressed(key: string): void {
    const { keys } = this.#options;
    if (key === 'r') keys.reload();
    else if (key === 'o') keys.open();
    else if (key === 'q') process.kill(process.pid, 'SIGTERM');
    else if (key === '\r') this.#print(['']);
    else if (key === 'l') {
      this.#facts = { ...this.#facts, areLinesShown: !this.#facts.areLinesShown };
      this.#area.refresh();
    }
  }
}

/** What `l` hides: requests that went well, and what functions print. */
function isRoutine(event: StackEvent): boolean {
  if (event.type === 'request') return event.status < 500;
  return event.type === 'requests-omitted' || (event.type === 'log' && event.record.level !== 'error');
}

/** An install that begins stands in the list, or at the bottom. */
function isSeenElsewhere(event: StackEvent): boolean {
  return event.type === 'install' && event.state === 'started';
}
