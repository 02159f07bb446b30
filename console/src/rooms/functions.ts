import { html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { call, type Refusal } from '../api.ts';
import { type FunctionRow, filterFunctions, titleOf } from '../functions.ts';
import { LiveController, live } from '../live.ts';
import { problemList } from '../parts/problem-list.ts';
import { functionHref } from '../places.ts';
import { announce, refusalNotice, refusalOf, textIn, View } from '../view.ts';

const MAX_SHOWN = 200; // more rows than anybody reads; the filter finds the rest

/** All functions and versions with their live state (P219). */
@customElement('fn-functions')
export class Functions extends View {
  @state() private filter = '';
  @state() private isReloading = false;
  @state() private refusal: Refusal | null = null;

  constructor() {
    super();
    new LiveController(this);
  }

  async #refresh(): Promise<void> {
    this.isReloading = true;
    this.refusal = null;
    try {
      const { changed } = await call<{ changed: readonly string[] }>('/_fn/reload', { method: 'POST' });
      await live.refresh();
      announce(changed.length === 0 ? 'Nothing has changed' : `${changed.length} functions changed`);
    } catch (error) {
      this.refusal = refusalOf(error);
    }
    this.isReloading = false;
  }

  #filtered(event: InputEvent): void {
    this.filter = textIn(event);
  }

  override render(): TemplateResult {
    const rows = filterFunctions(live.rows, this.filter);
    return html`
      <div class="room-head">
        <h1>Functions</h1>
        <div class="actions">
          <div class="field compact">
            <label class="sr" for="filter">Filter functions</label>
            <input id="filter" type="search" placeholder="Filter by name, route, state" spellcheck="false" .value=${this.filter} @input=${this.#filtered}>
          </div>
          <button class="button" type="button" ?disabled=${this.isReloading} @click=${this.#refresh}>Refresh</button>
        </div>
      </div>
      ${refusalNotice(this.refusal ?? live.refusal)}
      ${problemList(live.problems.filter((problem) => !problem.function))}
      ${live.catalog === null ? waiting() : this.#list(rows)}
    `;
  }

  #list(rows: readonly FunctionRow[]): TemplateResult {
    if (live.rows.length === 0) return noFunctions();
    if (rows.length === 0) return html`<p class="empty">No function matches “${this.filter}”.</p>`;
    return html`
      <p class="quiet" role="status">${countText(rows.length, live.rows.length)}</p>
      <table class="cards" role="table">
        <caption class="sr">Functions</caption>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Function</th>
            <th role="columnheader" scope="col">Runtime</th>
            <th role="columnheader" scope="col">Methods</th>
            <th role="columnheader" scope="col">Routes</th>
            <th role="columnheader" scope="col">State</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${repeat(rows.slice(0, MAX_SHOWN), ({ key }) => key, functionRow)}
        </tbody>
      </table>
      ${rows.length > MAX_SHOWN ? html`<p class="quiet">The first ${MAX_SHOWN} are shown; filter to see others.</p>` : nothing}
    `;
  }
}

function functionRow({ target, methods, routes, state, problems }: FunctionRow): TemplateResult {
  return html`
    <tr role="row">
      <th role="rowheader" scope="row"><a href=${functionHref(target)}>${titleOf(target)}</a></th>
      <td role="cell" data-label="Runtime">${target.runtime}</td>
      <td role="cell" data-label="Methods">${methods.join(', ') || html`<span class="quiet">none</span>`}</td>
      <td role="cell" data-label="Routes">
        ${routes.length === 0 ? html`<span class="quiet">none</span>` : html`<ul class="plain">${routes.map((route) => html`<li><code>${route}</code></li>`)}</ul>`}
      </td>
      <td role="cell" data-label="State">
        <span class="badge ${state}">${state}</span>
        ${problems.map(({ message }) => html`<span class="problem-text small">${message}</span>`)}
      </td>
    </tr>
  `;
}

function countText(shown: number, all: number): string {
  const functions = all === 1 ? 'function' : 'functions';
  return shown === all ? `${all} ${functions}` : `${shown} of ${all} ${functions}`;
}

function waiting(): TemplateResult {
  return html`<p class="empty">${live.refusal ? 'Nothing to show.' : 'Reading the functions…'}</p>`;
}

function noFunctions(): TemplateResult {
  return html`
    <div class="empty">
      <p>There is no function in <code>${live.catalog!.functions_root}</code> yet.</p>
      <p>Save this as <code>hello.js</code> there; it answers at <code>/hello</code> at once:</p>
      <pre>exports.handler = async () => ({ status: 200, body: 'hello' });</pre>
    </div>
  `;
}
