import '../invoke/history-list.ts';
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { call, Refusal } from '../api.ts';
import { keyOf, type RouteRow, routesOf } from '../functions.ts';
import { bodyComplaint, type Draft, EMPTY_DRAFT, invokeBody, type Pair } from '../invoke/draft.ts';
import { type Kept, Shelf } from '../invoke/history.ts';
import { resultView } from '../invoke/result.ts';
import { TEMPLATES } from '../invoke/templates.ts';
import { LiveController, live } from '../live.ts';
import { paramsOf } from '../routes.ts';
import type { FunctionDetail, InvokeAnswer, Target } from '../shapes.ts';
import { announce, refusalNotice, textIn, View } from '../view.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** Calls a function with a made-up request and shows all of the answer (P222). */
@customElement('fn-test')
export class TestTab extends View {
  @property({ attribute: false }) target!: Target;
  @property({ attribute: false }) detail: FunctionDetail | null = null;
  @state() private draft: Draft = EMPTY_DRAFT;
  @state() private answer: InvokeAnswer | null = null;
  @state() private refusal: Refusal | null = null;
  @state() private complaint: string | null = null;
  @state() private isRunning = false;
  @state() private executions: readonly Kept[] = [];
  @state() private events: readonly Kept[] = [];
  #isTouched = false;
  #running: AbortController | undefined;

  constructor() {
    super();
    new LiveController(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#running?.abort();
  }

  protected override willUpdate(changed: PropertyValues): void {
    const before = changed.get('target') as Target | undefined;
    if (changed.has('target') && (!before || keyOf(before) !== keyOf(this.target))) this.#begin();
    if (!this.#isTouched) this.draft = this.#suggestion();
  }

  #begin(): void {
    this.#isTouched = false;
    this.answer = null;
    this.refusal = null;
    this.executions = this.#shelf('executions').read();
    this.events = this.#shelf('events').read();
  }

  #shelf(kind: 'executions' | 'events'): Shelf {
    return new Shelf(kind, keyOf(this.target));
  }

