import './parts/copy-button.ts';
import './parts/pairs.ts';
import './parts/search.ts';
import './parts/token-form.ts';
import './rooms/access.ts';
import './rooms/function.ts';
import './rooms/functions.ts';
import './rooms/gateway.ts';
import './rooms/logs.ts';
import { html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { hasToken, setToken } from './api.ts';
import { LiveController, live } from './live.ts';
import { NAVIGATE_EVENT, navigate } from './navigation.ts';
import type { Search } from './parts/search.ts';
import { type Place, placeOf, roomHref } from './places.ts';
import { readTheme, setTheme, THEMES, type Theme } from './theme.ts';
import { textIn, View } from './view.ts';

const ROOMS = [
  { room: 'functions', label: 'Functions' },
  { room: 'gateway', label: 'Gateway' },
  { room: 'logs', label: 'Logs' },
  { room: 'access', label: 'Access' },
] as const;

/** The frame around every room: navigation, search, theme, live region. */
@customElement('fn-console')
export class Console extends View {
  @state() private place: Place = placeOf(location.pathname);
  @state() private theme: Theme = readTheme();
  @state() private announcement = '';
  @query('fn-search') private search!: Search;
  @query('main') private main!: HTMLElement;

  readonly #moved = () => this.#show(placeOf(location.pathname));
  readonly #announced = (event: Event) => {
    this.announcement = (event as CustomEvent<string>).detail;
  };
  readonly #keydown = (event: KeyboardEvent) => {
    if (event.altKey && event.code === 'KeyS') {
      event.preventDefault();
      this.search.open();
    }
  };

  constructor() {
    super();
    new LiveController(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener('popstate', this.#moved);
    window.addEventListener(NAVIGATE_EVENT, this.#moved);
    window.addEventListener('fn-announce', this.#announced);
    document.addEventListener('keydown', this.#keydown);
    document.addEventListener('click', followLink);
    document.title = titleOf(this.place);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener('popstate', this.#moved);
    window.removeEventListener(NAVIGATE_EVENT, this.#moved);
    window.removeEventListener('fn-announce', this.#announced);
    document.removeEventListener('keydown', this.#keydown);
    document.removeEventListener('click', followLink);
  }

  /** A new room is read from its beginning; another tab of the same page keeps the focus on the tab. */
  async #show(place: Place): Promise<void> {
    const isSamePage = roomKey(place) === roomKey(this.place);
    this.place = place;
    document.title = titleOf(place);
    if (isSamePage) return;
    await this.updateComplete;
    this.main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  #room(): TemplateResult {
    const { place } = this;
    switch (place.room) {
      case 'function':
        return html`<fn-function .target=${place.target} .tab=${place.tab}></fn-function>`;
      case 'gateway':
        return html`<fn-gateway></fn-gateway>`;
      case 'logs':
        return html`<fn-logs></fn-logs>`;
      case 'access':
        return html`<fn-access></fn-access>`;
      default:
        return html`<fn-functions></fn-functions>`;
    }
  }

  #status(): TemplateResult {
    const status = live.refusal ? 'unreachable' : (live.health?.status ?? 'connecting');
    const label = live.refusal && live.refusal.status > 0 ? live.refusal.error : status;
    return html`<span class="health ${status}" title=${live.health?.version ? `FastFN ${live.health.version}` : 'FastFN'}>${label}</span>`;
  }

  override render(): TemplateResult {
    const current = this.place.room === 'function' ? 'functions' : this.place.room;
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>Skip to content</a>
      <header class="top">
        <a class="brand" href=${roomHref('functions')}>FastFN</a>
        <nav aria-label="Rooms">
          ${ROOMS.map(
            ({ room, label }) =>
              html`<a href=${roomHref(room)} aria-current=${room === current ? 'page' : nothing}>${label}</a>`,
          )}
        </nav>
        <div class="tools">
          ${this.#status()}
          ${hasToken() ? html`<button class="button small" type="button" @click=${() => setToken(null)}>Forget token</button>` : nothing}
          <button class="button small" type="button" aria-keyshortcuts="Alt+S" @click=${() => this.search.open()}>Search <kbd>Alt S</kbd></button>
          <label class="theme"><span class="sr">Theme</span>
            <select @change=${this.#chooseTheme}>
              ${THEMES.map((theme) => html`<option value=${theme} ?selected=${theme === this.theme}>${theme}</option>`)}
            </select>
          </label>
        </div>
      </header>
      <main id="main" tabindex="-1">${this.#room()}</main>
      <div class="sr" role="status" aria-live="polite">${this.announcement}</div>
      <fn-search></fn-search>
    `;
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.main.focus();
  }

  #chooseTheme(event: Event): void {
    this.theme = textIn(event) as Theme;
    setTheme(this.theme);
  }
}

function roomKey(place: Place): string {
  return place.room === 'function' ? JSON.stringify(place.target) : place.room;
}

function titleOf(place: Place): string {
  const { room } = place;
  const name = room === 'function' ? place.target.name : `${room[0]!.toUpperCase()}${room.slice(1)}`;
  return `${name} – FastFN console`;
}

/** Plain clicks on links into the console change the place without loading a page, which would forget the token. */
function followLink(event: MouseEvent): void {
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const link = (event.target as Element).closest<HTMLAnchorElement>('a[href^="/console"]');
  if (!isPlain || !link || link.target !== '' || event.defaultPrevented) return;
  event.preventDefault();
  navigate(link.getAttribute('href')!);
}
