import { html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { filterByWords } from '../functions.ts';
import { latencyText, textIn, timeText, View } from '../view.ts';
import type { Kept } from './history.ts';

const OUTCOMES = { all: () => true, ok: (status: number) => status < 400, failed: (status: number) => status >= 400 };

/** Past executions or saved events; sends `use` and `remove` with the entry. */
@customElement('fn-history')
export class HistoryList extends View {
  @property({ attribute: false }) entries: readonly Kept[] = [];
  @property() empty = '';
  @property({ type: Boolean }) filterable = false;
  @state() private text = '';
  @state() private outcome: keyof typeof OUTCOMES = 'all';

  #send(name: 'use' | 'remove', entry: Kept): void {
    this.dispatchEvent(new CustomEvent(name, { detail: entry }));
  }

  override render(): TemplateResult {
    if (this.entries.length === 0) return html`<p class="empty">${this.empty}</p>`;
    const shown = filterByWords(
      this.entries.filter(({ status = 0 }) => OUTCOMES[this.outcome](status)),
      this.text,
      textOf,
    );
    return html`
      ${this.filterable ? this.#filters() : nothing}
      <ul class="history">
        ${shown.map((entry) => this.#entry(entry))}
      </ul>
      ${shown.length === 0 ? html`<p class="empty">Nothing matches.</p>` : nothing}
    `;
  }

  #filters(): TemplateResult {
    return html`
      <div class="filters">
        <div class="field grow">
          <label for="history-text">Search</label>
          <input id="history-text" type="search" spellcheck="false" .value=${this.text}
            @input=${(event: Event) => {
              this.text = textIn(event);
            }}>
        </div>
        <div class="field">
          <label for="history-outcome">Outcome</label>
          <select id="history-outcome" @change=${(event: Event) => {
            this.outcome = textIn(event) as keyof typeof OUTCOMES;
          }}>
            ${Object.keys(OUTCOMES).map((outcome) => html`<option value=${outcome} ?selected=${outcome === this.outcome}>${outcome}</option>`)}
          </select>
        </div>
      </div>
    `;
  }

  #entry(entry: Kept): TemplateResult {
    const { at, status, latencyMs, name, draft } = entry;
    const label = name ?? `${draft.method} ${draft.route} of ${timeText(at)}`;
    return html`
      <li>
        <button class="link" type="button" aria-label="Use ${label}" @click=${() => this.#send('use', entry)}>
          ${name ? html`<strong>${name}</strong>` : nothing} ${draft.method} <code>${draft.route}</code>
        </button>
        <span class="quiet small">
          ${status === undefined ? nothing : html`<span class="badge ${status < 400 ? 'ok' : 'error'}">${status || 'none'}</span>`}
          ${latencyMs === undefined ? nothing : latencyText(latencyMs)} <time>${timeText(at)}</time>
        </span>
        <button class="button small" type="button" aria-label="Forget ${label}" @click=${() => this.#send('remove', entry)}>✕</button>
      </li>
    `;
  }
}

function textOf({ draft, status, name = '' }: Kept): string {
  return [
    name,
    draft.method,
    draft.route,
    status,
    JSON.stringify(draft.params),
    JSON.stringify(draft.query),
    draft.body,
  ].join(' ');
}