  get #routes(): readonly RouteRow[] {
    const key = keyOf(this.target);
    return live.catalog ? routesOf(live.catalog).filter((route) => route.key === key) : [];
  }

  /** What the function says about its own use (P209 `invoke`), until something is typed. */
  #suggestion(): Draft {
    const route = this.#routes[0];
    const invoke = this.detail?.metadata.invoke;
    const body = invoke?.body_example;
    return {
      ...EMPTY_DRAFT,
      method: invoke?.default_method ?? route?.methods[0] ?? 'GET',
      route: route?.path ?? '',
      params: emptyParams(route?.path ?? ''),
      query: Object.entries(invoke?.query_example ?? {}).map(([name, value]) => ({ name, value: String(value) })),
      headers: invoke?.content_type ? [{ name: 'Content-Type', value: invoke.content_type }] : [],
      body: body == null ? '' : typeof body === 'string' ? body : JSON.stringify(body, null, 2),
    };
  }

  #edit(changes: Partial<Draft>): void {
    this.#isTouched = true;
    this.draft = { ...this.draft, ...changes };
  }

  #chooseRoute(route: string): void {
    const params = { ...emptyParams(route) };
    for (const name of Object.keys(params)) params[name] = this.draft.params[name] ?? '';
    this.#edit({ route, params });
  }

  async #run(event: Event): Promise<void> {
    event.preventDefault();
    this.complaint = null;
    const body = this.#body();
    if (body === null) return;
    this.isRunning = true;
    this.#running = new AbortController();
    try {
      const answer = await call<InvokeAnswer>('/_fn/invoke', { method: 'POST', body, signal: this.#running.signal });
      this.#finish(answer, null);
    } catch (error) {
      if (error instanceof Refusal) this.#finish(null, error);
    }
    this.isRunning = false;
  }

  #body(): Record<string, unknown> | null {
    try {
      return invokeBody(this.target, this.draft);
    } catch (error) {
      this.complaint = `Context: ${(error as SyntaxError).message}`;
      return null;
    }
  }

  #finish(answer: InvokeAnswer | null, refusal: Refusal | null): void {
    this.answer = answer;
    this.refusal = refusal;
    const status = answer?.status ?? refusal!.status;
    const latencyMs = answer?.latency_ms ?? (refusal!.members.latency_ms as number | undefined);
    this.executions = this.#shelf('executions').add({
      draft: this.draft,
      status,
      ...(latencyMs !== undefined && { latencyMs }),
    });
    announce(answer ? `Answered with status ${status}` : `Refused: ${refusal!.error}`);
  }

  #saveEvent(): void {
    const input = this.querySelector<HTMLInputElement>('#event-name')!;
    const name = input.value.trim();
    if (name === '') {
      input.focus();
      return;
    }
    this.events = this.#shelf('events').add({ draft: this.draft, name });
    input.value = '';
    announce(`Saved as ${name}`);
  }

  #use({ draft }: Kept): void {
    this.#edit(draft);
    this.querySelector<HTMLElement>('#method')?.focus();
  }

  override render(): TemplateResult | typeof nothing {
    if (live.catalog === null || this.detail === null) return nothing; // all at once: what is there does not move
    return html`
      <div class="test-grid">
        <form class="card stack" aria-label="Request" @submit=${this.#run}>
          ${this.#line()} ${this.#params()}
          <fieldset><legend>Query</legend>${this.#pairs('query', 'query parameter')}</fieldset>
          <fieldset><legend>Headers</legend>${this.#pairs('headers', 'header')}</fieldset>
          ${this.#bodyField()} ${this.#contextField()}
          ${this.complaint ? html`<p class="problem-text" role="alert">${this.complaint}</p>` : nothing}
          <div class="actions"><button class="button primary" type="submit" ?disabled=${this.isRunning}>${this.isRunning ? 'Running…' : 'Run'}</button></div>
        </form>
        <section class="card result" aria-labelledby="result-title">
          <h2 id="result-title">Result</h2>
          ${refusalNotice(this.refusal)}
          ${this.answer ? resultView(this.answer) : this.refusal ? nothing : html`<p class="empty">Run the function to see its answer here.</p>`}
        </section>
        ${this.#memory()}
      </div>
    `;
  }

  #line(): TemplateResult {
    const { draft } = this;
    return html`
      <div class="templates" role="group" aria-label="Templates">
        ${TEMPLATES.map(({ label, fill }) => html`<button class="button small" type="button" @click=${() => this.#edit(fill(draft))}>${label}</button>`)}
      </div>
      <div class="request-line">
        <div class="field">
          <label for="method">Method</label>
          <select id="method" @change=${(event: Event) => this.#edit({ method: textIn(event) })}>
            ${METHODS.map((method) => html`<option value=${method} .selected=${method === draft.method}>${method}</option>`)}
          </select>
        </div>
        <div class="field grow">
          <label for="route">Route</label>
          <select id="route" @change=${(event: Event) => this.#chooseRoute(textIn(event))}>
            ${this.#routes.length === 0 ? html`<option value="">no route</option>` : nothing}
            ${[...new Set(this.#routes.map(({ path }) => path))].map((path) => html`<option value=${path} .selected=${path === draft.route}>${path}</option>`)}
          </select>
        </div>
      </div>
    `;
  }

  #params(): TemplateResult | typeof nothing {
    const params = paramsOf(this.draft.route);
    if (params.length === 0) return nothing;
    return html`
      <fieldset><legend>Path parameters</legend>
        ${params.map(
          ({ name, isRest }) => html`
            <div class="field">
              <label for="param-${name}">${name}${isRest ? html` <span class="quiet">rest of the path</span>` : nothing}</label>
              <input id="param-${name}" spellcheck="false" .value=${this.draft.params[name] ?? ''}
                @input=${(event: Event) => this.#edit({ params: { ...this.draft.params, [name]: textIn(event) } })}>
            </div>
          `,
        )}
      </fieldset>
    `;
  }

  #pairs(member: 'query' | 'headers', noun: string): TemplateResult {
    return html`<fn-pairs .pairs=${this.draft[member]} noun=${noun}
      @change=${(event: CustomEvent<readonly Pair[]>) => this.#edit({ [member]: event.detail })}></fn-pairs>`;
  }

  #bodyField(): TemplateResult {
    const complaint = bodyComplaint(this.draft);
    return html`
      <div class="field">
        <label for="body">Body</label>
        <textarea id="body" rows="6" spellcheck="false" aria-describedby="body-check" .value=${this.draft.body}
          @input=${(event: Event) => this.#edit({ body: textIn(event) })}></textarea>
        <p class="small problem-text" id="body-check">${complaint ? `Not JSON: ${complaint}` : nothing}</p>
      </div>
    `;
  }

  #contextField(): TemplateResult {
    return html`
      <details ?open=${this.draft.context !== ''}>
        <summary>Context</summary>
        <div class="field">
          <label for="context">JSON object for <code>event.context.user</code></label>
          <textarea id="context" rows="4" spellcheck="false" .value=${this.draft.context} @input=${(event: Event) => this.#edit({ context: textIn(event) })}></textarea>
        </div>
      </details>
    `;
  }

  #memory(): TemplateResult {
    return html`
      <section class="card" aria-labelledby="events-title">
        <h2 id="events-title">Saved events</h2>
        <div class="inline-form">
          <div class="field"><label for="event-name">Name</label><input id="event-name" spellcheck="false" autocomplete="off"></div>
          <button class="button" type="button" @click=${this.#saveEvent}>Save this request</button>
        </div>
        <fn-history .entries=${this.events} empty="Nothing saved yet. Events stay in this browser, without values of secret headers."
          @use=${(event: CustomEvent<Kept>) => this.#use(event.detail)}
          @remove=${(event: CustomEvent<Kept>) => {
            this.events = this.#shelf('events').remove(event.detail.id);
          }}></fn-history>
      </section>
      <section class="card" aria-labelledby="history-title">
        <h2 id="history-title">Recent executions</h2>
        <fn-history filterable .entries=${this.executions} empty="Nothing was run yet."
          @use=${(event: CustomEvent<Kept>) => this.#use(event.detail)}
          @remove=${(event: CustomEvent<Kept>) => {
            this.executions = this.#shelf('executions').remove(event.detail.id);
          }}></fn-history>
      </section>
    `;
  }
}

function emptyParams(route: string): Record<string, string> {
  return Object.fromEntries(paramsOf(route).map(({ name }) => [name, '']));
}
