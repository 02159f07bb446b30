import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { call, open, Refusal } from '../api.ts';
import { filterByWords, keyOf } from '../functions.ts';
import type { Target } from '../shapes.ts';
import { refusalNotice, refusalOf, textIn, View } from '../view.ts';
import { type LogEntry, levelOf, lineText, timeOf } from './entry.ts';
import { readEvents } from './events.ts';

const MAX_LINES = 1000; // P223; older lines leave the page while it follows
const FOLLOW_SLACK_PX = 40; // as near to the end counts as reading the newest line

/** What the server filters by. */
interface Filters {
  readonly file: string;
  readonly level: string;
  readonly stream: string;
  readonly lines: number;
  readonly request_id: string;
}

const CHOICES = {
  file: { label: 'Lines of', options: { runtime: 'functions', error: 'errors', access: 'requests' } },
  level: { label: 'Level', options: { '': 'all', debug: 'debug', info: 'info', warn: 'warn', error: 'error' } },
  stream: { label: 'Stream', options: { all: 'all', stdout: 'stdout', stderr: 'stderr' } },
} as const;

/** Log lines with filters that the server applies, a text filter that the page applies, and live follow (P189, P223). */
@customElement('fn-log-view')
export class LogView extends View {
  /** One function's lines only. */
  @property({ attribute: false }) target: Target | null = null;
  @state() private filters: Filters = { file: 'runtime', level: '', stream: 'all', lines: 200, request_id: '' };
  @state() private text = '';
  @state() private isLive = true;
  @state() private entries: LogEntry[] = [];
  @state() private refusal: Refusal | null = null;
  @query('.log-lines') private region!: HTMLElement | null;
  #asking: AbortController | undefined;
  #isAtEnd = true;

  override connectedCallback(): void {
    super.connectedCallback();
    this.reload();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#asking?.abort();
  }

  protected override reload(): void {
    this.#asking?.abort();
    this.#asking = new AbortController();
    void this.#read(this.#asking.signal);
  }

  /** What there is; while live, the same answer goes on with what comes, so that nothing is lost in between. */
  async #read(signal: AbortSignal): Promise<void> {
    try {
      const entries = this.isLive ? [] : await this.#kept(signal);
      const response = this.isLive ? await open('/_fn/logs', { query: { ...this.#query(), follow: 1 }, signal }) : null;
      this.entries = entries;
      this.refusal = null;
      if (response) await this.#follow(response);
    } catch (error) {
      if (!signal.aborted) this.refusal = error instanceof TypeError ? streamEnded() : refusalOf(error);
    }
  }

  async #kept(signal: AbortSignal): Promise<LogEntry[]> {
    return (await call<{ entries: LogEntry[] }>('/_fn/logs', { query: this.#query(), signal })).entries;
  }

  async #follow(response: Response): Promise<void> {
    const { entries } = this;
    for await (const data of readEvents(response)) {
      entries.push(JSON.parse(data) as LogEntry);
      if (entries.length > MAX_LINES) entries.shift();
      this.requestUpdate(); // draws once for all lines that came together
    }
    this.refusal = streamEnded();
  }

  #query(): Record<string, string | number> {
    const { target } = this;
    return {
      format: 'json',
      ...this.filters,
      ...(target && { runtime: target.runtime, fn: target.name, version: target.version || 'default' }),
    };
  }

  protected override willUpdate(changed: PropertyValues): void {
    const { region } = this;
    this.#isAtEnd = !region || region.scrollHeight - region.scrollTop - region.clientHeight < FOLLOW_SLACK_PX;
    const before = changed.get('target') as Target | null | undefined;
    if (before && this.target && keyOf(before) !== keyOf(this.target)) this.reload();
  }

  protected override updated(): void {
    if (this.#isAtEnd && this.region) this.region.scrollTop = this.region.scrollHeight;
  }

  /** A filter of the server's: asks anew. */
  #filter(changes: Partial<Filters>): void {
    this.filters = { ...this.filters, ...changes };
    this.reload();
  }

  override render(): TemplateResult {
    const shown = filterByWords(this.entries, this.text, lineText);
    return html`
      ${this.#form()} ${refusalNotice(this.refusal)}
      <div class="log-lines" role="log" aria-label="Log lines" tabindex="0">
        ${shown.length === 0 ? this.#empty() : shown.map(logLine)}
      </div>
      <p class="quiet small">${shown.length} of ${this.entries.length} lines${this.isLive && !this.refusal ? ', following' : nothing}</p>
    `;
  }

  #form(): TemplateResult {
    return html`
      <form class="filters" aria-label="Filters" @submit=${(event: Event) => event.preventDefault()}>
        ${this.#select('file')} ${this.#select('level')} ${this.#select('stream')}
        <div class="field">
          <label for="log-request">Request id</label>
          <input id="log-request" type="search" spellcheck="false" .value=${this.filters.request_id}
            @change=${(event: Event) => this.#filter({ request_id: textIn(event).trim() })}>
        </div>
        <div class="field grow">
          <label for="log-text">Text</label>
          <input id="log-text" type="search" spellcheck="false" .value=${this.text}
            @input=${(event: Event) => {
              this.text = textIn(event);
            }}>
        </div>
        <div class="field">
          <label for="log-count">Last lines</label>
          <input id="log-count" type="number" min="20" max=${MAX_LINES} .value=${String(this.filters.lines)} @change=${this.#count}>
        </div>
        <label class="check"><input type="checkbox" role="switch" .checked=${this.isLive} @change=${this.#live}> Live</label>
      </form>
    `;
  }

  #select(name: keyof typeof CHOICES): TemplateResult {
    const { label, options } = CHOICES[name];
    return html`
      <div class="field">
        <label for="log-${name}">${label}</label>
        <select id="log-${name}" @change=${(event: Event) => this.#filter({ [name]: textIn(event) })}>
          ${Object.entries(options).map(([value, text]) => html`<option value=${value} ?selected=${value === this.filters[name]}>${text}</option>`)}
        </select>
      </div>
    `;
  }

  #count(event: Event): void {
    const lines = Math.min(MAX_LINES, Math.max(20, Number(textIn(event)) || 200));
    (event.target as HTMLInputElement).value = String(lines);
    this.#filter({ lines });
  }

  #live(event: Event): void {
    this.isLive = (event.target as HTMLInputElement).checked;
    this.reload();
  }

  #empty(): TemplateResult {
    if (this.entries.length > 0) return html`<p class="empty">No line holds “${this.text}”.</p>`;
    return html`<p class="empty">No lines yet. ${this.isLive ? 'What is printed from now on appears here.' : nothing}</p>`;
  }
}

function logLine(entry: LogEntry): TemplateResult {
  return html`<div class="log-line ${levelOf(entry)}"><time>${timeOf(entry)}</time> <span>${lineText(entry)}</span></div>`;
}

function streamEnded(): Refusal {
  return new Refusal(0, { error: 'the live log has ended', detail: 'switch Live off and on to follow again' });
}
