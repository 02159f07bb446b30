import { html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { keyOf, type RouteRow, routesOf } from '../functions.ts';
import { LiveController, live } from '../live.ts';
import { problemList } from '../parts/problem-list.ts';
import { curlLine } from '../routes.ts';
import type { DependencyState, FunctionDetail, Target } from '../shapes.ts';
import { timeText, View } from '../view.ts';

/** Routes, policy, dependencies and problems of one function (P224, P225). */
@customElement('fn-overview')
export class Overview extends View {
  @property({ attribute: false }) target!: Target;
  @property({ attribute: false }) detail: FunctionDetail | null = null;

  constructor() {
    super();
    new LiveController(this);
  }

  override render(): TemplateResult | typeof nothing {
    const { detail } = this;
    if (live.catalog === null || detail === null) return nothing; // all at once: what is there does not move
    const key = keyOf(this.target);
    const routes = routesOf(live.catalog).filter((route) => route.key === key);
    return html`
      ${problemList(live.problems.filter((problem) => problem.function === key))}
      ${this.#routes(routes)}
      ${policySection(detail)} ${dependencySection(detail.metadata.dependency_resolution ?? null)}
    `;
  }

  #routes(routes: readonly RouteRow[]): TemplateResult {
    const base = this.#baseUrl();
    return html`
      <section class="card" aria-labelledby="routes-title">
        <h2 id="routes-title">Routes</h2>
        ${routes.length === 0 ? html`<p class="empty">No route is mapped to this function.</p>` : nothing}
        <ul class="plain curls">
          ${routes.flatMap(({ path, methods }) =>
            methods.map((method) => {
              const line = curlLine(base, path, method);
              return html`<li>
                <p><strong>${method}</strong> <code>${path}</code></p>
                <div class="code-line"><pre tabindex="0" aria-label="curl line for ${method} ${path}">${line}</pre><fn-copy .text=${line} label="Copy curl line for ${method} ${path}"></fn-copy></div>
              </li>`;
            }),
          )}
        </ul>
      </section>
    `;
  }

  /** Where clients reach the stack, as it says itself; behind a proxy that is not this page's address. */
  #baseUrl(): string {
    const url = this.detail?.metadata.endpoints?.preferred_public_url;
    return url ? new URL(url, location.href).origin : location.origin;
  }
}

function policySection({ policy, file_path: file }: FunctionDetail): TemplateResult {
  return html`
    <section class="card" aria-labelledby="policy-title">
      <h2 id="policy-title">Policy</h2>
      <dl class="facts-list">
        <div><dt>file</dt><dd><code>${file}</code></dd></div>
        ${Object.entries(policy).map(([name, value]) => html`<div><dt>${name}</dt><dd>${factText(value)}</dd></div>`)}
      </dl>
    </section>
  `;
}

function factText(value: unknown): TemplateResult | string {
  if (value === null || value === undefined) return html`<span class="quiet">not set</span>`;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ') || 'none';
  return typeof value === 'object' ? html`<code>${JSON.stringify(value)}</code>` : String(value);
}

function dependencySection(state: DependencyState | null): TemplateResult | typeof nothing {
  if (state === null || state.mode === 'none') return nothing;
  const status = state.last_install_status ?? 'pending';
  const log = typeof state.log_tail === 'string' ? state.log_tail : (state.log_tail ?? []).join('\n');
  return html`
    <section class="card" aria-labelledby="dependencies-title">
      <h2 id="dependencies-title">Dependencies <span class="badge ${status}">${status}</span></h2>
      ${state.last_error ? html`<p class="problem-text">${state.last_error}</p>` : nothing}
      <dl class="facts-list">
        <div><dt>manifest</dt><dd><code>${state.manifest_path ?? state.mode}</code></dd></div>
        ${state.lockfile_path ? html`<div><dt>lock file</dt><dd><code>${state.lockfile_path}</code></dd></div>` : nothing}
        ${state.updated_at ? html`<div><dt>updated</dt><dd>${timeText(state.updated_at * 1000)}</dd></div>` : nothing}
        ${state.unresolved_imports?.length ? html`<div><dt>unresolved</dt><dd>${state.unresolved_imports.join(', ')}</dd></div>` : nothing}
      </dl>
      ${log ? html`<h3>End of the install log</h3><pre tabindex="0" aria-label="Install log">${log}</pre>` : nothing}
    </section>
  `;
}
