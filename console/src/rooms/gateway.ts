import { html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { filterByWords, type RouteRow, routesOf, titleOf } from '../functions.ts';
import { LiveController, live } from '../live.ts';
import { functionHref } from '../places.ts';
import { curlLine } from '../routes.ts';
import { refusalNotice, textIn, View } from '../view.ts';

const SOURCES = ['', 'file', 'manifest', 'config'];
const MAX_SHOWN = 300;

/** Which function answers which path (P226). */
@customElement('fn-gateway')
export class Gateway extends View {
  @state() private filter = '';

  constructor() {
    super();
    new LiveController(this);
  }

  override render(): TemplateResult {
    const { catalog } = live;
    const conflicts = Object.keys(catalog?.mapped_route_conflicts ?? {});
    return html`
      <div class="room-head">
        <h1>Gateway</h1>
        <div class="actions">
          <div class="field compact">
            <label class="sr" for="filter">Filter routes</label>
            <input id="filter" type="search" placeholder="Filter by path, function, host" spellcheck="false" .value=${this.filter}
              @input=${(event: InputEvent) => {
                this.filter = textIn(event);
              }}>
          </div>
        </div>
      </div>
      ${refusalNotice(live.refusal)}
      ${conflicts.length > 0 ? conflictNotice(conflicts) : nothing}
      ${catalog === null ? html`<p class="empty">Reading the routes…</p>` : this.#table(routesOf(catalog))}
    `;
  }

  #table(all: readonly RouteRow[]): TemplateResult {
    const rows = filterByWords(all, this.filter, textOf);
    if (all.length === 0) return html`<p class="empty">No route is mapped: the folder has no function yet.</p>`;
    if (rows.length === 0) return html`<p class="empty">No route matches “${this.filter}”.</p>`;
    return html`
      <p class="quiet" role="status">${rows.length === all.length ? `${all.length} routes` : `${rows.length} of ${all.length} routes`}</p>
      <table class="cards" role="table">
        <caption class="sr">Routes</caption>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Path</th>
            <th role="columnheader" scope="col">Methods</th>
            <th role="columnheader" scope="col">Function</th>
            <th role="columnheader" scope="col">Hosts</th>
            <th role="columnheader" scope="col">Source</th>
            <th role="columnheader" scope="col"><span class="sr">Copy</span></th>
          </tr>
        </thead>
        <tbody role="rowgroup">${rows.slice(0, MAX_SHOWN).map(routeRow)}</tbody>
      </table>
      ${rows.length > MAX_SHOWN ? html`<p class="quiet">The first ${MAX_SHOWN} are shown; filter to see others.</p>` : nothing}
    `;
  }
}

function textOf({ path, key, methods, allow_hosts: hosts = [] }: RouteRow): string {
  return [path, key, ...methods, ...hosts].join(' ');
}

function routeRow({ path, target, methods, allow_hosts: hosts = [], source_rank: rank }: RouteRow): TemplateResult {
  return html`
    <tr role="row">
      <th role="rowheader" scope="row"><code>${path}</code></th>
      <td role="cell" data-label="Methods">${methods.join(', ')}</td>
      <td role="cell" data-label="Function"><a href=${functionHref(target)}>${titleOf(target)}</a> <span class="quiet">${target.runtime}</span></td>
      <td role="cell" data-label="Hosts">${hosts.length === 0 ? html`<span class="quiet">any</span>` : hosts.join(', ')}</td>
      <td role="cell" data-label="Source">${SOURCES[rank] ?? rank}</td>
      <td role="cell" data-label="Try"><fn-copy .text=${curlLine(location.origin, path, methods[0] ?? 'GET')} label="Copy curl line for ${path}"></fn-copy></td>
    </tr>
  `;
}

function conflictNotice(paths: readonly string[]): TemplateResult {
  return html`
    <div class="notice error">
      <p><strong>Claimed twice:</strong> these paths answer 409 until one of their files goes.</p>
      <ul class="plain">${paths.map((path) => html`<li><code>${path}</code></li>`)}</ul>
    </div>
  `;
}
