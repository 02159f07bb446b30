import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { setToken } from '../api.ts';
import { View } from '../view.ts';

let count = 0;

/** Input for the admin token: kept in this tab's memory, never stored (P218). */
@customElement('fn-token-form')
export class TokenForm extends View {
  readonly #id = `token-${++count}`;

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const input = this.querySelector('input')!;
    const token = input.value.trim();
    input.value = '';
    if (token !== '') setToken(token);
  }

  override render(): TemplateResult {
    return html`
      <form class="inline-form" @submit=${this.#submit}>
        <div class="field">
          <label for=${this.#id}>Admin token</label>
          <input id=${this.#id} type="password" autocomplete="off" spellcheck="false" aria-describedby="${this.#id}-note">
        </div>
        <button class="button" type="submit">Use token</button>
        <p class="quiet small" id="${this.#id}-note">Kept in the memory of this tab until it is closed or reloaded.</p>
      </form>
    `;
  }
}
