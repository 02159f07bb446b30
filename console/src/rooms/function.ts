import '../logs/log-view.ts';
import '../tabs/environment.ts';
import '../tabs/overview.ts';
import '../tabs/test.ts';
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { call, type Refusal } from '../api.ts';
import { keyOf, titleOf } from '../functions.ts';
import { LiveController, live } from '../live.ts';
import { navigate } from '../navigation.ts';
import { functionHref, roomHref, TABS, type Tab } from '../places.ts';
import type { FunctionDetail, Health, Target } from '../shapes.ts';
import { refusalNotice, refusalOf, View } from '../view.ts';

const LABELS: Readonly<Record<Tab, string>> = {
  test: 'Test',
  environment: 'Environment',
  logs: 'Logs',
  overview: 'Overview',
};

/** One function or version; each tab has an address of its own (P220). */
@customElement('fn-function')
export class FunctionRoom extends View {
  @property({ attribute: false }) target!: Target;
  @property() tab: Tab = 'test';
  @state() private detail: FunctionDetail | null = null;
  @state() private refusal: Refusal | null = null;
  #health: Health | null = null;
  /** The next tab is opened by keyboard, so the focus goes with it. */
  #movesFocus = false;

  constructor() {
    super();
    new LiveController(this);
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('target')) {
      const before = changed.get('target') as Target | undefined;
      if (before && keyOf(before) === keyOf(this.target)) return;
      this.detail = null;
      this.reload();
      return;
    }
    if (this.#health !== live.health && this.#isOutdated()) this.reload();
    this.#health = live.health;
  }

  /** Something was published since the last poll, or an install is going on. */
  #isOutdated(): boolean {
    if (this.#health === null) return false;
    const isInstalling = this.detail?.metadata.dependency_resolution?.last_install_status === 'installing';
    return isInstalling || this.#health.routing?.table_version !== live.health?.routing?.table_version;
  }

  protected override reload(): void {
    void this.#ask(this.target);
  }

  async #ask(target: Target): Promise<void> {
    try {
      const detail = await call<FunctionDetail>('/_fn/function', { query: { ...target, include_code: 0 } });
      if (target !== this.target) return;
      this.detail = detail;
      this.refusal = null;
    } catch (error) {
      if (target === this.target) this.refusal = refusalOf(error);
    }
  }

  /** Arrow keys, Home and End move between tabs and open them (ARIA practices). */
  #keydown(event: KeyboardEvent): void {
    const at = TABS.indexOf(this.tab);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.#movesFocus = true;
    navigate(functionHref(this.target, TABS[(next + TABS.length) % TABS.length]!));
  }

  protected override updated(changed: PropertyValues): void {
    if (!changed.has('tab') || !this.#movesFocus) return;
    this.#movesFocus = false;
    this.querySelector<HTMLElement>('[role=tab][aria-selected=true]')?.focus();
  }

  override render(): TemplateResult {
    const { target } = this;
    const row = live.rows.find(({ key }) => key === keyOf(target));
    return html`
      <p class="crumb"><a href=${roomHref('functions')}>Functions</a></p>
      <div class="room-head">
        <h1>${titleOf(target)}</h1>
        <p class="facts"><span class="quiet">${target.runtime}</span> <span class="badge ${row?.state ?? ''}">${row?.state ?? nothing}</span></p>
      </div>
      ${refusalNotice(this.refusal)}
      <div class="tabs" role="tablist" aria-label="Function" @keydown=${this.#keydown}>
        ${TABS.map((tab) => this.#tab(tab))}
      </div>
      <div class="tab-panel" id="panel" role="tabpanel" aria-labelledby="tab-${this.tab}" tabindex="0">${this.#panel()}</div>
    `;
  }

  #tab(tab: Tab): TemplateResult {
    const isSelected = tab === this.tab;
    return html`<a role="tab" id="tab-${tab}" href=${functionHref(this.target, tab)} aria-selected=${isSelected ? 'true' : 'false'}
      aria-controls=${isSelected ? 'panel' : nothing} tabindex=${isSelected ? 0 : -1}>${LABELS[tab]}</a>`;
  }

  #panel(): TemplateResult | typeof nothing {
    const { target, detail } = this;
    if (this.tab === 'logs') return html`<fn-log-view .target=${target}></fn-log-view>`;
    if (this.refusal?.status === 404) return nothing;
    if (this.tab === 'environment') return html`<fn-environment .target=${target}></fn-environment>`;
    if (this.tab === 'overview') return html`<fn-overview .target=${target} .detail=${detail}></fn-overview>`;
    return html`<fn-test .target=${target} .detail=${detail}></fn-test>`;
  }
}
