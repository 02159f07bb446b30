import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Pair } from '../invoke/draft.ts';
import { View } from '../view.ts';

/** Rows of names and values; sends `change` with the new rows. */
@customElement('fn-pairs')
export class Pairs extends View {
  @property({ attribute: false }) pairs: readonly Pair[] = [];
  /** `query parameter`, `header`: for labels. */
  @property() noun = '';

  #change(pairs: readonly Pair[]): void {
    this.pairs = pairs;
    this.dispatchEvent(new CustomEvent('change', { detail: pairs }));
  }

  #edit(at: number, member: keyof Pair, event: Event): void {
    event.stopPropagation();
    const { value } = event.target as HTMLInputElement;
    this.#change(this.pairs.map((pair, index) => (index === at ? { ...pair, [member]: value } : pair)));
  }

  async #add(): Promise<void> {
    this.#change([...this.pairs, { name: '', value: '' }]);
    await this.updateComplete;
    [...this.querySelectorAll<HTMLInputElement>('input[data-name]')].at(-1)?.focus();
  }

  async #remove(at: number): Promise<void> {
    this.#change(this.pairs.filter((_, index) => index !== at));
    await this.updateComplete;
    this.querySelector<HTMLButtonElement>('button[data-add]')?.focus();
  }

  override render(): TemplateResult {
    return html`
      ${this.pairs.map(
        ({ name, value }, at) => html`
          <div class="pair">
            <input data-name .value=${name} aria-label="Name of ${this.noun} ${at + 1}" placeholder="name" spellcheck="false"
              @input=${(event: Event) => this.#edit(at, 'name', event)} @change=${(event: Event) => event.stopPropagation()}>
            <input .value=${value} aria-label="Value of ${this.noun} ${at + 1}" placeholder="value" spellcheck="false"
              @input=${(event: Event) => this.#edit(at, 'value', event)} @change=${(event: Event) => event.stopPropagation()}>
            <button class="button small" type="button" aria-label="Remove ${this.noun} ${at + 1}" @click=${() => this.#remove(at)}>✕</button>
          </div>
        `,
      )}
      <button class="button small" type="button" data-add @click=${this.#add}>Add ${this.noun}</button>
    `;
  }
}
