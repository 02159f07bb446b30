import { html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { call, hasToken, type Refusal } from '../api.ts';
import type { UiState } from '../shapes.ts';
import { announce, refusalNotice, refusalOf, View } from '../view.ts';

type Settable = Exclude<keyof UiState, 'admin_api_enabled' | 'current_user'>;

/** What each flag means, and the setting that it begins with. */
const FLAGS: readonly {
  readonly name: Settable;
  readonly setting: string;
  readonly label: string;
  readonly meaning: string;
}[] = [
  {
    name: 'ui_enabled',
    setting: 'FN_UI_ENABLED',
    label: 'Console',
    meaning: 'This console is served. Switched off, it is gone until the next start.',
  },
  {
    name: 'api_enabled',
    setting: 'FN_CONSOLE_API_ENABLED',
    label: 'Admin API',
    meaning: 'The API that this console works with is served. Switched off, it is gone until the next start.',
  },
  {
    name: 'write_enabled',
    setting: 'FN_CONSOLE_WRITE_ENABLED',
    label: 'Changes without token',
    meaning: 'Clients on this machine may change files and flags. The admin token always may.',
  },
  {
    name: 'local_only',
    setting: 'FN_CONSOLE_LOCAL_ONLY',
    label: 'This machine only',
    meaning: 'Clients elsewhere are refused unless they bring the admin token.',
  },
  {
    name: 'login_enabled',
    setting: 'FN_CONSOLE_LOGIN_ENABLED',
    label: 'Login for the console',
    meaning: 'The console asks for user name and password.',
  },
  {
    name: 'login_api_enabled',
    setting: 'FN_CONSOLE_LOGIN_API',
    label: 'Login for the API too',
    meaning: 'The admin API needs a session or the admin token as well.',
  },
];

/** Who may do what: the flags, the token, the session (P231). */
@customElement('fn-access')
export class Access extends View {
  @state() private flags: UiState | null = null;
  @state() private refusal: Refusal | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.reload();
  }

  protected override reload(): void {
    void this.#ask();
  }

  async #ask(method: 'GET' | 'PUT' | 'DELETE' = 'GET', body?: Partial<UiState>): Promise<void> {
    try {
      this.flags = await call<UiState>('/_fn/ui-state', { method, ...(body && { body }) });
      this.refusal = null;
      if (method !== 'GET') announce('Saved until the next start');
    } catch (error) {
      this.refusal = refusalOf(error);
    }
  }

  async #toggle(name: Settable, event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    await this.#ask('PUT', { [name]: input.checked });
    input.checked = this.flags![name]; // a refused change does not look done
  }

  async #logOut(): Promise<void> {
    try {
      await call('/_fn/logout', { method: 'POST' });
      location.reload();
    } catch (error) {
      this.refusal = refusalOf(error);
    }
  }

  override render(): TemplateResult {
    return html`
      <div class="room-head"><h1>Access</h1></div>
      ${refusalNotice(this.refusal)}
      ${this.flags === null ? nothing : this.#sections(this.flags)}
    `;
  }

  #sections(flags: UiState): TemplateResult {
    return html`
      <section class="card" aria-labelledby="flags-title">
        <h2 id="flags-title">Flags</h2>
        <p class="quiet">Changes hold until the next start; the setting named beside each flag is what it starts with.</p>
        <ul class="flags">${FLAGS.map((flag) => this.#flag(flag, flags))}</ul>
        <button class="button" type="button" @click=${() => this.#ask('DELETE')}>Return to the configured flags</button>
      </section>
      <section class="card" aria-labelledby="session-title">
        <h2 id="session-title">Session</h2>
        ${
          flags.current_user === null
            ? html`<p>${flags.login_enabled ? 'Not logged in.' : 'The console needs no login.'}</p>`
            : html`<p>Logged in as <strong>${flags.current_user}</strong>.</p>
              <button class="button" type="button" @click=${this.#logOut}>Log out</button>`
        }
      </section>
      <section class="card" aria-labelledby="token-title">
        <h2 id="token-title">Admin token</h2>
        <p class="quiet">FN_ADMIN_TOKEN sets it. It admits from anywhere and allows what flags forbid.</p>
        ${hasToken() ? html`<p>This tab sends a token.</p>` : html`<fn-token-form></fn-token-form>`}
      </section>
    `;
  }

  #flag({ name, setting, label, meaning }: (typeof FLAGS)[number], flags: UiState): TemplateResult {
    return html`
      <li>
        <input type="checkbox" role="switch" id=${name} aria-describedby="${name}-meaning" .checked=${flags[name]}
          @change=${(event: Event) => this.#toggle(name, event)}>
        <div>
          <label for=${name}>${label}</label> <code class="small">${setting}</code>
          <p class="quiet small" id="${name}-meaning">${meaning}</p>
        </div>
      </li>
    `;
  }
}
